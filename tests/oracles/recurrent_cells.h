#pragma once

#include <functional>
#include <vector>

#include "sluice/sluice.h"

// Cells of recurrent nets, and unrolled nets of them.
namespace sluice::oracles {

/// x[:, step] of an array [rows, steps, features].
Tensor at_step(const Tensor& x, std::int64_t step);
/// Columns [i * units, (i + 1) * units) of a matrix of gates.
Tensor gate(const Tensor& gates, int i, std::int64_t units);

struct LstmState {
  Tensor h;
  Tensor c;
};
/// One step, of gates i, f, g, o before their activations.
LstmState lstm_step(const Tensor& gates, const LstmState& state, std::int64_t units);

}  // namespace sluice::oracles

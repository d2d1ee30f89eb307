#pragma once

#include <span>
#include <string_view>

#include "tests/proofs/prover.h"

namespace sluice::proofs {

/// Hand-written theorems on positions and on the order of folds: rules run on graphs of known sizes, these theorems
/// cover all sizes. `what` names the ranks or values that they cover.
struct IndexTheorem {
  std::string_view rule;
  std::string_view what;
  void (*prove)(Prover& prover);
};

std::span<const IndexTheorem> shape_theorems();
std::span<const IndexTheorem> structure_theorems();

}  // namespace sluice::proofs

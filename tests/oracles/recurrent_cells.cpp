#include "tests/oracles/recurrent_cells.h"

namespace sluice::oracles {

Tensor at_step(const Tensor& x, std::int64_t step) {
  const Dim rows = x.shape()[0];
  const Dim features = x.shape()[2];
  return reshape(slice(x, {0, step, 0}, {-1, 1, features}), {rows, features});
}

Tensor gate(const Tensor& gates, int i, std::int64_t units) { return slice(gates, {0, i * units}, {-1, units}); }

LstmState lstm_step(const Tensor& gates, const LstmState& state, std::int64_t units) {
  const Tensor c =
      sigmoid(gate(gates, 1, units)) * state.c + sigmoid(gate(gates, 0, units)) * tanh(gate(gates, 2, units));
  return {sigmoid(gate(gates, 3, units)) * tanh(c), c};
}

}  // namespace sluice::oracles

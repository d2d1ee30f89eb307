#pragma once

#include <algorithm>
#include <vector>

#include "ir/reference/rules.h"
#include "sluice/ir/graph.h"

// Values of a graph that are computed in several ways of rounding, for an estimate of their errors.
namespace sluice::passes {

using ir::reference::Tensor;
using Mask = std::vector<bool>;  ///< empty: false everywhere
inline bool at(const Mask& mask, std::size_t i) { return !mask.empty() && mask[i]; }

/// A value in each way: in double, as written, and as written with perturbed rounding.
struct Ways {
  std::vector<Tensor> values;
  Mask undecided;  ///< depends on a decision that rounding may flip
  Mask near_kink;  ///< continuous, but a decision on it is undecided: relu close to 0

  explicit Ways(std::size_t ways = 0) : values(ways) {}
  std::size_t count() const { return values[0].count(); }
};

inline std::vector<double> numbers(const Tensor& tensor) {
  return tensor.visit([]<typename T>(std::span<const T> x) {
    std::vector<double> all(x.size());
    std::ranges::transform(x, all.begin(), [](T v) { return ir::reference::element<double>(v); });
    return all;
  });
}

/// Marks the elements of `result`, the value of `node`, that depend on a decision which rounding of the operands may
/// flip.
void mark_decisions(const ir::Node& node, const std::vector<Ways>& operands, Ways& result);

}  // namespace sluice::passes

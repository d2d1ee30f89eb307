#pragma once

#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// Returns the axes that a reduction folds, or is_first_max or argsort compares along, ascending; for argmax its only
/// one.
inline std::vector<std::int64_t> reduced_axes(const Node& reduction) {
  if (reduction.op == Op::kArgmax) return {reduction.attributes.integer(Attr::kAxis)};
  if (reduction.op == Op::kArgsort) return {reduction.types[0].shape.rank() - 1};
  return reduction.attributes.integers(Attr::kAxes);
}

}  // namespace sluice::ir

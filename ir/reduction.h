#pragma once

#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// Returns the axes that a reduction folds, that is_first_max or argsort compares along, or that a recurrence runs
/// along, ascending.
inline std::vector<std::int64_t> reduced_axes(const Node& reduction) {
  if (reduction.attributes.find(Attr::kAxis) != nullptr) return {reduction.attributes.integer(Attr::kAxis)};
  if (reduction.op == Op::kArgsort) return {reduction.types[0].shape.rank() - 1};
  return reduction.attributes.integers(Attr::kAxes);
}

}  // namespace sluice::ir

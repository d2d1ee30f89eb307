#pragma once

#include <vector>

#include "backend/codegen/kernels.h"

namespace sluice::backend {

/// Reductions that go through the elements of their operands together. Each carries from element to element what it has
/// folded so far: one value, or for argmax the largest element and its position.
class Folds {
 public:
  /// `nodes`, of the frame's body, have operands of one shape.
  Folds(Frame& frame, std::vector<const ir::Node*> nodes) : frame_(frame), e_(frame.e), nodes_(std::move(nodes)) {}

  /// Nothing folded yet, in each of `lanes`.
  Emitter::Values start(int lanes);
  /// Folds in the element of each operand at `index`, in the lanes that the elements' mask leaves.
  Emitter::Values step(const Emitter::Values& carried, const Index& index);
  /// Folds in all elements along the last axis, of `size`: whole vectors, then a masked one. `index` has the other
  /// coordinates.
  Emitter::Values along_last_axis(const Emitter::Values& carried, Index index, Dim size);
  /// What each node makes, from what it has folded; all lanes into one, if there are many.
  Emitter::Values results(const Emitter::Values& carried, bool join_lanes);

  /// The lanes to go along the last axis with.
  static int lanes_for(const Emitter& e, Dim size) { return size == Dim(1) ? 1 : e.target.lanes(4); }

 private:
  Emitter::Values merge(const ir::Node& node, const Emitter::Values& x, const Emitter::Values& y);
  DType operand_dtype(const ir::Node& node) const { return frame_.body().type(node.operands[0]).dtype; }

  Frame& frame_;
  Emitter& e_;
  std::vector<const ir::Node*> nodes_;
};

}  // namespace sluice::backend

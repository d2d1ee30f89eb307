#pragma once

#include <vector>

#include "backend/codegen/kernels.h"

namespace sluice::backend {

/// Reductions that go through the elements of their operands together. Elements are folded in chains, each from
/// nothing: of one value, or for argmax of the largest element and its position. The chains are short and are joined
/// with compensation where they sum floats, so that the error of a sum does not grow with the number of its terms.
class Folds {
 public:
  /// The steps of a chain: one in f32 that adds the same number so often is 5e-7 off at worst.
  static constexpr std::int64_t kChain = 32;

  /// `nodes`, of the frame's body, have operands of one shape.
  Folds(Frame& frame, std::vector<const ir::Node*> nodes) : frame_(frame), e_(frame.e), nodes_(std::move(nodes)) {}

  /// A chain of no elements, in each of `lanes`.
  Emitter::Values nothing(int lanes);
  /// Joins one more chain.
  Emitter::Values join(const Emitter::Values& total, const Emitter::Values& chain);
  /// No chain joined yet, in each of `lanes`.
  Emitter::Values start(int lanes);
  /// Joins the chains of the iterations 0 <= i < end, `length` of them a chain; `body` continues one.
  Emitter::Values chains(const Emitter::Values& total, llvm::Value* end, std::int64_t step, Dim count,
                         std::int64_t length, int lanes,
                         const std::function<Emitter::Values(llvm::Value*, const Emitter::Values&)>& body);
  /// Continues a chain by the element of each operand at `index`, in the lanes that the elements' mask leaves.
  Emitter::Values step(const Emitter::Values& chain, const Index& index);
  /// Continues a chain by all elements along the last axis, of `size`: whole vectors, then a masked one. `index` has
  /// the other coordinates.
  Emitter::Values row(const Emitter::Values& chain, const Index& index, Dim size);
  /// Joins the chains of all elements along the last axis.
  Emitter::Values along_last_axis(const Emitter::Values& total, const Index& index, Dim size);
  /// Returns the result of each node from the joined chains; `join_lanes` also joins the lanes into one.
  Emitter::Values results(const Emitter::Values& total, bool join_lanes);

  /// Returns how many rows along a last axis of `size` form one chain; 0: a row may be longer than a chain.
  static std::int64_t rows_a_chain(const Emitter& e, Dim size);
  /// The lanes to go along the last axis with.
  static int lanes_for(const Emitter& e, Dim size) { return size == Dim(1) ? 1 : e.target.lanes(4); }

 private:
  struct Row;

  Row row_of(Dim size);
  Emitter::Values vector(const Emitter::Values& chain, Index index, const Row& row, llvm::Value* first, bool whole);
  Emitter::Values merge(const ir::Node& node, const Emitter::Values& x, const Emitter::Values& y);
  DType operand_dtype(const ir::Node& node) const { return frame_.body().type(node.operands[0]).dtype; }
  bool sums_floats(const ir::Node& node) const {
    return node.op == ir::Op::kReduceSum && is_float(operand_dtype(node));
  }

  Frame& frame_;
  Emitter& e_;
  std::vector<const ir::Node*> nodes_;
};

}  // namespace sluice::backend

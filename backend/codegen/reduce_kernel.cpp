#include <algorithm>
#include <limits>

#include "backend/codegen/kernels.h"
#include "ir/error.h"

namespace sluice::backend {

using ir::Node;
using ir::Op;
using Values = Emitter::Values;

namespace {

/// The number that leaves every other as it is.
llvm::Value* identity(Emitter& e, Op op, DType dtype) {
  llvm::Type* const type = e.register_type(dtype);
  if (op == Op::kReduceSum) return e.number(type, 0);
  const bool larger = op == Op::kReduceMax;
  return visit_dtype(dtype, [&](auto zero) -> llvm::Value* {
    using Limits = std::numeric_limits<decltype(zero)>;
    if constexpr (Limits::has_infinity) return e.number(type, larger ? -Limits::infinity() : Limits::infinity());
    return llvm::ConstantInt::get(type, static_cast<std::uint64_t>(larger ? Limits::min() : Limits::max()), true);
  });
}

llvm::Value* fold(Emitter& e, Op op, DType dtype, llvm::Value* accumulator, llvm::Value* x) {
  if (op == Op::kReduceSum) return is_float(dtype) ? e.b.CreateFAdd(accumulator, x) : e.b.CreateAdd(accumulator, x);
  return emit_extreme(e, dtype, x, accumulator, op == Op::kReduceMax);
}

/// All lanes of a vector into one, halves first: the order depends on the number of lanes only.
llvm::Value* fold_lanes(Emitter& e, Op op, DType dtype, llvm::Value* vector, int lanes) {
  for (int half = lanes / 2; half >= 1; half /= 2) {
    std::vector<int> low;
    std::vector<int> high;
    for (int i = 0; i < half; ++i) {
      low.push_back(i);
      high.push_back(i + half);
    }
    vector = fold(e, op, dtype, e.b.CreateShuffleVector(vector, low), e.b.CreateShuffleVector(vector, high));
  }
  return lanes == 1 ? vector : e.b.CreateExtractElement(vector, std::uint64_t{0});
}

/// The reductions of one kernel: the results of its body.
class Reduction {
 public:
  explicit Reduction(Frame& frame) : frame_(frame), e_(frame.e) {
    for (const ir::Value result : frame.body().results()) nodes_.push_back(&frame.body().node(result));
    shape_ = frame.body().type(nodes_[0]->operands[0]).shape;
    const auto& axes = nodes_[0]->attributes.integers(ir::Attr::kAxes);
    for (int axis = 0; axis < shape_.rank(); ++axis) {
      (std::ranges::find(axes, axis) != axes.end() ? reduced_ : kept_).push_back(axis);
    }
    for (const int axis : reduced_) reduced_shape_.push_back(shape_[axis]);
    index_.resize(static_cast<std::size_t>(shape_.rank()));
  }

  void emit() {
    const bool along_lanes = !reduced_.empty() && reduced_.back() + 1 == shape_.rank();
    e_.loop(frame_.begin, frame_.end, 1, [&](llvm::Value* unit) {
      const auto blocks = unit_blocks(frame_, unit);
      for (std::size_t i = 0; i < kept_.size(); ++i) at(kept_[i]) = {blocks[i], false, nullptr, Level::kRow};
      if (along_lanes || shape_.rank() == 0) {
        emit_one_output();
      } else {
        emit_vector_of_outputs(blocks.back());
      }
    });
  }

 private:
  Coordinate& at(int axis) { return index_[static_cast<std::size_t>(axis)]; }
  DType dtype(std::size_t i) const { return nodes_[i]->types[0].dtype; }

  Values start(int lanes) {
    Values accumulators;
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      accumulators.push_back(e_.splat(identity(e_, nodes_[i]->op, dtype(i)), lanes));
    return accumulators;
  }

  /// One element of every operand, folded in; lanes outside of the mask keep what they have.
  Values step(const Values& accumulators, bool masked) {
    Values next;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      llvm::Value* x = frame_.elements.vector_at(nodes_[i]->operands[0], index_);
      if (masked)
        x = e_.b.CreateSelect(frame_.elements.mask(), x,
                              e_.splat(identity(e_, nodes_[i]->op, dtype(i)), frame_.elements.lanes()));
      next.push_back(fold(e_, nodes_[i]->op, dtype(i), accumulators[i], x));
    }
    return next;
  }

  void set_reduced(const Shape& shape, llvm::Value* position) {
    const Index index = frame_.elements.delinearized(shape, {position, false, nullptr, Level::kVector});
    for (std::size_t i = 0; i < index.size(); ++i) at(reduced_[i]) = index[i];
  }

  void store(const Values& accumulators) {
    Index kept;
    for (const int axis : kept_) kept.push_back(at(axis));
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      frame_.elements.store(frame_.results[i], nodes_[i]->types[0], kept, accumulators[i]);
  }

  /// The last axis stays: a vector of neighbouring outputs, each its own chain over the reduced axes.
  void emit_vector_of_outputs(llvm::Value* block) {
    const int lanes = e_.target.lanes(4);
    const Dim inner = shape_[shape_.rank() - 1];
    llvm::Value* const first = e_.b.CreateMul(block, e_.i64(lanes));
    at(kept_.back()) = {first, true, nullptr, Level::kVector};
    const bool whole = !inner.batch && inner.size % lanes == 0;
    llvm::Value* const mask =
        whole ? nullptr : e_.first_lanes(e_.min(e_.b.CreateSub(e_.size(inner), first), e_.i64(lanes)), lanes);
    frame_.elements.begin_row(e_.preheader("row"));
    const Values sums = e_.loop(e_.i64(0), e_.size(reduced_shape_.element_count()), 1, start(lanes),
                                [&](llvm::Value* r, const Values& accumulators) {
                                  frame_.elements.begin_vector(lanes, mask);
                                  set_reduced(reduced_shape_, r);
                                  return step(accumulators, false);
                                });
    frame_.elements.begin_vector(lanes, mask);
    store(sums);
  }

  /// The last axis is reduced: its vectors are folded lane by lane, over all outer reduced positions, and the lanes at
  /// the end.
  void emit_one_output() {
    const Dim inner = shape_.rank() == 0 ? Dim(1) : shape_[shape_.rank() - 1];
    const int lanes = inner == Dim(1) ? 1 : e_.target.lanes(4);
    Shape outer = reduced_shape_;
    if (outer.rank() > 0) outer = Shape(std::vector<Dim>(outer.begin(), outer.end() - 1));
    llvm::Value* const count = e_.size(inner);
    llvm::Value* const rest = e_.b.CreateAnd(count, e_.i64(lanes - 1));
    llvm::Value* const whole_end = e_.b.CreateSub(count, rest);
    frame_.elements.begin_row(e_.preheader("row"));
    const auto vectors = [&](llvm::Value* position, const Values& accumulators) {
      const auto inner_step = [&](llvm::Value* i, llvm::Value* mask, const Values& inner_accumulators) {
        frame_.elements.begin_vector(lanes, mask);
        set_reduced(outer, position);
        if (shape_.rank() > 0) at(shape_.rank() - 1) = {i, lanes > 1, nullptr, Level::kVector};
        return step(inner_accumulators, mask != nullptr);
      };
      Values sums = e_.loop(
          e_.i64(0), whole_end, lanes, accumulators,
          [&](llvm::Value* i, const Values& inner_accumulators) { return inner_step(i, nullptr, inner_accumulators); });
      const auto* const none = llvm::dyn_cast<llvm::ConstantInt>(rest);
      if (none != nullptr && none->isZero()) return sums;
      return inner_step(whole_end, e_.first_lanes(rest, lanes), sums);
    };
    Values sums = e_.loop(e_.i64(0), e_.size(outer.element_count()), 1, start(lanes), vectors);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = fold_lanes(e_, nodes_[i]->op, dtype(i), sums[i], lanes);
    frame_.elements.begin_vector(1, nullptr);
    store(sums);
  }

  Frame& frame_;
  Emitter& e_;
  std::vector<const Node*> nodes_;
  Shape shape_;
  std::vector<int> kept_;
  std::vector<int> reduced_;
  Shape reduced_shape_;
  Index index_;
};

}  // namespace

void emit_reduce(Frame& frame) { Reduction(frame).emit(); }

void emit_argmax(Frame& frame) {
  Emitter& e = frame.e;
  auto& b = e.b;
  const Node& node = *find_op(frame.body(), Op::kArgmax);
  const Type& type = frame.body().type(node.operands[0]);
  const auto axis = static_cast<std::size_t>(node.attributes.integer(ir::Attr::kAxis));
  e.loop(frame.begin, frame.end, 1, [&](llvm::Value* unit) {
    Index kept;
    for (llvm::Value* block : unit_blocks(frame, unit)) kept.push_back({block, false, nullptr, Level::kRow});
    frame.elements.begin_row(e.preheader("row"));
    const auto x_at = [&](llvm::Value* position) {
      frame.elements.begin_vector(1, nullptr);
      Index index = kept;
      index.insert(index.begin() + static_cast<std::ptrdiff_t>(axis), {position, false, nullptr, Level::kVector});
      return frame.elements.vector_at(node.operands[0], index);
    };
    const Values best = e.loop(
        e.i64(1), e.size(type.shape[static_cast<int>(axis)]), 1, {x_at(e.i64(0)), e.i64(0)},
        [&](llvm::Value* i, const Values& carried) -> Values {
          llvm::Value* const x = x_at(i);
          llvm::Value* wins = nullptr;
          if (is_float(type.dtype)) {
            llvm::Value* const first_nan = b.CreateAnd(b.CreateFCmpUNO(x, x), b.CreateFCmpORD(carried[0], carried[0]));
            wins = b.CreateOr(b.CreateFCmpOGT(x, carried[0]), first_nan);
          } else {
            wins = type.dtype == DType::kU8 ? b.CreateICmpUGT(x, carried[0]) : b.CreateICmpSGT(x, carried[0]);
          }
          return {b.CreateSelect(wins, x, carried[0]), b.CreateSelect(wins, i, carried[1])};
        });
    frame.elements.begin_vector(1, nullptr);
    frame.elements.store(frame.results[0], node.types[0], kept, best[1]);
  });
}

}  // namespace sluice::backend

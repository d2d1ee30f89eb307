#include <algorithm>

#include "backend/codegen/folds.h"
#include "backend/codegen/window_loops.h"
#include "ir/reduction.h"

namespace sluice::backend {

using ir::Node;
using Values = Emitter::Values;

namespace {

/// The reductions of one kernel: the results of its body.
class Reduction {
 public:
  explicit Reduction(Frame& frame) : frame_(frame), e_(frame.e), folds_(frame, results_of(frame.body())) {
    const Node& node = frame.body().node(frame.body().results()[0]);
    shape_ = frame.body().type(node.operands[0]).shape;
    const std::vector<std::int64_t> axes = ir::reduced_axes(node);
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
  static std::vector<const Node*> results_of(const ir::Graph& body) {
    std::vector<const Node*> nodes;
    for (const ir::Value result : body.results()) nodes.push_back(&body.node(result));
    return nodes;
  }

  Coordinate& at(int axis) { return index_[static_cast<std::size_t>(axis)]; }

  void set_reduced(const Shape& shape, llvm::Value* position) {
    const Index index = frame_.elements.delinearized(shape, {position, false, nullptr, Level::kVector});
    for (std::size_t i = 0; i < index.size(); ++i) at(reduced_[i]) = index[i];
  }

  void store(const Values& values) {
    Index kept;
    for (const int axis : kept_) kept.push_back(at(axis));
    const auto results = frame_.body().results();
    for (std::size_t i = 0; i < values.size(); ++i)
      frame_.elements.store(frame_.results[i], frame_.body().type(results[i]), kept, values[i]);
  }

  /// The last axis stays: a vector of neighbouring outputs, each the sum of its own chains over the reduced axes.
  void emit_vector_of_outputs(llvm::Value* block) {
    const int lanes = e_.target.lanes(4);
    const Dim inner = shape_[shape_.rank() - 1];
    llvm::Value* const first = e_.b.CreateMul(block, e_.i64(lanes));
    at(kept_.back()) = {first, true, nullptr, Level::kVector};
    const bool whole = !inner.batch && inner.size % lanes == 0;
    llvm::Value* const mask =
        whole ? nullptr : e_.first_lanes(e_.min(e_.b.CreateSub(e_.size(inner), first), e_.i64(lanes)), lanes);
    frame_.elements.begin_row(e_.preheader("row"));
    const Dim count = reduced_shape_.element_count();
    const Values total = folds_.chains(folds_.start(lanes), e_.size(count), 1, count, Folds::kChain, lanes,
                                       [&](llvm::Value* r, const Values& chain) {
                                         frame_.elements.begin_vector(lanes, mask);
                                         set_reduced(reduced_shape_, r);
                                         return folds_.step(chain, index_);
                                       });
    frame_.elements.begin_vector(lanes, mask);
    store(folds_.results(total, false));
  }

  /// The last axis is reduced: its vectors are folded lane by lane, over all outer reduced positions, and the lanes at
  /// the end. Short rows share chains.
  void emit_one_output() {
    const Dim inner = shape_.rank() == 0 ? Dim(1) : shape_[shape_.rank() - 1];
    const int lanes = Folds::lanes_for(e_, inner);
    Shape outer = reduced_shape_;
    if (outer.rank() > 0) outer = Shape(std::vector<Dim>(outer.begin(), outer.end() - 1));
    const Dim rows = outer.element_count();
    frame_.elements.begin_row(e_.preheader("row"));
    const auto begin_row = [&](llvm::Value* position) {
      frame_.elements.begin_vector(1, nullptr);
      if (shape_.rank() > 0) set_reduced(outer, position);
    };
    const std::int64_t rows_a_chain = Folds::rows_a_chain(e_, inner);
    const Values nothing = folds_.start(lanes);
    Values total;
    if (rows_a_chain > 0) {
      total = folds_.chains(nothing, e_.size(rows), 1, rows, rows_a_chain, lanes,
                            [&](llvm::Value* position, const Values& chain) {
                              begin_row(position);
                              return shape_.rank() == 0 ? folds_.step(chain, index_) : folds_.row(chain, index_, inner);
                            });
    } else {
      total = e_.loop(e_.i64(0), e_.size(rows), 1, nothing, [&](llvm::Value* position, const Values& before) {
        begin_row(position);
        return folds_.along_last_axis(before, index_, inner);
      });
    }
    frame_.elements.begin_vector(1, nullptr);
    store(folds_.results(total, true));
  }

  Frame& frame_;
  Emitter& e_;
  Folds folds_;
  Shape shape_;
  std::vector<int> kept_;
  std::vector<int> reduced_;
  Shape reduced_shape_;
  Index index_;
};

}  // namespace

void emit_reduce(Frame& frame) {
  if (std::get<ReduceKernel>(frame.plan.how).sweep != Sweep::kByOutputs) return emit_reduce_of_windows(frame);
  Reduction(frame).emit();
}

}  // namespace sluice::backend

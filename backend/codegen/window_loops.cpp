#include "backend/codegen/window_loops.h"

#include <algorithm>
#include <numeric>

#include "ir/windows.h"

namespace sluice::backend {

InnerPositions inner_positions(Frame& frame, const std::vector<InnerRange>& ranges, const Shape& shape,
                               const Index& index, const Positions& positions) {
  Emitter& e = frame.e;
  llvm::Value* first = positions.begin;
  llvm::Value* end = positions.end;
  llvm::Value* is_inside = e.b.getTrue();
  for (const InnerRange& range : ranges) {
    llvm::Value* const begin = e.i64(range.begin);
    llvm::Value* const limit = e.size_at_entry(range.end);
    if (range.axis == positions.axis) {
      first = e.max(first, begin);
      end = e.min(end, limit);
      continue;
    }
    llvm::Value* const at = index[static_cast<std::size_t>(range.axis)].base;
    llvm::Value* const lowest = at == nullptr ? e.i64(0) : at;
    llvm::Value* const behind = at == nullptr ? e.size_at_entry(shape[range.axis]) : e.b.CreateAdd(at, e.i64(1));
    const auto all = [&](llvm::Value* condition) { is_inside = e.b.CreateAnd(is_inside, condition); };
    all(e.b.CreateICmpSGE(lowest, begin));
    all(e.b.CreateICmpSLE(behind, limit));
  }
  first = e.b.CreateSelect(is_inside, e.min(first, positions.end), positions.end);
  return {first, e.max(end, first)};
}

void for_positions(Frame& frame, const Positions& positions, const InnerPositions& inner, int at_once,
                   const std::function<void(llvm::Value* first, int count)>& body) {
  Emitter& e = frame.e;
  const auto work_on = [&](llvm::Value* first, int count, bool inside) {
    frame.elements.set_inside(inside);
    frame.elements.begin_row(e.preheader("positions"));
    body(first, count);
  };
  // The outer ones in one loop, which leaps over the inner ones.
  llvm::Value* const inner_count = e.b.CreateSub(inner.end, inner.first);
  e.loop(positions.begin, e.b.CreateSub(positions.end, inner_count), 1, [&](llvm::Value* i) {
    llvm::Value* const behind = e.b.CreateAdd(i, inner_count);
    work_on(e.b.CreateSelect(e.b.CreateICmpSLT(i, inner.first), i, behind), 1, false);
  });
  llvm::Value* rest = inner.first;
  if (at_once > 1) {
    llvm::Value* const whole = e.b.CreateSub(inner_count, e.b.CreateURem(inner_count, e.i64(at_once)));
    rest = e.b.CreateAdd(inner.first, whole);
    e.loop(inner.first, rest, at_once, [&](llvm::Value* first) { work_on(first, at_once, true); });
  }
  e.loop(rest, inner.end, 1, [&](llvm::Value* first) { work_on(first, 1, true); });
  frame.elements.set_inside(false);
}

int positions_at_once(const Emitter& e, std::int64_t values) {
  const int most = e.target.vector_bytes >= 64 ? 4 : 2;
  return values <= 2 ? most : 2;
}

namespace {

/// The largest stride of add_windows along an axis that is worth code for each phase of it; 1 if there is none.
std::int64_t stride_along(const ir::Graph& body, int axis) {
  constexpr std::int64_t kMostPhases = 4;
  std::int64_t stride = 1;
  for (const ir::Node& node : body.nodes()) {
    if (node.op != ir::Op::kAddWindows) continue;
    const std::vector<ir::Window> windows = ir::windows_of(node.attributes);
    const std::int64_t i = axis - node.attributes.integer(ir::Attr::kAxis);
    if (i < 0 || i >= static_cast<std::int64_t>(windows.size())) continue;
    const std::int64_t found = windows[static_cast<std::size_t>(i)].stride;
    if (found <= kMostPhases) stride = std::max(stride, found);
  }
  return stride;
}

/// A loop of windows, by rows of positions along the axis before the last.
class WindowLoop {
 public:
  explicit WindowLoop(Frame& frame)
      : frame_(frame), e_(frame.e), shape_(shape_of_work(frame.body())), axis_(shape_.rank() - 2) {
    index_.resize(static_cast<std::size_t>(shape_.rank()));
    stride_ = stride_along(frame.body(), axis_);
    rows_stride_ = axis_ > 0 ? stride_along(frame.body(), axis_ - 1) : 1;
  }

  void emit() {
    e_.loop(frame_.begin, frame_.end, 1, [&](llvm::Value* unit) {
      const auto blocks = unit_blocks(frame_, unit);
      for (int axis = 0; axis < axis_; ++axis) at(axis) = {blocks[index_of(axis)], false, nullptr, Level::kRow};
      if (rows_stride_ == 1) return emit_row(blocks);
      llvm::Value* const row = at(axis_ - 1).base;
      llvm::Value* const quotient = e_.b.CreateUDiv(row, e_.i64(rows_stride_));
      llvm::Value* const rest = e_.b.CreateURem(row, e_.i64(rows_stride_));
      for (std::int64_t phase = 0; phase < rows_stride_; ++phase) {
        e_.if_then(e_.b.CreateICmpEQ(rest, e_.i64(phase)), [&] {
          row_phases_ = {{row, rows_stride_, quotient, phase}};
          emit_row(blocks);
        });
      }
    });
    frame_.elements.set_phases({});
  }

 private:
  static std::size_t index_of(int axis) { return static_cast<std::size_t>(axis); }
  Coordinate& at(int axis) { return index_[index_of(axis)]; }

  void emit_row(const std::vector<llvm::Value*>& blocks) {
    llvm::Value* const begin = e_.b.CreateMul(blocks[index_of(axis_)], e_.i64(kTilePositions));
    const Positions positions{axis_, begin,
                              e_.min(e_.b.CreateAdd(begin, e_.i64(kTilePositions)), e_.size(shape_[axis_]))};
    llvm::Value* const first = e_.b.CreateMul(blocks.back(), e_.i64(kFlatBlock));
    const Dim width = shape_[axis_ + 1];
    llvm::Value* const last = e_.min(e_.b.CreateAdd(first, e_.i64(kFlatBlock)), e_.size(width));
    const int lanes = width == Dim(1) ? 1 : e_.target.lanes(4);
    InnerPositions inner =
        inner_positions(frame_, std::get<LoopKernel>(frame_.plan.how).inner, shape_, index_, positions);
    int at_once = positions_at_once(e_, static_cast<std::int64_t>(frame_.body().results().size()));
    if (stride_ > 1) {  // so that the phases of positions are known
      at_once = static_cast<int>(stride_) * std::max(at_once / static_cast<int>(stride_), 1);
      llvm::Value* const rounded = e_.b.CreateMul(e_.blocks_of(inner.first, stride_), e_.i64(stride_));
      inner.first = e_.min(rounded, positions.end);
      inner.end = e_.max(inner.first, inner.end);
    }
    for_positions(frame_, positions, inner, at_once, [&](llvm::Value* position, int count) {
      std::vector<Elements::Phase> phases = row_phases_;
      std::vector<Coordinate> coordinates;
      llvm::Value* const quotient = stride_ > 1 && count > 1 ? e_.b.CreateUDiv(position, e_.i64(stride_)) : nullptr;
      for (int i = 0; i < count; ++i) {
        llvm::Value* const base = e_.add(position, e_.i64(i));
        coordinates.push_back({base, false, nullptr, Level::kRow});
        if (quotient != nullptr) phases.push_back({base, stride_, e_.add(quotient, e_.i64(i / stride_)), i % stride_});
      }
      frame_.elements.begin_row(e_.preheader("row"));
      frame_.elements.set_phases(std::move(phases));
      for_vectors(frame_, first, last, lanes, [&](const Coordinate& c) {
        at(axis_ + 1) = c;
        store_at(coordinates);
      });
    });
  }

  /// Computes the results at all positions before it stores them, so that loads of the same elements stay together.
  void store_at(const std::vector<Coordinate>& coordinates) {
    const auto results = frame_.body().results();
    std::vector<llvm::Value*> values;
    for (const Coordinate& position : coordinates) {
      at(axis_) = position;
      for (const ir::Value result : results) values.push_back(frame_.elements.vector_at(result, index_));
    }
    auto value = values.begin();
    for (const Coordinate& position : coordinates) {
      at(axis_) = position;
      for (std::size_t i = 0; i < results.size(); ++i) {
        const Emitter::At here(e_, frame_.body().node(results[i]));
        frame_.elements.store(frame_.results[i], frame_.body().type(results[i]), index_, *value++);
      }
    }
  }

  Frame& frame_;
  Emitter& e_;
  const Shape& shape_;
  int axis_;  ///< of the positions
  std::int64_t stride_;
  std::int64_t rows_stride_;
  Index index_;
  std::vector<Elements::Phase> row_phases_;
};

}  // namespace

void emit_loop_of_windows(Frame& frame) { WindowLoop(frame).emit(); }

}  // namespace sluice::backend

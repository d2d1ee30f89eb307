#include <algorithm>

#include "backend/codegen/compensated_sum.h"
#include "backend/codegen/folds.h"
#include "backend/codegen/window_loops.h"
#include "ir/reduction.h"

namespace sluice::backend {

using ir::Node;
using Values = Emitter::Values;

namespace {

/// Reductions of windows whose last axis stays: vectors of it.
class WindowReduction {
 public:
  explicit WindowReduction(Frame& frame)
      : frame_(frame),
        e_(frame.e),
        folds_(frame, results_of(frame.body())),
        shape_(shape_of_work(frame.body())),
        how_(std::get<ReduceKernel>(frame.plan.how)) {
    const std::vector<std::int64_t> axes = ir::reduced_axes(frame.body().node(frame.body().results()[0]));
    for (int axis = 0; axis < shape_.rank(); ++axis) {
      (std::ranges::find(axes, axis) != axes.end() ? reduced_ : kept_).push_back(axis);
    }
    index_.resize(static_cast<std::size_t>(shape_.rank()));
  }

  void emit() {
    e_.loop(frame_.begin, frame_.end, 1, [&](llvm::Value* unit) {
      const auto blocks = unit_blocks(frame_, unit);
      std::ranges::fill(index_, Coordinate{});
      if (how_.sweep == Sweep::kByPositions) {
        emit_positions(blocks);
      } else {
        emit_cells(blocks);
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

  /// Returns all indices of static axes, in row-major order.
  std::vector<std::vector<std::int64_t>> all_of(const std::vector<int>& axes) const {
    std::vector<std::vector<std::int64_t>> all{{}};
    for (const int axis : axes) {
      std::vector<std::vector<std::int64_t>> longer;
      for (const auto& before : all) {
        for (std::int64_t i = 0; i < shape_[axis].size; ++i) {
          longer.push_back(before);
          longer.back().push_back(i);
        }
      }
      all = std::move(longer);
    }
    return all;
  }

  void set(const std::vector<int>& axes, const std::vector<std::int64_t>& numbers) {
    for (std::size_t i = 0; i < axes.size(); ++i) at(axes[i]) = frame_.elements.constant(numbers[i]);
  }

  void store(const Values& values) {
    Index kept;
    for (const int axis : kept_) kept.push_back(at(axis));
    const auto results = frame_.body().results();
    for (std::size_t i = 0; i < values.size(); ++i)
      frame_.elements.store(frame_.results[i], frame_.body().type(results[i]), kept, values[i]);
  }

  /// A row of positions along the last but one of the kept axes. All reduced elements of an output follow one another.
  void emit_positions(const std::vector<llvm::Value*>& blocks) {
    const int axis = kept_[kept_.size() - 2];
    for (std::size_t i = 0; i + 2 < kept_.size(); ++i) at(kept_[i]) = {blocks[i], false, nullptr, Level::kRow};
    const auto part = [&](llvm::Value* block, std::int64_t size, Dim all) {
      llvm::Value* const begin = e_.b.CreateMul(block, e_.i64(size));
      return std::pair(begin, e_.min(e_.b.CreateAdd(begin, e_.i64(size)), e_.size(all)));
    };
    const auto [begin, end] = part(blocks[blocks.size() - 2], kTilePositions, shape_[axis]);
    const auto [first, last] = part(blocks.back(), kTileColumns, shape_[kept_.back()]);
    const Positions positions{axis, begin, end};
    const InnerPositions inner = inner_positions(frame_, how_.inner, shape_, index_, positions);
    const auto cells = all_of(reduced_);
    const int at_once = positions_at_once(e_, static_cast<std::int64_t>(frame_.body().results().size()));
    const Index outer = index_;
    for_positions(frame_, positions, inner, at_once, [&](llvm::Value* position, int count) {
      index_ = outer;
      std::vector<Coordinate> coordinates;
      for (int i = 0; i < count; ++i) coordinates.push_back({e_.add(position, e_.i64(i)), false, nullptr, Level::kRow});
      frame_.elements.begin_row(e_.preheader("row"));
      const int lanes = shape_[kept_.back()] == Dim(1) ? 1 : e_.target.lanes(4);
      for_vectors(frame_, first, last, lanes, [&](const Coordinate& column) {
        at(kept_.back()) = column;
        std::vector<Values> values;
        for (const Coordinate& coordinate : coordinates) {
          at(axis) = coordinate;
          Values chain = folds_.nothing(lanes);
          for (const auto& cell : cells) {
            set(reduced_, cell);
            chain = folds_.step(chain, index_);
          }
          values.push_back(folds_.results(folds_.join(folds_.start(lanes), chain), false));
        }
        for (std::size_t i = 0; i < values.size(); ++i) {
          at(axis) = coordinates[i];
          store(values[i]);
        }
      });
    });
    index_ = outer;
  }

  /// Outputs for several cells, which go through the reduced positions together.
  void emit_cells(const std::vector<llvm::Value*>& blocks) {
    std::vector<int> at_once;
    for (std::size_t i = 0; i + 1 < kept_.size(); ++i) {
      if (frame_.plan.units.axes[i].block > 1) {
        at_once.push_back(kept_[i]);
      } else {
        at(kept_[i]) = {blocks[i], false, nullptr, Level::kRow};
      }
    }
    cells_ = all_of(at_once);
    const int lanes = e_.target.lanes(4);
    const Dim width = shape_[kept_.back()];
    llvm::Value* const first = e_.b.CreateMul(blocks.back(), e_.i64(lanes));
    column_ = {first, true, nullptr, Level::kVector};
    mask_ = !width.batch && width.size % lanes == 0
                ? nullptr
                : e_.first_lanes(e_.min(e_.b.CreateSub(e_.size(width), first), e_.i64(lanes)), lanes);
    const std::vector<int> outer_axes(reduced_.begin(), reduced_.end() - 1);
    Shape outer;
    for (const int axis : outer_axes) outer.push_back(shape_[axis]);
    const Positions positions{reduced_.back(), e_.i64(0), e_.size(shape_[reduced_.back()])};
    Values start;
    for (std::size_t i = 0; i < cells_.size(); ++i) append(start, folds_.start(lanes));
    const Index fixed = index_;
    const Values total =
        e_.loop(e_.i64(0), e_.size(outer.element_count()), 1, start, [&](llvm::Value* row, const Values& before) {
          index_ = fixed;
          frame_.elements.begin_row(e_.preheader("row"));
          frame_.elements.begin_vector(lanes, mask_);
          const Index in_row = frame_.elements.delinearized(outer, {row, false, nullptr, Level::kVector});
          for (std::size_t i = 0; i < in_row.size(); ++i) {
            at(outer_axes[i]) = in_row[i];
            at(outer_axes[i]).level = Level::kRow;
          }
          return fold_row(before, at_once, positions, lanes);
        });
    index_ = fixed;
    frame_.elements.set_inside(false);
    frame_.elements.begin_row(e_.preheader("row"));
    frame_.elements.begin_vector(lanes, mask_);
    at(kept_.back()) = column_;
    const std::size_t width_of_one = total.size() / cells_.size();
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      set(at_once, cells_[i]);
      store(folds_.results(part_of(total, i * width_of_one, width_of_one), false));
    }
  }

  /// The outer positions of a row and then the inner ones, in chains.
  Values fold_row(Values total, const std::vector<int>& at_once, const Positions& positions, int lanes) {
    const InnerPositions inner = inner_positions(frame_, how_.inner, shape_, index_, positions);
    const Index in_row = index_;
    const std::size_t width_of_total = total.size() / cells_.size();
    Values nothing;
    for (std::size_t i = 0; i < cells_.size(); ++i) append(nothing, folds_.nothing(lanes));
    const std::size_t width_of_chain = nothing.size() / cells_.size();
    const auto fold = [&](const Values& before, llvm::Value* end, llvm::Value* begin, llvm::Value* leap, bool inside) {
      frame_.elements.set_inside(inside);
      frame_.elements.begin_row(e_.preheader("row"));
      const auto step = [&](llvm::Value* i, const Values& chain) {
        frame_.elements.begin_vector(lanes, mask_);
        llvm::Value* position = i;
        if (leap != nullptr)
          position = e_.b.CreateSelect(e_.b.CreateICmpSLT(i, inner.first), i, e_.b.CreateAdd(i, leap));
        index_ = in_row;
        at(positions.axis) = {position, false, nullptr, Level::kVector};
        at(kept_.back()) = column_;
        Values next;
        for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
          set(at_once, cells_[cell]);
          append(next, folds_.step(part_of(chain, cell * width_of_chain, width_of_chain), index_));
        }
        return next;
      };
      const auto join = [&](const Values& sum, const Values& chain) {
        Values joined;
        for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
          append(joined, folds_.join(part_of(sum, cell * width_of_total, width_of_total),
                                     part_of(chain, cell * width_of_chain, width_of_chain)));
        }
        return joined;
      };
      return emit_chains(e_, begin, end, 1, batch, Folds::kChain, nothing, before, step, join);
    };
    llvm::Value* const inner_count = e_.b.CreateSub(inner.end, inner.first);
    total = fold(total, e_.b.CreateSub(positions.end, inner_count), positions.begin, inner_count, false);
    total = fold(total, inner.end, inner.first, nullptr, true);
    index_ = in_row;
    return total;
  }

  static void append(Values& to, const Values& from) { to.insert(to.end(), from.begin(), from.end()); }
  static Values part_of(const Values& values, std::size_t begin, std::size_t count) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin);
    return {first, first + static_cast<std::ptrdiff_t>(count)};
  }

  Frame& frame_;
  Emitter& e_;
  Folds folds_;
  const Shape& shape_;
  const ReduceKernel& how_;
  std::vector<int> kept_;
  std::vector<int> reduced_;
  Index index_;  ///< an axis without a base is gone through as a whole
  std::vector<std::vector<std::int64_t>> cells_;
  Coordinate column_;
  llvm::Value* mask_ = nullptr;
};

}  // namespace

void emit_reduce_of_windows(Frame& frame) { WindowReduction(frame).emit(); }

}  // namespace sluice::backend

#include <array>
#include <optional>

#include "backend/codegen/batch_prefetch.h"
#include "backend/codegen/epilogue.h"
#include "backend/codegen/kernels.h"
#include "backend/codegen/nonzero_lists.h"
#include "backend/codegen/product_tile.h"
#include "backend/codegen/second_factor.h"
#include "ir/matmul.h"
#include "sluice/error.h"

namespace sluice::backend {

using ir::Attr;
using ir::Node;
using ir::Op;
using Values = Emitter::Values;
using Positions = NonzeroLists::Positions;

namespace {

/// The columns of a panel of the result.
struct Columns {
  llvm::Value* first;
  llvm::Value* count;
  Lanes lanes;  ///< of the vectors that hold them
};

/// Emits one product and its epilogue. The result is cut into panels of columns that fit the register tile; a panel's
/// row tiles run over the whole inner size. A short epilogue works on the registers; before a longer one the tile
/// passes through scratch, and the epilogue is an ordinary loop over its elements. A large inner size is cut into
/// blocks, whose part of the panel the nearest caches hold: all tiles of a panel take the first block, then all take
/// the second; their sums wait in scratch.
class Product {
 public:
  explicit Product(Frame& frame) : frame_(frame), e_(frame.e), node_(*find_op(frame.body(), Op::kMatmul)) {
    const auto place_of = [&](ir::Value value) { return frame.operands[parameter_index(frame.body(), value)]; };
    const Type& result = node_.types[0];
    const Shape& a = frame.body().type(node_.operands[0]).shape;
    const Shape& b = frame.body().type(node_.operands[1]).shape;
    const ir::MatmulSizes sizes = ir::matmul_sizes(node_, frame.body().type(node_.operands[0]));
    batch_ = sizes.batch;
    rows_ = sizes.m;
    columns_ = sizes.n;
    depth_ = sizes.k;
    element_ = e_.memory_type(result.dtype);
    bytes_ = static_cast<int>(size_of(result.dtype));
    lanes_ = e_.target.lanes(bytes_);
    tile_ = frame.plan.tile;
    a_ = {place_of(node_.operands[0]), matrix_shape(a), node_.attributes.flag(Attr::kTransposeA)};
    SLUICE_CHECK(a_.one_piece(), "the first factor of {} lies in panels", frame.plan.name);
    SLUICE_CHECK(batch_.rank() == 0 || !frame.plan.skips_zeros, "{} makes lists for a batch", frame.plan.name);
    if (batch_.rank() > 0) make_batch_prefetch();
    make_tile_code(frame.plan.skips_zeros);
    const Matrix rhs{place_of(node_.operands[1]), matrix_shape(b), node_.attributes.flag(Attr::kTransposeB)};
    b_.emplace(frame, rhs, Type{result.dtype, {rows_, columns_}}, depth_, panel_columns());
    first_matrices_ = {a_.place.pointer, rhs.place.pointer};
    lead_ = e_.i64(0);
    turns_ = e_.size(depth_);
    epilogue_.emplace(frame, node_, panel_columns());
    overlapped_ = !columns_.batch && epilogue_->matrices_read() >= 2;
    in_registers_ = !columns_.batch && !overlapped_ && epilogue_->is_short();
    if (in_registers_ && tile_.depth_block == 0 && b_->can_pack_ahead()) b_->pack_ahead();
    const ProductScratch& parts = frame.plan.parts;
    if (tile_.depth_block > 0) sums_ = frame.in_scratch(parts.sums);
    if (frame.plan.skips_zeros)
      nonzero_.emplace(e_, a_, result.dtype, rows_, depth_, tile_, frame.in_scratch(parts.lists), parts.list_bytes);
    frame_.elements.computed = [this](const Node&, const Index& index) { return load_product(index); };
  }

  void emit() {
    row_tiles_ = e_.blocks(rows_, tile_.rows);
    begin_ = frame_.begin;
    end_ = frame_.end;
    if (batch_.rank() == 0) return emit_matrix();
    // Units are numbered matrix by matrix: a thread's share is a run of them, the first and last perhaps in part.
    auto& b = e_.b;
    llvm::Value* const units = e_.mul(e_.blocks(columns_, panel_columns()), row_tiles_);
    llvm::Value* const first = b.CreateUDiv(frame_.begin, units);
    llvm::Value* const last = b.CreateUDiv(b.CreateAdd(frame_.end, b.CreateSub(units, e_.i64(1))), units);
    e_.loop(first, last, 1, [&](llvm::Value* matrix) {
      begin_matrix(matrix);
      llvm::Value* const unit = b.CreateMul(matrix, units);
      begin_ = e_.max(b.CreateSub(frame_.begin, unit), e_.i64(0));
      end_ = e_.min(b.CreateSub(frame_.end, unit), units);
      emit_matrix();
    });
  }

 private:
  static Shape matrix_shape(const Shape& shape) { return {shape[shape.rank() - 2], shape[shape.rank() - 1]}; }

  /// Prefetches for a batch whose matrices have a static size and are not taken in blocks of K.
  void make_batch_prefetch() {
    if (rows_.batch || columns_.batch || depth_.batch || depth_.size == 0 || tile_.depth_block > 0) return;
    prefetch_.emplace(e_, element_,
                      BatchPrefetch::Product{.m = rows_.size,
                                             .n = columns_.size,
                                             .k = depth_.size,
                                             .tile = tile_,
                                             .panel_columns = panel_columns(),
                                             .element_bytes = bytes_,
                                             .lhs_by_columns = a_.transposed,
                                             .rhs_transposed = node_.attributes.flag(Attr::kTransposeB)});
  }

  /// Moves on to matrix `matrix` of the batch.
  void begin_matrix(llvm::Value* matrix) {
    const auto at = [&](llvm::Value* first, Dim x, Dim y) {
      return e_.element(element_, first, e_.mul(matrix, e_.mul(e_.size(x), e_.size(y))));
    };
    a_.place.pointer = at(first_matrices_[0], rows_, depth_);
    b_->begin_matrix(at(first_matrices_[1], depth_, columns_));
    epilogue_->begin_matrix(e_.mul(matrix, e_.size(rows_)));
    if (prefetch_) prefetch_->begin_matrix(a_.place.pointer, b_->start());
    batch_index_.clear();
    for (int axis = batch_.rank(); axis-- > 0;) {
      llvm::Value* const coordinate = axis == 0 ? matrix : e_.b.CreateURem(matrix, e_.size(batch_[axis]));
      if (axis > 0) matrix = e_.b.CreateUDiv(matrix, e_.size(batch_[axis]));
      batch_index_.insert(batch_index_.begin(), {coordinate, false, nullptr, Level::kRow});
    }
  }

  /// The index of an element of the matrix.
  Index at(const Coordinate& row, const Coordinate& column) const {
    Index index = batch_index_;
    index.insert(index.end(), {row, column});
    return index;
  }

  /// The units begin_ <= u < end_ of one matrix.
  void emit_matrix() {
    auto& b = e_.b;
    // Units are numbered panel by panel, so a thread's share is a run of panels, the first and last perhaps in part.
    llvm::Value* const first = b.CreateUDiv(begin_, row_tiles_);
    llvm::Value* const last = b.CreateUDiv(b.CreateAdd(end_, b.CreateSub(row_tiles_, e_.i64(1))), row_tiles_);
    e_.if_then(b.CreateICmpSLT(begin_, end_), [&] {
      if (nonzero_) nonzero_->build(begin_, end_, first, last, row_tiles_);
      // To look for lists that are not there costs short tiles, those of a weight's gradient, 1%.
      if (!nonzero_ || !in_registers_ || !a_.transposed) return emit_panels(first, last);
      e_.if_else(
          nonzero_->are_worth(), [&] { emit_panels(first, last); },
          [&] {
            nonzero_.reset();
            make_tile_code(false);
            emit_panels(first, last);
          });
    });
  }

  std::int64_t panel_columns() const { return tile_.vectors * lanes_; }

  void make_tile_code(bool listed) {
    tile_code_.emplace(e_, node_.types[0].dtype, a_.transposed, a_.stride(), tile_.depth_block > 0, listed,
                       panel_columns(), prefetch_.has_value());
  }

  void emit_panels(llvm::Value* first, llvm::Value* last) {
    auto& b = e_.b;
    // The turn before the first panel has no tiles: it packs that panel, as the others pack the one behind them.
    llvm::Value* const begin = b_->packs_ahead() ? b.CreateSub(first, e_.i64(1)) : first;
    e_.loop(begin, last, 1, [&](llvm::Value* panel) {
      llvm::Value* const unit = b.CreateMul(panel, row_tiles_);
      llvm::Value* const first_tile = e_.max(b.CreateSub(begin_, unit), e_.i64(0));
      llvm::Value* const last_tile = e_.min(b.CreateSub(end_, unit), row_tiles_);
      if (b_->packs_ahead()) b_->share_next(panel, last, b.CreateSub(last_tile, first_tile), turns_);
      emit_panel_of_any_width(panel, first_tile, last_tile);
    });
  }

  void emit_panel_of_any_width(llvm::Value* panel, llvm::Value* first, llvm::Value* last) {
    auto& b = e_.b;
    llvm::Value* const column = b.CreateMul(panel, e_.i64(panel_columns()));
    const Lanes all = whole_lanes();
    if (columns_.batch) {
      llvm::Value* const count = e_.min(b.CreateSub(e_.size(columns_), column), e_.i64(panel_columns()));
      return emit_panel({column, count, all}, first, last);
    }
    const std::int64_t whole = columns_.size / panel_columns();
    const std::int64_t rest = columns_.size % panel_columns();
    const auto emit_whole = [&] { emit_panel({column, e_.i64(panel_columns()), all}, first, last); };
    const auto emit_rest = [&] { emit_panel({column, e_.i64(rest), lanes_for(rest)}, first, last); };
    if (rest == 0) return emit_whole();
    if (whole == 0) return emit_rest();
    e_.if_else(b.CreateICmpSLT(panel, e_.i64(whole)), emit_whole, emit_rest);
  }

  Lanes whole_lanes() const { return {std::vector<int>(static_cast<std::size_t>(tile_.vectors), lanes_)}; }

  /// The vectors of a panel of `columns` columns.
  Lanes lanes_for(std::int64_t columns) const {
    const auto step = static_cast<int>(frame_.plan.units.step);
    Lanes lanes{std::vector<int>(static_cast<std::size_t>(columns / lanes_), lanes_)};
    const auto rest = static_cast<int>(columns % lanes_);
    if (rest > 0) lanes.counts.push_back((rest + step - 1) / step * step);
    if (frame_.plan.masks) lanes.loaded_of_last = rest;
    return lanes;
  }

  /// The row tiles first <= t < last of a panel.
  void emit_panel(const Columns& columns, llvm::Value* first, llvm::Value* last) {
    auto& b = e_.b;
    const Panel panel = b_->panel(columns.first, columns.count);
    epilogue_->begin_panel(columns.first);
    if (prefetch_) prefetch_->begin_panel(columns.first);
    emit_column_sums(panel, columns, first);
    const Panel rest = sums_ == nullptr ? panel : emit_depth_blocks(panel, columns.lanes, first, last);
    if (nonzero_) nonzero_->forget();
    if (in_registers_) return emit_tiles_in_registers(columns, rest, first, last);
    llvm::Value* const computed = overlapped_ ? emit_overlapped_tiles(columns, rest, first, last) : first;
    const auto compute = [&](llvm::Value* t) {
      epilogue_->prefetch_tile(b.CreateMul(t, e_.i64(tile_.rows)), tile_.rows, columns.first);
      emit_tile(t, first, columns.lanes, rest, tile_scratch(t));
    };
    llvm::Value* const begin = overlapped_ ? e_.max(first, b.CreateSub(computed, e_.i64(1))) : first;
    e_.loop(begin, last, 1, [&](llvm::Value* t) {
      if (overlapped_) {
        e_.if_then(b.CreateICmpSGE(t, computed), [&] { compute(t); });
      } else {
        compute(t);
      }
      llvm::Value* const row = b.CreateMul(t, e_.i64(tile_.rows));
      emit_epilogue(tile_scratch(t), row, rows_of(row), columns);
    });
  }

  /// The thread that takes the panel's first tile makes the sums of its columns, as the panel is at hand.
  void emit_column_sums(const Panel& panel, const Columns& columns, llvm::Value* first) {
    if (!epilogue_->has_column_sums()) return;
    e_.if_then(e_.b.CreateICmpEQ(first, e_.i64(0)), [&] {
      epilogue_->store_column_sums(tile_code_->column_sums(panel, depth_, columns.lanes), columns.first, columns.count);
    });
  }

  /// All tiles first <= t < last take the inner positions but those of the last block; gives the panel from there on.
  Panel emit_depth_blocks(const Panel& panel, const Lanes& lanes, llvm::Value* first, llvm::Value* last) {
    auto& b = e_.b;
    llvm::Value* const blocks = b.CreateUDiv(b.CreateSub(e_.size(depth_), e_.i64(1)), e_.i64(tile_.depth_block));
    const auto from = [&](llvm::Value* position) {
      return Panel{e_.element(element_, panel.pointer, b.CreateMul(position, panel.stride)), panel.stride};
    };
    turns_ = e_.i64(tile_.depth_block);
    e_.loop(e_.i64(0), blocks, 1, [&](llvm::Value* block) {
      lead_ = b.CreateMul(block, e_.i64(tile_.depth_block));
      has_sums_ = e_.min(block, e_.i64(1));
      const Panel part = from(lead_);
      if (nonzero_) nonzero_->forget();
      e_.loop(first, last, 1, [&](llvm::Value* t) {
        emit_tile(t, first, lanes, part, e_.element(element_, sums_, b.CreateMul(t, tile_elements())));
      });
    });
    lead_ = b.CreateMul(blocks, e_.i64(tile_.depth_block));
    has_sums_ = e_.min(blocks, e_.i64(1));
    turns_ = b.CreateSub(e_.size(depth_), lead_);
    return from(lead_);
  }

  /// The sums of row tile `t`, of those from `first` on, over the inner positions at hand, to `out`.
  void emit_tile(llvm::Value* t, llvm::Value* first, const Lanes& lanes, const Panel& panel, llvm::Value* out) {
    auto& b = e_.b;
    llvm::Value* const row = b.CreateMul(t, e_.i64(tile_.rows));
    const Positions positions = positions_of(t);
    for_pieces(row, [&](llvm::Value* r, std::int64_t rows) {
      llvm::Value* const to = e_.element(element_, out, e_.mul(r, e_.i64(panel_columns())));
      tile_code_->call(rows, lanes, tile_start(e_.add(row, r), panel, positions), positions.count, to);
      if (rows == tile_.rows) note_first(t, first, lanes, to);
    });
  }

  /// The inner positions at hand that tile `t` takes; no list: all.
  Positions positions_of(llvm::Value* t) {
    return nonzero_ ? nonzero_->of(t, lead_, turns_) : Positions{nullptr, turns_};
  }

  /// What the sums of tile `t`, if it is the first one, say of the panel; `sums` is their place in scratch.
  void note_first(llvm::Value* t, llvm::Value* first, const Lanes& lanes, llvm::Value* sums) {
    if (!nonzero_) return;
    e_.if_then(e_.b.CreateICmpEQ(t, first), [&] { nonzero_->note(tile_code_->is_finite(sums, tile_.rows, lanes)); });
  }

  /// Code for the tile that begins at row `row`: all of it at once, or what there is of it if it is the last and not
  /// whole; row by row, if only B says how much that is. `emit` gets the piece's place in the tile and how many rows it
  /// has.
  void for_pieces(llvm::Value* row, const std::function<void(llvm::Value*, std::int64_t)>& emit) {
    auto& b = e_.b;
    const std::int64_t rest = rows_.batch ? 1 : rows_.size % tile_.rows;
    const auto emit_whole = [&] { emit(e_.i64(0), tile_.rows); };
    if (rest == 0) return emit_whole();
    llvm::Value* const left = b.CreateSub(e_.size(rows_), row);
    e_.if_else(b.CreateICmpSGE(left, e_.i64(tile_.rows)), emit_whole,
               [&] { e_.loop(e_.i64(0), left, rest, [&](llvm::Value* r) { emit(r, rest); }); });
  }

  /// The row tiles first <= t < last of a panel, whose epilogue works on the accumulators: no tile goes through
  /// scratch.
  void emit_tiles_in_registers(const Columns& columns, const Panel& panel, llvm::Value* first, llvm::Value* last) {
    auto& b = e_.b;
    const bool is_last_panel = columns.lanes != whole_lanes();
    const bool packs_ahead = b_->packs_ahead() && !is_last_panel;
    e_.loop(first, last, 1, [&](llvm::Value* t) {
      llvm::Value* const row = b.CreateMul(t, e_.i64(tile_.rows));
      if (!prefetch_) epilogue_->prefetch_tile(row, tile_.rows, columns.first);
      for_pieces(row, [&](llvm::Value* r, std::int64_t rows) {
        const bool packs = packs_ahead && rows == tile_.rows;
        const Values sums = emit_piece(t, e_.add(row, r), rows, columns, panel, b.CreateSub(t, first), packs);
        const bool may_note = nonzero_ && rows == tile_.rows;
        if (may_note) {
          e_.if_then(b.CreateICmpEQ(t, first), [&] { tile_code_->store(sums, frame_.scratch, rows, columns.lanes); });
        }
        emit_epilogue_in_registers(sums, e_.add(row, r), rows, columns);
        // A call while the sums are in registers would spill all of them, in every tile.
        if (may_note) note_first(t, first, columns.lanes, frame_.scratch);
      });
    });
    if (packs_ahead) b_->pack_rest(b.CreateSub(whole_tiles(first, last), first));
  }

  /// The sums of some rows of tile `t`, the `number`th that the thread computes of the panel. `packs`: it packs its
  /// share of the next panel.
  Values emit_piece(llvm::Value* t, llvm::Value* row, std::int64_t rows, const Columns& columns, const Panel& panel,
                    llvm::Value* number, bool packs) {
    const Positions positions = positions_of(t);
    const Values start = tile_code_->start(rows, columns.lanes, tile_start(row, panel, positions));
    const auto chain = [&](const Values& from, llvm::Value* turns) {
      return tile_code_->chain(from, turns, rows, columns.lanes, panel.stride);
    };
    if (packs) return b_->pack_share(number, start, positions.count, chain);
    if (!prefetch_) return chain(start, positions.count);
    return prefetch_->steps(start, number, rows, chain,
                            [&](llvm::Value* r) { epilogue_->prefetch_row(e_.b.CreateAdd(row, r), columns.first); });
  }

  void emit_epilogue_in_registers(const Values& sums, llvm::Value* row, std::int64_t rows, const Columns& columns) {
    const Lanes& lanes = columns.lanes;
    std::vector<Coordinate> i;
    for (std::int64_t r = 0; r < rows; ++r) i.push_back({e_.b.CreateAdd(row, e_.i64(r)), false, nullptr, Level::kRow});
    frame_.elements.begin_row(e_.preheader("row"));
    for (std::size_t v = 0; v < lanes.size(); ++v) {
      const Coordinate j = begin_vector(columns, e_.i64(static_cast<std::int64_t>(v) * lanes_), lanes[v]);
      for (std::int64_t r = 0; r < rows; ++r) {
        sum_ = ProductTile::sum(sums, lanes, r, v);
        store_results(frame_, node_.types[0].shape, at(i[static_cast<std::size_t>(r)], j));
      }
    }
  }

  /// Opens code for the `lanes` columns behind the first `before` ones of a panel whose width is known; gives them.
  Coordinate begin_vector(const Columns& columns, llvm::Value* before, int lanes) {
    llvm::Value* const left = e_.b.CreateSub(columns.count, before);
    const auto* const known = llvm::dyn_cast<llvm::ConstantInt>(left);
    const bool whole = known != nullptr ? known->getSExtValue() >= lanes
                                        : llvm::cast<llvm::ConstantInt>(columns.count)->getSExtValue() % lanes == 0;
    frame_.elements.begin_vector(lanes, whole ? nullptr : e_.first_lanes(left, lanes));
    return {e_.b.CreateAdd(columns.first, before), true, nullptr, Level::kVector};
  }

  /// The rows of the tile that begins at row `row`.
  llvm::Value* rows_of(llvm::Value* row) {
    if (!rows_.batch && rows_.size % tile_.rows == 0) return e_.i64(tile_.rows);
    return e_.min(e_.b.CreateSub(e_.size(rows_), row), e_.i64(tile_.rows));
  }

  /// Where the tile whose first row is `row` goes on.
  TileStart tile_start(llvm::Value* row, const Panel& panel, const Positions& positions) {
    auto& b = e_.b;
    llvm::Value* const stride = e_.size(a_.stride());
    llvm::Value* const a =
        a_.transposed ? b.CreateAdd(e_.mul(lead_, stride), row) : b.CreateAdd(b.CreateMul(row, stride), lead_);
    TileStart start{e_.element(element_, a_.place.pointer, a), panel, positions.list};
    if (sums_ != nullptr) {
      start.sums = e_.element(element_, sums_, b.CreateMul(row, e_.i64(panel_columns())));
      start.has_sums = has_sums_;
    }
    return start;
  }

  llvm::ConstantInt* tile_elements() { return e_.i64(tile_.rows * panel_columns()); }

  /// An epilogue with a lot to read and to compute, such as an optimizer's, runs one tile behind the product: a vector
  /// of the tile before after every few multiply-adds, so that the divider and the memory work while the multipliers
  /// do. Takes the whole tiles of first <= t < last, and gives the first tile that is left; the epilogue of the one
  /// before is left too.
  llvm::Value* emit_overlapped_tiles(const Columns& columns, const Panel& panel, llvm::Value* first,
                                     llvm::Value* last) {
    auto& b = e_.b;
    llvm::Value* const end = whole_tiles(first, last);
    e_.if_then(b.CreateICmpSLT(first, end), [&] {
      llvm::Value* const row = b.CreateMul(first, e_.i64(tile_.rows));
      epilogue_->prefetch_tile(row, tile_.rows, columns.first);
      emit_tile(first, first, columns.lanes, panel, tile_scratch(first));
      e_.loop(b.CreateAdd(first, e_.i64(1)), end, 1, [&](llvm::Value* t) { emit_overlapped_tile(t, panel, columns); });
    });
    return end;
  }

  /// The end of those of first <= t < last that are whole.
  llvm::Value* whole_tiles(llvm::Value* first, llvm::Value* last) {
    return e_.max(first, e_.min(last, e_.b.CreateUDiv(e_.size(rows_), e_.i64(tile_.rows))));
  }

  /// Computes tile `t`, and the epilogue of the tile before it.
  void emit_overlapped_tile(llvm::Value* t, const Panel& panel, const Columns& columns) {
    auto& b = e_.b;
    const Lanes& lanes = columns.lanes;
    const std::int64_t pauses = tile_.rows * static_cast<std::int64_t>(lanes.size());
    llvm::Value* const row = b.CreateMul(t, e_.i64(tile_.rows));
    llvm::Value* const row_before = b.CreateSub(row, e_.i64(tile_.rows));
    llvm::Value* const finished = tile_scratch(b.CreateSub(t, e_.i64(1)));
    const Positions positions = positions_of(t);
    llvm::Value* const share = b.CreateUDiv(positions.count, e_.i64(pauses));
    column_ = columns.first;
    Values state = tile_code_->start(tile_.rows, lanes, tile_start(row, panel, positions));
    state = e_.loop(e_.i64(0), e_.i64(tile_.rows), 1, state, [&](llvm::Value* r, const Values& at_row) {
      scratch_row_ = e_.element(element_, finished, b.CreateMul(r, e_.i64(panel_columns())));
      const Coordinate i{b.CreateAdd(row_before, r), false, nullptr, Level::kRow};
      epilogue_->prefetch_row(b.CreateAdd(row, r), columns.first);
      frame_.elements.begin_row(e_.preheader("row"));
      return e_.loop(e_.i64(0), columns.count, lanes_, at_row, [&](llvm::Value* before, const Values& now) {
        const Values next = tile_code_->chain(now, share, tile_.rows, lanes, panel.stride);
        store_results(frame_, node_.types[0].shape, at(i, begin_vector(columns, before, lanes_)));
        return next;
      });
    });
    llvm::Value* const rest = b.CreateSub(positions.count, b.CreateMul(share, e_.i64(pauses)));
    tile_code_->store(tile_code_->chain(state, rest, tile_.rows, lanes, panel.stride), tile_scratch(t), tile_.rows,
                      lanes);
  }

  /// Two tiles take turns in scratch.
  llvm::Value* tile_scratch(llvm::Value* t) {
    return e_.element(element_, frame_.scratch, e_.b.CreateMul(e_.b.CreateAnd(t, e_.i64(1)), tile_elements()));
  }

  void emit_epilogue(llvm::Value* tile, llvm::Value* row, llvm::Value* rows, const Columns& columns) {
    auto& b = e_.b;
    e_.loop(e_.i64(0), rows, 1, [&](llvm::Value* r) {
      llvm::Value* const i = b.CreateAdd(row, r);
      scratch_row_ = e_.element(element_, tile, b.CreateMul(r, e_.i64(panel_columns())));
      column_ = columns.first;
      frame_.elements.begin_row(e_.preheader("row"));
      for_vectors(frame_, columns.first, b.CreateAdd(columns.first, columns.count), lanes_, [&](const Coordinate& j) {
        store_results(frame_, node_.types[0].shape, at({i, false, nullptr, Level::kRow}, j));
      });
    });
  }

  /// The product's element for the epilogue: the accumulator at hand, or from the tile in scratch, whose lanes past the
  /// panel's end hold nothing of meaning.
  Element load_product(const Index& index) {
    if (in_registers_) return {normalized(sum_), false, Level::kVector};
    llvm::Value* const from = e_.element(element_, scratch_row_, e_.b.CreateSub(index.back().base, column_));
    llvm::Type* const vector = Emitter::vector_of(element_, frame_.elements.lanes());
    const llvm::Align align(static_cast<std::uint64_t>(bytes_ * lanes_));
    return {normalized(e_.b.CreateAlignedLoad(vector, from, align)), false, Level::kVector};
  }

  /// Where zeros may be skipped, a sum of nothing but zeros depends in its sign on which are: + 0 makes it positive.
  llvm::Value* normalized(llvm::Value* sum) {
    return frame_.plan.skips_zeros ? e_.b.CreateFAdd(sum, llvm::Constant::getNullValue(sum->getType())) : sum;
  }

  Frame& frame_;
  Emitter& e_;
  const Node& node_;
  Shape batch_;
  Dim rows_, columns_, depth_;
  std::array<llvm::Value*, 2> first_matrices_{};  ///< of both operands, where there is a batch
  Index batch_index_;                             ///< of the matrix that is computed
  llvm::Value* begin_ = nullptr;                  ///< its units
  llvm::Value* end_ = nullptr;
  llvm::Value* row_tiles_ = nullptr;
  llvm::Type* element_ = nullptr;
  int bytes_ = 4;
  int lanes_ = 16;
  Tile tile_{};
  Matrix a_{};
  std::optional<SecondFactor> b_;
  std::optional<Epilogue> epilogue_;
  bool overlapped_ = false;    ///< the epilogue runs one tile behind the product
  bool in_registers_ = false;  ///< the epilogue works on the accumulators
  std::optional<ProductTile> tile_code_;
  std::optional<BatchPrefetch> prefetch_;
  std::optional<NonzeroLists> nonzero_;  ///< if it skips zeros of the first factor
  llvm::Value* sums_ = nullptr;          ///< what the blocks before have summed up; nullptr: all is taken at once
  llvm::Value* has_sums_ = nullptr;      ///< 1 if there was a block before, else 0
  llvm::Value* lead_ = nullptr;          ///< the inner positions of the blocks before
  llvm::Value* turns_ = nullptr;         ///< those at hand
  llvm::Value* scratch_row_ = nullptr;   ///< the row of the tile that the epilogue works on
  llvm::Value* column_ = nullptr;        ///< the panel's first column
  llvm::Value* sum_ = nullptr;           ///< the accumulator that the epilogue works on
};

}  // namespace

void emit_matmul(Frame& frame) { Product(frame).emit(); }

}  // namespace sluice::backend

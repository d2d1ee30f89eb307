#include <algorithm>
#include <optional>

#include "backend/codegen/kernels.h"
#include "backend/codegen/panel_packer.h"
#include "backend/codegen/product_tile.h"

namespace sluice::backend {

using ir::Attr;
using ir::Node;
using ir::Op;
using Values = Emitter::Values;

namespace {

constexpr std::int64_t kLine = 64;  // bytes of a cache line

/// A factor in memory.
struct Matrix {
  Place place;
  Shape shape;
  bool transposed;  ///< the rows of memory are the columns of the factor

  /// Between rows of memory, where each is one piece.
  Dim stride() const { return place.layout.dense() ? shape[1] : Dim(place.layout.last); }
  bool one_piece() const { return place.layout.dense() || place.layout.one_panel(shape[1].size); }
};

/// Emits one product and its epilogue. The result is cut into panels of columns that fit the register tile; a panel's
/// row tiles run over the whole inner size, then pass through scratch to the epilogue, which is an ordinary loop over
/// the tile's elements. A large inner size is cut into blocks, whose part of the panel the nearest caches hold: all
/// tiles of a panel take the first block, then all take the second; their sums wait in scratch.
class Product {
 public:
  explicit Product(Frame& frame) : frame_(frame), e_(frame.e), node_(*find_op(frame.body(), Op::kMatmul)) {
    const auto parameter = [&](ir::Value value) {
      const auto parameters = frame.body().parameters();
      return static_cast<std::size_t>(std::ranges::find(parameters, value, &ir::Parameter::value) - parameters.begin());
    };
    const Type& result = node_.types[0];
    const Shape& a = frame.body().type(node_.operands[0]).shape;
    const Shape& b = frame.body().type(node_.operands[1]).shape;
    rows_ = result.shape[0];
    columns_ = result.shape[1];
    element_ = e_.memory_type(result.dtype);
    bytes_ = static_cast<int>(size_of(result.dtype));
    lanes_ = e_.target.lanes(bytes_);
    tile_ = matmul_tile(e_.target);
    a_ = {frame.operands[parameter(node_.operands[0])], a, node_.attributes.flag(Attr::kTransposeA)};
    b_ = {frame.operands[parameter(node_.operands[1])], b, node_.attributes.flag(Attr::kTransposeB)};
    SLUICE_CHECK(a_.one_piece(), "the first factor of {} lies in panels", frame.plan.name);
    depth_ = a_.transposed ? a[0] : a[1];
    packed_ = b_.transposed || columns_.batch;
    tile_code_.emplace(e_, result.dtype, a_.transposed, a_.stride(), panel_columns());
    panel_scratch_ = e_.element(element_, frame.scratch, e_.i64(2 * tile_.rows * panel_columns()));
    lead_ = e_.i64(0);
    turns_ = e_.size(depth_);
    tile_parameters_ = tile_parameters();
    overlapped_ = !columns_.batch && tile_parameters_.size() >= 2;
    if (in_depth_blocks(depth_)) {
      llvm::Value* const packed_rows = packed_ ? e_.b.CreateAdd(e_.size(depth_), e_.i64(lanes_)) : e_.i64(0);
      sums_ = e_.element(element_, panel_scratch_, e_.b.CreateMul(packed_rows, e_.i64(panel_columns())));
      no_sums_ = zero_tile();
    }
    frame_.elements.computed = [this](const Node&, const Index& index) { return load_product(index); };
  }

  void emit() {
    auto& b = e_.b;
    llvm::Value* const row_tiles = e_.blocks(rows_, tile_.rows);
    // Units are numbered panel by panel, so a thread's share is a run of panels, the first and last perhaps in part.
    llvm::Value* const first_panel = b.CreateUDiv(frame_.begin, row_tiles);
    llvm::Value* const last_panel = b.CreateUDiv(b.CreateAdd(frame_.end, b.CreateSub(row_tiles, e_.i64(1))), row_tiles);
    e_.if_then(b.CreateICmpSLT(frame_.begin, frame_.end), [&] {
      e_.loop(first_panel, last_panel, 1, [&](llvm::Value* panel) {
        llvm::Value* const unit = b.CreateMul(panel, row_tiles);
        llvm::Value* const first = e_.max(b.CreateSub(frame_.begin, unit), e_.i64(0));
        llvm::Value* const last = e_.min(b.CreateSub(frame_.end, unit), row_tiles);
        emit_panel_of_any_width(panel, first, last);
      });
    });
  }

 private:
  std::int64_t panel_columns() const { return tile_.vectors * lanes_; }

  void emit_panel_of_any_width(llvm::Value* panel, llvm::Value* first, llvm::Value* last) {
    auto& b = e_.b;
    llvm::Value* const column = b.CreateMul(panel, e_.i64(panel_columns()));
    if (columns_.batch) {
      llvm::Value* const count = e_.min(b.CreateSub(e_.size(columns_), column), e_.i64(panel_columns()));
      return emit_panel(column, count, tile_.vectors, first, last);
    }
    const std::int64_t whole = columns_.size / panel_columns();
    const std::int64_t rest = columns_.size % panel_columns();
    const auto emit_whole = [&] { emit_panel(column, e_.i64(panel_columns()), tile_.vectors, first, last); };
    const auto emit_rest = [&] { emit_panel(column, e_.i64(rest), (rest + lanes_ - 1) / lanes_, first, last); };
    if (rest == 0) return emit_whole();
    if (whole == 0) return emit_rest();
    e_.if_else(b.CreateICmpSLT(panel, e_.i64(whole)), emit_whole, emit_rest);
  }

  /// The row tiles first <= t < last of the panel that begins at `column`, `count` columns wide.
  void emit_panel(llvm::Value* column, llvm::Value* count, std::int64_t vectors, llvm::Value* first,
                  llvm::Value* last) {
    auto& b = e_.b;
    if (packed_) pack_panel(column, count, vectors);
    const Panel panel = packed_ ? Panel{panel_scratch_, e_.i64(panel_columns())} : panel_at(column);
    note_panel(column);
    emit_column_sums(panel, column, count, vectors, first);
    const Panel rest = sums_ == nullptr ? panel : emit_depth_blocks(panel, vectors, first, last);
    // Narrow last panels are few: the other way through the tiles does for them.
    const bool overlapped = overlapped_ && count == e_.i64(panel_columns());
    llvm::Value* const computed = overlapped ? emit_overlapped_tiles(column, vectors, rest, first, last) : first;
    const auto compute = [&](llvm::Value* t) {
      prefetch_tile(b.CreateMul(t, e_.i64(tile_.rows)), column);
      emit_tile(t, vectors, rest, tile_scratch(t));
    };
    llvm::Value* const begin = overlapped ? e_.max(first, b.CreateSub(computed, e_.i64(1))) : first;
    e_.loop(begin, last, 1, [&](llvm::Value* t) {
      if (overlapped) {
        e_.if_then(b.CreateICmpSGE(t, computed), [&] { compute(t); });
      } else {
        compute(t);
      }
      llvm::Value* const row = b.CreateMul(t, e_.i64(tile_.rows));
      emit_epilogue(tile_scratch(t), row, rows_of(row), column, count);
    });
  }

  /// If the kernel has the sums of the second factor's columns as a result, too (a bias's gradient beside the
  /// weight's): the thread that takes the panel's first tile makes them, as the panel is at hand.
  void emit_column_sums(const Panel& panel, llvm::Value* column, llvm::Value* count, std::int64_t vectors,
                        llvm::Value* first) {
    const auto results = frame_.body().results();
    const auto sums = std::ranges::find_if(
        results, [&](ir::Value result) { return frame_.body().node(result).op == Op::kReduceSum; });
    if (sums == results.end()) return;
    const Place& place = frame_.results[static_cast<std::size_t>(sums - results.begin())];
    auto& b = e_.b;
    e_.if_then(b.CreateICmpEQ(first, e_.i64(0)), [&] {
      const Values values = tile_code_->column_sums(panel, e_.size(depth_), vectors);
      for (std::size_t v = 0; v < values.size(); ++v) {
        llvm::Value* const offset = e_.i64(static_cast<std::int64_t>(v) * lanes_);
        llvm::Value* const left = e_.min(e_.max(b.CreateSub(count, offset), e_.i64(0)), e_.i64(lanes_));
        b.CreateMaskedStore(values[v], e_.element(element_, place.pointer, b.CreateAdd(column, offset)),
                            llvm::Align(static_cast<std::uint64_t>(bytes_)), e_.first_lanes(left, lanes_));
      }
    });
  }

  /// All tiles first <= t < last take the inner positions but those of the last block; gives the panel from there on.
  Panel emit_depth_blocks(const Panel& panel, std::int64_t vectors, llvm::Value* first, llvm::Value* last) {
    auto& b = e_.b;
    llvm::Value* const blocks = b.CreateUDiv(b.CreateSub(e_.size(depth_), e_.i64(1)), e_.i64(kDepthBlock));
    const auto from = [&](llvm::Value* position) {
      return Panel{e_.element(element_, panel.pointer, b.CreateMul(position, panel.stride)), panel.stride};
    };
    turns_ = e_.i64(kDepthBlock);
    e_.loop(e_.i64(0), blocks, 1, [&](llvm::Value* block) {
      lead_ = b.CreateMul(block, e_.i64(kDepthBlock));
      has_sums_ = b.CreateICmpSGT(block, e_.i64(0));
      const Panel part = from(lead_);
      e_.loop(first, last, 1, [&](llvm::Value* t) {
        emit_tile(t, vectors, part, e_.element(element_, sums_, b.CreateMul(t, tile_elements())));
      });
    });
    lead_ = b.CreateMul(blocks, e_.i64(kDepthBlock));
    has_sums_ = b.CreateICmpSGT(blocks, e_.i64(0));
    turns_ = b.CreateSub(e_.size(depth_), lead_);
    return from(lead_);
  }

  /// The sums of row tile `t` over the inner positions at hand, to `out`: at once, or row by row if it is the last and
  /// not whole.
  void emit_tile(llvm::Value* t, std::int64_t vectors, const Panel& panel, llvm::Value* out) {
    auto& b = e_.b;
    llvm::Value* const row = b.CreateMul(t, e_.i64(tile_.rows));
    const auto emit_whole = [&] { tile_code_->call(tile_.rows, vectors, tile_start(row, panel), turns_, out); };
    if (!rows_.batch && rows_.size % tile_.rows == 0) {
      return emit_whole();
    }
    llvm::Value* const left = b.CreateSub(e_.size(rows_), row);
    e_.if_else(b.CreateICmpSGE(left, e_.i64(tile_.rows)), emit_whole, [&] {
      e_.loop(e_.i64(0), left, 1, [&](llvm::Value* r) {
        tile_code_->call(1, vectors, tile_start(b.CreateAdd(row, r), panel), turns_,
                         e_.element(element_, out, b.CreateMul(r, e_.i64(panel_columns()))));
      });
    });
  }

  /// The rows of the tile that begins at row `row`.
  llvm::Value* rows_of(llvm::Value* row) {
    if (!rows_.batch && rows_.size % tile_.rows == 0) return e_.i64(tile_.rows);
    return e_.min(e_.b.CreateSub(e_.size(rows_), row), e_.i64(tile_.rows));
  }

  /// Where the tile whose first row is `row` goes on.
  TileStart tile_start(llvm::Value* row, const Panel& panel) {
    auto& b = e_.b;
    llvm::Value* const stride = e_.size(a_.stride());
    llvm::Value* const a =
        a_.transposed ? b.CreateAdd(e_.mul(lead_, stride), row) : b.CreateAdd(b.CreateMul(row, stride), lead_);
    TileStart start{e_.element(element_, a_.place.pointer, a), panel};
    if (sums_ != nullptr) {
      llvm::Value* const sums = e_.element(element_, sums_, b.CreateMul(row, e_.i64(panel_columns())));
      start.sums = b.CreateSelect(has_sums_, sums, no_sums_);
    }
    return start;
  }

  llvm::ConstantInt* tile_elements() { return e_.i64(tile_.rows * panel_columns()); }

  /// A tile of zeros, for the first block to go on from.
  llvm::Value* zero_tile() {
    auto* const type = llvm::ArrayType::get(element_, static_cast<std::uint64_t>(tile_.rows * panel_columns()));
    auto* const zeros = new llvm::GlobalVariable(e_.module, type, true, llvm::GlobalValue::PrivateLinkage,
                                                 llvm::Constant::getNullValue(type));
    zeros->setAlignment(llvm::Align(64));
    return zeros;
  }

  /// An epilogue with a lot to read and to compute, such as an optimizer's, runs one tile behind the product: a vector
  /// of the tile before after every few multiply-adds, so that the divider and the memory work while the multipliers
  /// do. Takes the whole tiles of first <= t < last, a panel of full width, and gives the first tile that is left; the
  /// epilogue of the one before is left too.
  llvm::Value* emit_overlapped_tiles(llvm::Value* column, std::int64_t vectors, const Panel& panel, llvm::Value* first,
                                     llvm::Value* last) {
    auto& b = e_.b;
    llvm::Value* const end = e_.max(first, e_.min(last, b.CreateUDiv(e_.size(rows_), e_.i64(tile_.rows))));
    e_.if_then(b.CreateICmpSLT(first, end), [&] {
      llvm::Value* const row = b.CreateMul(first, e_.i64(tile_.rows));
      prefetch_tile(row, column);
      tile_code_->call(tile_.rows, vectors, tile_start(row, panel), turns_, tile_scratch(first));
      e_.loop(b.CreateAdd(first, e_.i64(1)), end, 1,
              [&](llvm::Value* t) { emit_overlapped_tile(t, panel, vectors, column); });
    });
    return end;
  }

  /// Computes tile `t`, and the epilogue of the tile before it.
  void emit_overlapped_tile(llvm::Value* t, const Panel& panel, std::int64_t vectors, llvm::Value* column) {
    auto& b = e_.b;
    llvm::Value* const row = b.CreateMul(t, e_.i64(tile_.rows));
    llvm::Value* const row_before = b.CreateSub(row, e_.i64(tile_.rows));
    llvm::Value* const finished = tile_scratch(b.CreateSub(t, e_.i64(1)));
    llvm::Value* const share = b.CreateUDiv(turns_, e_.i64(tile_.rows * vectors));
    column_ = column;
    const Values state =
        e_.loop(e_.i64(0), e_.i64(tile_.rows), 1, tile_code_->start(tile_.rows, vectors, tile_start(row, panel)),
                [&](llvm::Value* r, const Values& carried) {
                  scratch_row_ = e_.element(element_, finished, b.CreateMul(r, e_.i64(panel_columns())));
                  llvm::Value* const i = b.CreateAdd(row_before, r);
                  prefetch_row(b.CreateAdd(row, r), column);
                  frame_.elements.begin_row(e_.preheader("row"));
                  Values now = carried;
                  for (std::int64_t v = 0; v < vectors; ++v) {
                    now = tile_code_->chain(now, share, tile_.rows, vectors, panel.stride);
                    frame_.elements.begin_vector(lanes_, nullptr);
                    const Coordinate j{b.CreateAdd(column, e_.i64(v * lanes_)), true, nullptr, Level::kVector};
                    store_results(frame_, node_.types[0].shape, {{i, false, nullptr, Level::kRow}, j});
                  }
                  return now;
                });
    llvm::Value* const rest = b.CreateSub(turns_, b.CreateMul(share, e_.i64(tile_.rows * vectors)));
    tile_code_->store(tile_code_->chain(state, rest, tile_.rows, vectors, panel.stride), tile_scratch(t), tile_.rows,
                      vectors);
  }

  /// Two tiles take turns in scratch.
  llvm::Value* tile_scratch(llvm::Value* t) {
    return e_.element(element_, frame_.scratch, e_.b.CreateMul(e_.b.CreateAnd(t, e_.i64(1)), tile_elements()));
  }

  /// The parameters that the epilogue reads as it does the product, by their numbers.
  std::vector<std::size_t> tile_parameters() const {
    std::vector<std::size_t> found;
    const auto parameters = frame_.body().parameters();
    for (std::size_t p = 0; p < parameters.size(); ++p) {
      const bool is_factor = std::ranges::find(node_.operands, parameters[p].value) != node_.operands.end();
      if (!is_factor && frame_.body().type(parameters[p].value).shape == node_.types[0].shape) found.push_back(p);
    }
    return found;
  }

  /// Where the second factor's columns from `column` on begin, in the memory's row 0.
  Panel panel_at(llvm::Value* column) {
    if (b_.place.layout.dense()) return {e_.element(element_, b_.place.pointer, column), e_.size(b_.stride())};
    const PanelStart start = frame_.elements.panel_of(b_.place.layout, b_.shape, column);
    return {e_.element(element_, b_.place.pointer, e_.b.CreateAdd(start.offset, column)), start.width};
  }

  /// Tells the epilogue in which panel of the states it works: all that have the result's shape are laid out alike.
  void note_panel(llvm::Value* column) {
    const auto in_panels = [&](const Place& place) {
      return !place.layout.dense() && !place.layout.one_panel(columns_.size);
    };
    auto found = std::ranges::find_if(frame_.results, in_panels);
    const Place* place = found == frame_.results.end() ? nullptr : &*found;
    for (const std::size_t p : tile_parameters_) {
      if (in_panels(frame_.operands[p])) place = &frame_.operands[p];
    }
    if (place == nullptr) return;
    frame_.elements.known_panel = frame_.elements.panel_of(place->layout, node_.types[0].shape, column);
    frame_.elements.known_panel_shape = node_.types[0].shape;
  }

  /// Asks for what the epilogue will read of a row of this tile, such as an optimizer's state: it arrives while the
  /// product is computed.
  void prefetch_row(llvm::Value* row, llvm::Value* column) {
    auto& b = e_.b;
    for (const std::size_t p : tile_parameters_) {
      const Place& place = frame_.operands[p];
      const DType dtype = frame_.body().type(frame_.body().parameters()[p].value).dtype;
      const bool in_panels = !place.layout.dense() && !place.layout.one_panel(columns_.size);
      const Dim width = place.layout.dense() ? columns_ : Dim(place.layout.last);
      const PanelStart start = in_panels ? *frame_.elements.known_panel : PanelStart{e_.i64(0), e_.size(width)};
      llvm::Value* const first = b.CreateAdd(b.CreateAdd(b.CreateMul(row, start.width), start.offset), column);
      // A dense row of the tile begins anywhere in a cache line, so it reaches into one more than it fills.
      const std::int64_t bytes = panel_columns() * static_cast<std::int64_t>(size_of(dtype));
      prefetch_line_by_line(e_.element(e_.memory_type(dtype), place.pointer, first),
                            bytes + (place.layout.dense() ? kLine : 0));
    }
  }

  void prefetch_line_by_line(llvm::Value* from, std::int64_t bytes) {
    for (std::int64_t at = 0; at < bytes; at += kLine) e_.prefetch(e_.element(e_.b.getInt8Ty(), from, e_.i64(at)));
  }

  void prefetch_tile(llvm::Value* row, llvm::Value* column) {
    if (tile_parameters_.empty()) return;
    for (std::int64_t r = 0; r < tile_.rows; ++r) prefetch_row(e_.b.CreateAdd(row, e_.i64(r)), column);
  }

  void emit_epilogue(llvm::Value* tile, llvm::Value* row, llvm::Value* rows, llvm::Value* column, llvm::Value* count) {
    auto& b = e_.b;
    e_.loop(e_.i64(0), rows, 1, [&](llvm::Value* r) {
      llvm::Value* const i = b.CreateAdd(row, r);
      scratch_row_ = e_.element(element_, tile, b.CreateMul(r, e_.i64(panel_columns())));
      column_ = column;
      frame_.elements.begin_row(e_.preheader("row"));
      for_vectors(frame_, column, b.CreateAdd(column, count), lanes_, [&](const Coordinate& j) {
        store_results(frame_, node_.types[0].shape, {{i, false, nullptr, Level::kRow}, j});
      });
    });
  }

  /// The product's element for the epilogue: from the tile in scratch, whose lanes past the panel's end hold nothing of
  /// meaning.
  Element load_product(const Index& index) {
    llvm::Value* const from = e_.element(element_, scratch_row_, e_.b.CreateSub(index[1].base, column_));
    llvm::Type* const vector = Emitter::vector_of(element_, lanes_);
    return {e_.b.CreateAlignedLoad(vector, from, llvm::Align(static_cast<std::uint64_t>(bytes_ * lanes_))), false,
            Level::kVector};
  }

  /// Copies a panel of the second factor to scratch as [depth][panel_columns].
  void pack_panel(llvm::Value* column, llvm::Value* count, std::int64_t vectors) {
    auto& b = e_.b;
    PanelPacker packer(e_, node_.types[0].dtype, panel_columns());
    if (!b_.transposed) {
      const Panel from = panel_at(column);
      return packer.pack_rows(from.pointer, from.stride, e_.size(depth_), count, vectors, panel_scratch_);
    }
    e_.loop(e_.i64(0), e_.i64(vectors), 1, [&](llvm::Value* v) {
      llvm::Value* const offset = b.CreateMul(v, e_.i64(lanes_));
      llvm::Value* const row = b.CreateAdd(column, offset);
      llvm::Value* const last = b.CreateSub(b.CreateSub(e_.size(columns_), row), e_.i64(1));
      e_.loop(e_.i64(0), e_.size(depth_), lanes_, [&](llvm::Value* k) {
        const Panel from = panel_at(k);
        packer.pack_transposed(
            e_.element(element_, from.pointer, b.CreateMul(row, from.stride)), from.stride, last,
            b.CreateSub(e_.size(depth_), k),
            e_.element(element_, panel_scratch_, b.CreateAdd(b.CreateMul(k, e_.i64(panel_columns())), offset)));
      });
    });
  }

  Frame& frame_;
  Emitter& e_;
  const Node& node_;
  Dim rows_, columns_, depth_;
  llvm::Type* element_ = nullptr;
  int bytes_ = 4;
  int lanes_ = 16;
  Tile tile_{};
  Matrix a_{}, b_{};
  std::vector<std::size_t> tile_parameters_;
  bool packed_ = false;
  bool overlapped_ = false;
  std::optional<ProductTile> tile_code_;
  llvm::Value* panel_scratch_ = nullptr;
  llvm::Value* sums_ = nullptr;         ///< what the blocks before have summed up; nullptr: all is taken at once
  llvm::Value* no_sums_ = nullptr;      ///< zeros
  llvm::Value* has_sums_ = nullptr;     ///< whether there was a block before
  llvm::Value* lead_ = nullptr;         ///< the inner positions of the blocks before
  llvm::Value* turns_ = nullptr;        ///< those at hand
  llvm::Value* scratch_row_ = nullptr;  ///< the row of the tile that the epilogue works on
  llvm::Value* column_ = nullptr;       ///< the panel's first column
};

}  // namespace

void emit_matmul(Frame& frame) { Product(frame).emit(); }

}  // namespace sluice::backend

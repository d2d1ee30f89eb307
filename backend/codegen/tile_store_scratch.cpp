#include "backend/codegen/tile_store.h"

namespace sluice::backend {

using Values = Emitter::Values;

namespace {

/// The elements of a tile's row in scratch. Lanes past the end of the panel are undefined.
class ScratchRow {
 public:
  ScratchRow(const ProductContext& product, llvm::Value* tile, llvm::Value* r, llvm::Value* first_column)
      : product_(product),
        row_(
            product.e.element(product.element, tile, product.e.b.CreateMul(r, product.e.i64(product.panel_columns())))),
        first_column_(first_column) {}

  llvm::Value* load(const Coordinate& column) const {
    Emitter& e = product_.e;
    llvm::Value* const from = e.element(product_.element, row_, e.b.CreateSub(column.base, first_column_));
    llvm::Type* const vector = Emitter::vector_of(product_.element, product_.frame.elements.lanes());
    const llvm::Align align(static_cast<std::uint64_t>(product_.bytes * product_.lanes));
    return e.b.CreateAlignedLoad(vector, from, align);
  }

 private:
  const ProductContext& product_;
  llvm::Value* row_;
  llvm::Value* first_column_;
};

class ThroughScratch final : public TileStore {
 public:
  ThroughScratch(const ProductContext& product, const Epilogue& epilogue) : product_(product), epilogue_(epilogue) {}

  void emit(const MicroKernel& kernel, const PanelTiles& panel) const override {
    product_.e.loop(panel.first, panel.last, 1, [&](llvm::Value* t) {
      compute(kernel, panel, t);
      store(panel, t);
    });
  }

  /// Computes tile `t`, to its scratch.
  void compute(const MicroKernel& kernel, const PanelTiles& panel, llvm::Value* t) const {
    epilogue_.prefetch_tile(panel.matrices, product_.first_row_of(t), product_.tile.rows, panel.columns.first);
    kernel.store_tile(panel, t, product_.tile_scratch(t));
  }

  /// Runs the epilogue on tile `t` in its scratch.
  void store(const PanelTiles& panel, llvm::Value* t) const {
    Emitter& e = product_.e;
    auto& b = e.b;
    Frame& frame = product_.frame;
    const Columns& columns = panel.columns;
    llvm::Value* const row = product_.first_row_of(t);
    llvm::Value* const rows = product_.rows_of(row);
    llvm::Value* const tile = product_.tile_scratch(t);
    e.loop(e.i64(0), rows, 1, [&](llvm::Value* r) {
      llvm::Value* const i = b.CreateAdd(row, r);
      const ScratchRow sums(product_, tile, r, columns.first);
      frame.elements.begin_row(e.preheader("row"));
      for_vectors(frame, columns.first, b.CreateAdd(columns.first, columns.count), product_.lanes,
                  [&](const Coordinate& j) {
                    product_.store_results_at(panel.matrices, {i, false, nullptr, Level::kRow}, j,
                                              [&](const Coordinate& column) { return sums.load(column); });
                  });
    });
  }

 private:
  const ProductContext& product_;
  const Epilogue& epilogue_;
};

class Overlapped final : public TileStore {
 public:
  Overlapped(const ProductContext& product, const Epilogue& epilogue)
      : product_(product), epilogue_(epilogue), plain_(product, epilogue) {}

  void emit(const MicroKernel& kernel, const PanelTiles& panel) const override {
    Emitter& e = product_.e;
    llvm::Value* const computed = emit_whole_tiles(kernel, panel);
    llvm::Value* const begin = e.max(panel.first, e.b.CreateSub(computed, e.i64(1)));
    e.loop(begin, panel.last, 1, [&](llvm::Value* t) {
      e.if_then(e.b.CreateICmpSGE(t, computed), [&] { plain_.compute(kernel, panel, t); });
      plain_.store(panel, t);
    });
  }

 private:
  /// Computes the whole tiles and returns the first tile after them. The epilogue of the last one has not run yet.
  llvm::Value* emit_whole_tiles(const MicroKernel& kernel, const PanelTiles& panel) const {
    Emitter& e = product_.e;
    llvm::Value* const end = product_.whole_tiles(panel.first, panel.last);
    e.if_then(e.b.CreateICmpSLT(panel.first, end), [&] {
      plain_.compute(kernel, panel, panel.first);
      e.loop(e.b.CreateAdd(panel.first, e.i64(1)), end, 1, [&](llvm::Value* t) { emit_tile(kernel, panel, t); });
    });
    return end;
  }

  /// Computes tile `t`, and the epilogue of the tile before it.
  void emit_tile(const MicroKernel& kernel, const PanelTiles& panel, llvm::Value* t) const {
    Emitter& e = product_.e;
    auto& b = e.b;
    const ProductTile& code = kernel.code();
    const Lanes& lanes = panel.columns.lanes;
    const std::int64_t tile_rows = product_.tile.rows;
    const std::int64_t pauses = tile_rows * static_cast<std::int64_t>(lanes.size());
    llvm::Value* const row = product_.first_row_of(t);
    llvm::Value* const row_before = b.CreateSub(row, e.i64(tile_rows));
    llvm::Value* const finished = product_.tile_scratch(b.CreateSub(t, e.i64(1)));
    const MicroKernel::Positions positions = kernel.positions_of(panel, t);
    llvm::Value* const share = b.CreateUDiv(positions.count, e.i64(pauses));
    Values state = code.start(tile_rows, lanes, kernel.start_of(panel, row, tile_rows, positions));
    state = e.loop(e.i64(0), e.i64(tile_rows), 1, state, [&](llvm::Value* r, const Values& at_row) {
      const ScratchRow sums(product_, finished, r, panel.columns.first);
      const Coordinate i{b.CreateAdd(row_before, r), false, nullptr, Level::kRow};
      epilogue_.prefetch_row(panel.matrices, b.CreateAdd(row, r), panel.columns.first);
      product_.frame.elements.begin_row(e.preheader("row"));
      return e.loop(e.i64(0), panel.columns.count, product_.lanes, at_row, [&](llvm::Value* before, const Values& now) {
        const Values next = code.chain(now, share, tile_rows, lanes, panel.rhs.stride);
        product_.store_results_at(panel.matrices, i, product_.begin_vector(panel.columns, before, product_.lanes),
                                  [&](const Coordinate& column) { return sums.load(column); });
        return next;
      });
    });
    llvm::Value* const rest = b.CreateSub(positions.count, b.CreateMul(share, e.i64(pauses)));
    llvm::Value* const to = product_.tile_scratch(t);
    code.store(code.chain(state, rest, tile_rows, lanes, panel.rhs.stride), to, tile_rows, lanes);
  }

  const ProductContext& product_;
  const Epilogue& epilogue_;
  ThroughScratch plain_;  ///< for the first tile, and those that are not whole
};

}  // namespace

std::unique_ptr<TileStore> store_through_scratch(const ProductContext& product, const Epilogue& epilogue) {
  return std::make_unique<ThroughScratch>(product, epilogue);
}

std::unique_ptr<TileStore> store_overlapped(const ProductContext& product, const Epilogue& epilogue) {
  return std::make_unique<Overlapped>(product, epilogue);
}

}  // namespace sluice::backend

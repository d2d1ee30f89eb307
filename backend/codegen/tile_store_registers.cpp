#include "backend/codegen/tile_store.h"

namespace sluice::backend {

using Values = Emitter::Values;

namespace {

class InRegisters final : public TileStore {
 public:
  InRegisters(const ProductContext& product, const Epilogue& epilogue, const SecondFactor& rhs,
              const BatchPrefetch* prefetch)
      : product_(product), epilogue_(epilogue), rhs_(rhs), prefetch_(prefetch) {}

  void emit(const MicroKernel& kernel, const PanelTiles& panel) const override {
    Emitter& e = product_.e;
    auto& b = e.b;
    const Columns& columns = panel.columns;
    const bool is_last_panel = columns.lanes != product_.whole_lanes();
    const bool packs_ahead = panel.next != nullptr && !is_last_panel;
    e.loop(panel.first, panel.last, 1, [&](llvm::Value* t) {
      llvm::Value* const row = product_.first_row_of(t);
      if (prefetch_ == nullptr) epilogue_.prefetch_tile(panel.matrices, row, product_.tile.rows, columns.first);
      product_.for_pieces(row, [&](llvm::Value* r, std::int64_t rows) {
        const bool whole = rows == product_.tile.rows;
        llvm::Value* const number = b.CreateSub(t, panel.first);  // among the tiles that the thread computes
        const Values sums = compute(kernel, panel, {t, number, e.add(row, r), rows}, packs_ahead && whole);
        const bool may_note = kernel.has_lists() && whole;
        llvm::Value* const scratch = product_.frame.scratch;
        if (may_note) {
          e.if_then(b.CreateICmpEQ(t, panel.first), [&] { kernel.code().store(sums, scratch, rows, columns.lanes); });
        }
        store(panel, sums, e.add(row, r), rows);
        // A call while the sums are in registers would spill all of them, in every tile.
        if (may_note) kernel.note_first(panel, t, scratch);
      });
    });
    if (packs_ahead)
      rhs_.pack_rest(*panel.next, b.CreateSub(product_.whole_tiles(panel.first, panel.last), panel.first));
  }

 private:
  /// `rows` rows of a tile, from row `row` of the result on.
  struct Piece {
    llvm::Value* tile;
    llvm::Value* number;  ///< of the tile, among those that the thread computes
    llvm::Value* row;
    std::int64_t rows;
  };

  /// Returns the sums of a piece. `packs`: packs the tile's share of the next panel meanwhile.
  Values compute(const MicroKernel& kernel, const PanelTiles& panel, const Piece& piece, bool packs) const {
    const auto& [t, number, row, rows] = piece;
    const Lanes& lanes = panel.columns.lanes;
    const MicroKernel::Positions positions = kernel.positions_of(panel, t);
    const Values start = kernel.code().start(rows, lanes, kernel.start_of(panel, row, rows, positions));
    const auto chain = [&](const Values& from, llvm::Value* steps) {
      return kernel.code().chain(from, steps, piece.rows, lanes, panel.rhs.stride);
    };
    if (packs) return rhs_.pack_share(*panel.next, number, start, positions.count, chain);
    if (prefetch_ == nullptr) return chain(start, positions.count);
    return prefetch_->steps(*panel.prefetch, start, number, rows, chain, [&](llvm::Value* r) {
      epilogue_.prefetch_row(panel.matrices, product_.e.b.CreateAdd(piece.row, r), panel.columns.first);
    });
  }

  /// Runs the epilogue on the sums of `rows` rows from row `row` on.
  void store(const PanelTiles& panel, const Values& sums, llvm::Value* row, std::int64_t rows) const {
    Emitter& e = product_.e;
    const Lanes& lanes = panel.columns.lanes;
    std::vector<Coordinate> i;
    for (std::int64_t r = 0; r < rows; ++r) i.push_back({e.b.CreateAdd(row, e.i64(r)), false, nullptr, Level::kRow});
    product_.frame.elements.begin_row(e.preheader("row"));
    for (std::size_t v = 0; v < lanes.size(); ++v) {
      const auto before = static_cast<std::int64_t>(v) * product_.lanes;
      const Coordinate j = product_.begin_vector(panel.columns, e.i64(before), lanes[v]);
      for (std::int64_t r = 0; r < rows; ++r) {
        llvm::Value* const sum = ProductTile::sum(sums, lanes, r, v);
        product_.store_results_at(panel.matrices, i[static_cast<std::size_t>(r)], j,
                                  [&](const Coordinate&) { return sum; });
      }
    }
  }

  const ProductContext& product_;
  const Epilogue& epilogue_;
  const SecondFactor& rhs_;
  const BatchPrefetch* prefetch_;
};

}  // namespace

std::unique_ptr<TileStore> store_in_registers(const ProductContext& product, const Epilogue& epilogue,
                                              const SecondFactor& rhs, const BatchPrefetch* prefetch) {
  return std::make_unique<InRegisters>(product, epilogue, rhs, prefetch);
}

}  // namespace sluice::backend

#pragma once

#include <memory>

#include "backend/codegen/epilogue.h"
#include "backend/codegen/micro_kernel.h"

namespace sluice::backend {

/// A way for the tiles of a product to reach memory: computes tiles, runs the epilogue on them and stores its results.
class TileStore {
 public:
  TileStore() = default;
  TileStore(const TileStore&) = delete;
  TileStore& operator=(const TileStore&) = delete;
  virtual ~TileStore() = default;

  /// The tiles of a panel, over the last block of K.
  virtual void emit(const MicroKernel& kernel, const PanelTiles& panel) const = 0;
};

/// Each tile passes through scratch, and the epilogue is an ordinary loop over its elements: for an epilogue that is
/// too long to be repeated for each accumulator.
std::unique_ptr<TileStore> store_through_scratch(const ProductContext& product, const Epilogue& epilogue);

/// The epilogue works on the accumulators: no tile passes through scratch. For a short epilogue on panels whose width
/// is known.
std::unique_ptr<TileStore> store_in_registers(const ProductContext& product, const Epilogue& epilogue,
                                              const SecondFactor& rhs, const BatchPrefetch* prefetch);

/// An epilogue with a lot to read and to compute, such as an optimizer's, runs one tile behind the product: a vector of
/// the tile before after every few multiply-adds, so that the divider and the memory work while the multipliers do.
std::unique_ptr<TileStore> store_overlapped(const ProductContext& product, const Epilogue& epilogue);

}  // namespace sluice::backend

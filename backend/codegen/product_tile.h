#pragma once

#include "backend/codegen/emitter.h"
#include "ir/type.h"

namespace sluice::backend {

/// A panel of the second factor: `stride` elements from one inner position to the next.
struct Panel {
  llvm::Value* pointer;
  llvm::Value* stride;
};

/// Where a tile begins: the first element of its rows, its panel, and, if it goes on from sums that were stored before,
/// those.
struct TileStart {
  llvm::Value* a;
  Panel panel;
  llvm::Value* sums = nullptr;
};

/// Code for tiles of a product: rows x vectors accumulators that take one multiply-add for each inner position, in
/// ascending order, so that the sums have the same bits however the positions are divided.
class ProductTile {
 public:
  using Values = Emitter::Values;

  /// `a_transposed`: the rows of the first factor's memory are inner positions; `a_stride` elements lie between them.
  /// Tiles lie in scratch as rows of `columns` elements.
  ProductTile(Emitter& emitter, DType dtype, bool a_transposed, Dim a_stride, std::int64_t columns);

  /// Calls a function that computes `turns` inner positions of a tile and stores the sums to `out`. Static strides are
  /// part of its code; products of the same strides share it.
  void call(std::int64_t rows, std::int64_t vectors, const TileStart& start, llvm::Value* turns, llvm::Value* out);

  // The same as pieces, for code that does something else between them. What is carried: where the chain stands in both
  // factors, and the accumulators.
  Values start(std::int64_t rows, std::int64_t vectors, const TileStart& start);
  Values chain(const Values& start, llvm::Value* turns, std::int64_t rows, std::int64_t vectors,
               llvm::Value* panel_stride);
  void store(const Values& sums, llvm::Value* out, std::int64_t rows, std::int64_t vectors);

  /// The sums of each of a panel's columns over `depth` inner positions, in ascending order, `vectors` of them.
  Values column_sums(const Panel& panel, llvm::Value* depth, std::int64_t vectors);

 private:
  Values chain(const Values& start, llvm::Value* turns, std::int64_t rows, std::int64_t vectors, llvm::Value* a_stride,
               llvm::Value* panel_stride);
  llvm::Function* function(std::int64_t rows, std::int64_t vectors, llvm::Value* panel_stride, bool goes_on);

  Emitter& e_;
  llvm::Type* element_;
  int bytes_;
  int lanes_;
  bool a_transposed_;
  Dim a_stride_;
  std::int64_t columns_;
};

}  // namespace sluice::backend

#pragma once

#include "backend/codegen/emitter.h"
#include "sluice/type.h"

namespace sluice::backend {

/// A panel of the second factor: `stride` elements from one inner position to the next.
struct Panel {
  llvm::Value* pointer;
  llvm::Value* stride;
};

/// The start of a tile: the first element of its rows, its panel, the list of the steps of K that it takes (nullptr:
/// all), and, if it may continue from stored sums, their address and whether (1 or 0) it does.
struct TileStart {
  llvm::Value* a;
  Panel panel;
  llvm::Value* list = nullptr;
  llvm::Value* sums = nullptr;
  llvm::Value* has_sums = nullptr;
};

/// The vectors of a tile's row. Each has all lanes that the machine has, but the last one may have half.
struct Lanes {
  std::vector<int> counts;
  int loaded_of_last = 0;  ///< the lanes of the last one that are loaded of a panel, through a mask; 0: all

  std::size_t size() const { return counts.size(); }
  int operator[](std::size_t vector) const { return counts[vector]; }
  auto begin() const { return counts.begin(); }
  auto end() const { return counts.end(); }
  bool operator==(const Lanes&) const = default;
};

/// Code for tiles of a product: an accumulator for each vector of each row, that take one multiply-add for each inner
/// position, in ascending order, so that the sums have the same bits however the positions are divided.
class ProductTile {
 public:
  using Values = Emitter::Values;

  /// `a_transposed`: the rows of the first factor's memory are inner positions; `a_stride` elements lie between them.
  /// `in_blocks`: a tile takes its inner positions in several turns through the panel. `listed`: it takes those that a
  /// list names. Tiles lie in scratch as rows of `columns` elements. `in_batch`: its matrices are small, so it
  /// prefetches the next tile's rows to L1, and columns are in L2 already (BatchPrefetch).
  ProductTile(Emitter& emitter, DType dtype, bool a_transposed, Dim a_stride, bool in_blocks, bool listed,
              std::int64_t columns, bool in_batch = false);

  /// Calls a function that computes `turns` inner positions of a tile and stores the sums to `out`. Static strides are
  /// part of its code; products of the same strides share it.
  void call(std::int64_t rows, const Lanes& lanes, const TileStart& start, llvm::Value* turns, llvm::Value* out) const;

  // The same as pieces, for code that does something else between them. What is carried: the accumulators,
  // where the chain stands, and what it asks for ahead.
  Values start(std::int64_t rows, const Lanes& lanes, const TileStart& at) const {
    return start(rows, lanes, at, e_.size(a_stride_));
  }
  Values chain(const Values& start, llvm::Value* turns, std::int64_t rows, const Lanes& lanes,
               llvm::Value* panel_stride) const;
  /// An accumulator of what is carried.
  static llvm::Value* sum(const Values& carried, const Lanes& lanes, std::int64_t row, std::size_t vector) {
    return carried[static_cast<std::size_t>(row) * lanes.size() + vector];
  }
  void store(const Values& sums, llvm::Value* out, std::int64_t rows, const Lanes& lanes) const;
  /// 1 if all sums of a tile in scratch are finite, else 0.
  llvm::Value* is_finite(llvm::Value* tile, std::int64_t rows, const Lanes& lanes) const;

  /// Returns the sum of each column of a panel over `depth` steps of K, in ascending chains.
  Values column_sums(const Panel& panel, Dim depth, const Lanes& lanes) const;

 private:
  Values start(std::int64_t rows, const Lanes& lanes, const TileStart& at, llvm::Value* a_stride) const;
  Values chain(const Values& start, llvm::Value* turns, std::int64_t rows, const Lanes& lanes, llvm::Value* a_stride,
               llvm::Value* panel_stride) const;
  llvm::Function* function(std::int64_t rows, const Lanes& lanes, const TileStart& start) const;

  /// The position of a chain in both factors, and in the list of its steps unless it takes all.
  struct Factors {
    llvm::Value* a;
    llvm::Value* panel;
    llvm::Value* list;
  };
  /// In both factors so many positions further.
  Factors moved(const Factors& from, llvm::Value* positions, llvm::Value* a_stride, llvm::Value* panel_stride) const;

  /// Returns whether a tile prefetches the next tile's rows. It does not when those rows are strided or split, or when
  /// there are too few to pay for it.
  bool asks_ahead(std::int64_t rows) const { return !a_transposed_ && !in_blocks_ && rows > 1; }

  /// The vectors of the panel's row at `from`.
  Values panel_row(llvm::Value* from, const Lanes& lanes) const;
  /// The place of a vector in a tile in memory, where each begins on a multiple of its size.
  llvm::Value* in_tile(llvm::Value* tile, std::int64_t row, std::size_t vector) const;
  llvm::Align align() const { return llvm::Align(static_cast<std::uint64_t>(bytes_ * lanes_)); }

  Emitter& e_;
  llvm::Type* element_;
  int bytes_;
  int lanes_;
  bool a_transposed_;
  Dim a_stride_;
  bool in_blocks_;
  bool listed_;
  std::int64_t columns_;
  bool in_batch_;
};

}  // namespace sluice::backend

#pragma once

#include <functional>
#include <vector>

#include "backend/codegen/emitter.h"
#include "ir/windows.h"

namespace sluice::backend {

/// Copies windows over a dense value to rows of scratch, one window a row: the lhs of a product that has no such matrix
/// in memory. Cells outside of the value are 0.
class WindowPacker {
 public:
  /// `windows`: the node. `from`: the type of the value that it slides over. `stride`: the elements from row to row.
  WindowPacker(Emitter& emitter, const ir::Node& windows, const Type& from, std::int64_t stride);

  /// Calls a function that packs `count` rows of the matrix of windows over the value at `from`, from row `row` on.
  void pack(llvm::Value* from, llvm::Value* row, llvm::Value* count, llvm::Value* to) const;

 private:
  /// A place in the value: the offset of its first element, and whether it lies within all axes so far.
  struct Cell {
    llvm::Value* offset;
    llvm::Value* inside;  ///< i1; nullptr: it always does
  };

  llvm::Function* function() const;
  void pack_row(llvm::Value* from, llvm::Value* row, llvm::Value* to, const std::vector<llvm::Value*>& sizes) const;
  /// Packs the taps of the axes from `axis` on, of which window `window[axis]` begins at `at`; `to` counts elements.
  void pack_taps(std::size_t axis, const Cell& at, const std::vector<llvm::Value*>& window, llvm::Value* from,
                 llvm::Value* to, const std::vector<llvm::Value*>& sizes) const;
  void copy(const Cell& cell, std::int64_t count, llvm::Value* from, llvm::Value* to) const;
  /// The elements that tap by tap of `axis` packs.
  std::int64_t elements_of_tap(std::size_t axis) const;
  /// Whether all taps of the last axis lie next to each other in memory.
  bool is_one_piece(std::size_t axis) const;

  Emitter& e_;
  std::vector<ir::Window> windows_;
  std::vector<Dim> sizes_;   ///< of the axes that they slide over
  std::vector<Dim> counts_;  ///< of the windows along them
  std::int64_t cell_;        ///< elements of a cell: the product of the axes behind
  std::int64_t stride_;
  llvm::Type* element_;
  int bytes_;
  std::string name_;
};

}  // namespace sluice::backend

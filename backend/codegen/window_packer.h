#pragma once

#include <functional>
#include <vector>

#include "backend/codegen/emitter.h"
#include "ir/windows.h"

namespace sluice::backend {

/// Copies windows over a dense value to scratch, for a product whose operand is the matrix of windows: a row for each
/// window, tap by tap. Cells outside of the value are 0.
class WindowPacker {
 public:
  /// `windows`: the node. `from`: the type of the value that it slides over. `stride`: the elements from row to row.
  WindowPacker(Emitter& emitter, const ir::Node& windows, const Type& from, std::int64_t stride);

  /// Packs `count` whole rows of the matrix, from row `row` on, of the value at `from`. The copies are unrolled: with
  /// pack_columns instead, the convolutions of a small MNIST network took 5 to 20% longer.
  void pack(llvm::Value* from, llvm::Value* row, llvm::Value* count, llvm::Value* to) const;

  /// The numbers first <= i < first + count.
  struct Range {
    llvm::Value* first;
    llvm::Value* count;
  };
  /// The same for the columns `columns` of the rows `rows`.
  void pack_columns(llvm::Value* from, const Range& rows, const Range& columns, llvm::Value* to) const;

 private:
  /// A cell of the value, by the offset of its first element.
  struct Cell {
    llvm::Value* offset;
    llvm::Value* inside;  ///< i1: whether it is within all axes; nullptr: it always is
  };

  /// Returns the sizes and the counts of all axes in turn, as the functions take them.
  std::vector<llvm::Value*> arguments_of_sizes() const;
  /// Returns the function `name`, which `emit` makes if the module does not have it. It takes the value, the scratch,
  /// `numbers` integers and the sizes.
  llvm::Function* function(const std::string& name, unsigned numbers,
                           const std::function<void(const std::vector<llvm::Value*>&)>& emit) const;
  void pack_piece(llvm::Value* from, llvm::Value* piece, const Range& rows, const Range& columns, llvm::Value* to,
                  const std::vector<llvm::Value*>& sizes) const;
  /// Returns the coordinates of the window in row `row` of the matrix along each axis, then its row-major coordinate
  /// along the axes before them.
  std::vector<llvm::Value*> window_of(llvm::Value* row, const std::vector<llvm::Value*>& sizes) const;
  void pack_row(llvm::Value* from, llvm::Value* row, llvm::Value* to, const std::vector<llvm::Value*>& sizes) const;
  /// Packs the taps along the axes from `axis` on of one window, at the cell `at` along the axes before.
  void pack_taps(std::size_t axis, const Cell& at, const std::vector<llvm::Value*>& window, llvm::Value* from,
                 llvm::Value* to, const std::vector<llvm::Value*>& sizes) const;
  void copy(const Cell& cell, std::int64_t count, llvm::Value* from, llvm::Value* to) const;
  /// Copies `used` elements of a vector, or zeros where the cell is outside.
  void copy_vector(const Cell& cell, llvm::Value* used, llvm::Value* offset, llvm::Value* from, llvm::Value* to) const;
  /// Returns the number of elements that one tap along `axis` packs.
  std::int64_t elements_of_tap(std::size_t axis) const;
  /// Returns the elements of a row that lie next to each other in memory: those of a cell, or of all cells along the
  /// last axis.
  std::int64_t elements_of_piece() const;
  /// Returns whether `axis` is the last one and all its taps lie next to each other in memory.
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

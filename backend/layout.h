#pragma once

#include <cstdint>

#include "sluice/array.h"
#include "sluice/type.h"

namespace sluice::backend {

/// How the elements of a value lie in memory. Dense: row-major. Else it is a matrix in panels of `panel` columns, one
/// behind the other, each row-major with `panel` elements a row, but `last` in the last one. What stands behind a row's
/// last column has no meaning.
struct Layout {
  std::int64_t panel = 0;  ///< 0: dense
  std::int64_t last = 0;

  bool dense() const { return panel == 0; }
  bool operator==(const Layout&) const = default;

  /// Whether a row of so many columns is one piece, then of `last` elements.
  bool one_panel(std::int64_t columns) const { return columns <= panel; }
};

/// Whether an array of this shape has no elements, whatever B is.
inline bool is_empty(const Shape& shape) { return shape.element_count().size == 0; }

/// The elements, with those that have no meaning.
Dim element_count(const Layout& layout, const Shape& shape);

inline constexpr std::int64_t kLine = 64;  ///< bytes of a cache line

/// The columns of a variable's panel: the width of the widest tile of a product, which all others divide.
inline constexpr std::int64_t kPanelColumns = 48;

/// The layout of every variable of this type, so that all functions that share one agree, whatever they are compiled
/// for. Weights and what optimizers keep of them lie in panels: a product reads a panel from its first to its last
/// byte, and a weight's gradient meets the optimizer's state tile by tile in one piece.
Layout state_layout(const Type& type);

/// Rows that begin on cache lines and, being an odd number of lines long, do not share the cache's sets.
Layout aligned_rows(const Type& type);

/// Copies between a row-major array and memory of this layout.
void pack(const Layout& layout, const Array& from, std::byte* to);
void unpack(const Layout& layout, const std::byte* from, Array& to);

}  // namespace sluice::backend

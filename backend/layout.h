#pragma once

#include <cstdint>

#include "sluice/array.h"
#include "sluice/type.h"

namespace sluice::backend {

/// How the elements of a value are stored. Dense: row-major. Otherwise it is a matrix in consecutive panels of `panel`
/// columns, each row-major with `panel` elements per row, but `last` in the last panel. The padding after a row's last
/// column has no meaning.
struct Layout {
  std::int64_t panel = 0;  ///< 0: dense
  std::int64_t last = 0;

  bool dense() const { return panel == 0; }
  bool operator==(const Layout&) const = default;

  /// Returns whether rows of this many columns are contiguous; they then have `last` elements.
  bool one_panel(std::int64_t columns) const { return columns <= panel; }
};

/// Returns whether an array of this shape has no elements, for any B.
inline bool is_empty(const Shape& shape) { return shape.element_count().size == 0; }

/// Returns the number of elements, including padding.
Dim element_count(const Layout& layout, const Shape& shape);

inline constexpr std::int64_t kLine = 64;  ///< bytes of a cache line

/// The columns of a variable's panel: the width of the widest tile of a product, which all other widths divide.
inline constexpr std::int64_t kPanelColumns = 48;

/// Returns the layout of every variable of this type, so that all functions that share one agree, whatever they are
/// compiled for. Weights and their optimizer state are in panels: a product reads a panel sequentially, and a tile of a
/// weight's gradient finds the optimizer's state contiguous.
Layout state_layout(const Type& type);

/// Returns a layout whose rows start on cache lines and, being an odd number of lines long, do not compete for the same
/// cache sets.
Layout aligned_rows(const Type& type);

/// Copies between a row-major array and memory of this layout.
void pack(const Layout& layout, const Array& from, std::byte* to);
void unpack(const Layout& layout, const std::byte* from, Array& to);

}  // namespace sluice::backend

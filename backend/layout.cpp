#include "backend/layout.h"

#include <algorithm>
#include <cstring>

namespace sluice::backend {

namespace {

constexpr std::int64_t kWidestVector = 16;  // elements
constexpr std::int64_t kLeastColumns = 32;  // anything narrower would be mostly padding
constexpr std::int64_t kLeastRows = 8;

bool is_wide_matrix(const Type& type) {
  const Shape& shape = type.shape;
  return is_float(type.dtype) && shape.rank() == 2 && !shape[1].batch && shape[1].size >= kLeastColumns;
}

std::int64_t rounded_up(std::int64_t count, std::int64_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

/// Calls copy(row-major position, packed position, count) for every contiguous run of elements.
template <typename Copy>
void for_runs(const Layout& layout, std::int64_t rows, std::int64_t columns, Copy copy) {
  std::int64_t packed = 0;
  for (std::int64_t column = 0; column < columns; column += layout.panel) {
    const std::int64_t count = std::min(layout.panel, columns - column);
    const std::int64_t width = column + layout.panel < columns ? layout.panel : layout.last;
    for (std::int64_t row = 0; row < rows; ++row, packed += width) copy(row * columns + column, packed, count);
  }
}

}  // namespace

Dim element_count(const Layout& layout, const Shape& shape) {
  if (layout.dense()) return shape.element_count();
  const std::int64_t before_last = (shape[1].size - 1) / layout.panel;
  return shape[0] * (before_last * layout.panel + layout.last);
}

Layout state_layout(const Type& type) {
  if (!is_wide_matrix(type) || type.shape[0].batch || type.shape[0].size < kLeastRows) return {};
  const std::int64_t rest = type.shape[1].size % kPanelColumns;
  return {kPanelColumns, rest == 0 ? kPanelColumns : rounded_up(rest, kWidestVector)};
}

Layout aligned_rows(const Type& type) {
  if (!is_wide_matrix(type)) return {};
  const std::int64_t line = kLine / static_cast<std::int64_t>(size_of(type.dtype));
  const std::int64_t lines = (type.shape[1].size + line - 1) / line;
  const std::int64_t width = (lines | 1) * line;
  return width == type.shape[1].size ? Layout{} : Layout{width, width};
}

void pack(const Layout& layout, const Array& from, std::byte* to) {
  if (layout.dense()) {
    if (from.byte_count() > 0) std::memcpy(to, from.bytes(), from.byte_count());
    return;
  }
  const auto bytes = static_cast<std::int64_t>(size_of(from.dtype()));
  for_runs(layout, from.sizes()[0], from.sizes()[1], [&](std::int64_t plain, std::int64_t packed, std::int64_t count) {
    std::memcpy(to + packed * bytes, from.bytes() + plain * bytes, static_cast<std::size_t>(count * bytes));
  });
}

void unpack(const Layout& layout, const std::byte* from, Array& to) {
  if (layout.dense()) {
    if (to.byte_count() > 0) std::memcpy(to.bytes(), from, to.byte_count());
    return;
  }
  const auto bytes = static_cast<std::int64_t>(size_of(to.dtype()));
  for_runs(layout, to.sizes()[0], to.sizes()[1], [&](std::int64_t plain, std::int64_t packed, std::int64_t count) {
    std::memcpy(to.bytes() + plain * bytes, from + packed * bytes, static_cast<std::size_t>(count * bytes));
  });
}

}  // namespace sluice::backend

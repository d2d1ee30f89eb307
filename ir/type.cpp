#include "sluice/type.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "sluice/error.h"

namespace sluice {

namespace {
struct DTypeRow {
  std::string_view name;
  std::size_t size;
};
constexpr std::array<DTypeRow, kDTypeCount> kDTypes{
    {{"f32", 4}, {"f64", 8}, {"i32", 4}, {"i64", 8}, {"u8", 1}, {"bool", 1}}};
static_assert(sizeof(bool) == 1);
}  // namespace

std::string_view to_string(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].name; }
std::size_t size_of(DType dtype) { return kDTypes[static_cast<std::size_t>(dtype)].size; }

std::optional<DType> parse_dtype(std::string_view name) {
  for (std::size_t i = 0; i < kDTypes.size(); ++i) {
    if (kDTypes[i].name == name) return static_cast<DType>(i);
  }
  return std::nullopt;
}

bool Shape::is_static() const {
  for (const Dim& dim : dims_) {
    if (dim.batch) return false;
  }
  return true;
}

Dim Shape::element_count() const {
  Dim count = 1;
  for (const Dim& dim : dims_) count = count * dim;
  return count;
}

std::vector<std::int64_t> Shape::at(const Bindings& bindings) const {
  std::vector<std::int64_t> sizes;
  sizes.reserve(dims_.size());
  for (const Dim& dim : dims_) sizes.push_back(dim.at(bindings));
  return sizes;
}

std::string to_string(const Shape& shape) {
  std::vector<std::string> dims;
  for (const Dim& dim : shape) dims.push_back(to_string(dim));
  return fmt::format("[{}]", fmt::join(dims, ","));
}

std::string to_string(const Type& type) { return fmt::format("{}{}", to_string(type.dtype), to_string(type.shape)); }

}  // namespace sluice

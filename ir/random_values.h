#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

#include "ir/random_graph.h"

namespace sluice::ir {

/// Draws for a random graph: sizes, dtypes, and values among the existing ones. The base of RandomNodes.
class RandomValues {
 public:
  RandomValues(std::uint64_t seed, RandomKind kind) : engine_(seed), kind_(kind), b_("random") {
    if (kind == RandomKind::kWide) {
      width_ = kWidths[static_cast<std::size_t>(below(kWidths.size()))];
      height_ = kHeights[static_cast<std::size_t>(below(kHeights.size()))];
    }
    if (kind == RandomKind::kEmpty) (chance(60) ? width_ : height_) = 0;
  }

 protected:
  bool wide() const { return kind_ == RandomKind::kWide; }
  bool sizes() const { return kind_ == RandomKind::kSizes; }

  int below(std::size_t limit) { return static_cast<int>(engine_() % limit); }
  int below(int limit) { return below(static_cast<std::size_t>(limit)); }
  bool chance(int percent) { return below(100) < percent; }

  template <typename T>
  T one_of(std::initializer_list<T> all) {
    return *std::next(all.begin(), below(static_cast<int>(all.size())));
  }

  DType any_dtype() {
    return one_of(
        {DType::kF32, DType::kF32, DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool});
  }
  DType any_float() { return chance(85) ? DType::kF32 : DType::kF64; }

  Shape any_shape() {
    const Dim t = length("T");
    if (sizes())
      return one_of<Shape>(
          {{batch, t, width_}, {batch, t}, {t, width_}, {batch, width_}, {batch, t, t}, {t}, {width_}, {}});
    if (wide()) return one_of<Shape>({{batch, width_}, {height_, width_}, {batch}, {width_}, {}, {height_, 3}});
    return one_of<Shape>(
        {{batch, width_}, {batch, width_}, {batch}, {height_, width_}, {width_}, {}, {batch, 2, 3}, {3, 5}});
  }

  const Shape& shape(Value v) const { return b_.type(v).shape; }
  DType dtype(Value v) const { return b_.type(v).dtype; }

  /// Returns a recent value for which `fits` holds, or nothing.
  template <typename F>
  std::optional<Value> find(F fits) {
    std::vector<Value> fitting;
    std::ranges::copy_if(values_, std::back_inserter(fitting), fits);
    if (fitting.empty()) return std::nullopt;
    const int newest = static_cast<int>(fitting.size()) - 1;
    return fitting[static_cast<std::size_t>(newest - below(std::min(newest + 1, 8)))];
  }

  /// Returns a value of the type: an existing or a new one.
  Value any(const Type& type) {
    if (!chance(8)) {
      if (const auto found = find([&](Value v) { return b_.type(v) == type; })) return *found;
      if (const auto found =
              find([&](Value v) { return shape(v) == type.shape && is_float(dtype(v)) == is_float(type.dtype); }))
        return b_.cast(*found, type.dtype);
    }
    return b_.full(type, type.dtype == DType::kBool ? below(2) : type.dtype == DType::kU8 ? below(3) : below(5) - 2);
  }
  Value any_of(DType wanted) {
    const auto found = find([&](Value v) { return dtype(v) == wanted; });
    return found ? *found : any({wanted, any_shape()});
  }
  Value any_with_rank(DType wanted, int least) {
    const auto found = find([&](Value v) { return dtype(v) == wanted && shape(v).rank() >= least; });
    return found ? *found : any({wanted, least > 1 ? Shape{batch, width_} : Shape{width_}});
  }

  void keep(Value value) {
    const Dim count = shape(value).element_count();
    if (count.size <= (wide() ? kMostElementsOfWide : kMostElements)) values_.push_back(value);
  }

  std::mt19937_64 engine_;
  RandomKind kind_;
  std::int64_t width_ = 4;   ///< columns of most matrices
  std::int64_t height_ = 4;  ///< rows of those without B
  Builder b_;
  std::vector<Value> values_;

 private:
  /// Elements of a static shape, or for each of B.
  static constexpr std::int64_t kMostElements = 2000;
  static constexpr std::int64_t kMostElementsOfWide = 100'000;

  /// Columns around the vectors (4, 8, 16), tiles (16, 32, 48) and panels (48) of every target.
  static constexpr std::array<std::int64_t, 26> kWidths{15, 16, 17, 31, 32,  33,  47,  48,  49,  50,  63,  64,  65,
                                                        80, 95, 96, 97, 100, 113, 143, 144, 145, 192, 193, 256, 300};
  /// Rows around the heights of tiles (6, 8, 12, 14) and the least height of a panel (8).
  static constexpr std::array<std::int64_t, 12> kHeights{1, 5, 6, 7, 8, 9, 12, 13, 15, 24, 29, 40};
};

}  // namespace sluice::ir

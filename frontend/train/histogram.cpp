#include "frontend/train/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "frontend/train/protobuf.h"

namespace sluice::detail {

namespace {

void append_packed(std::string& out, int field, const std::vector<double>& values) {
  std::string bytes;
  for (const double value : values) append_little_endian(bytes, std::bit_cast<std::uint64_t>(value));
  append_bytes(out, field, bytes);
}

}  // namespace

std::string Histogram::message() const {
  std::string out;
  append_double(out, 1, min);
  append_double(out, 2, max);
  append_double(out, 3, count);
  append_double(out, 4, sum);
  append_double(out, 5, sum_of_squares);
  append_packed(out, 6, limits);
  append_packed(out, 7, counts);
  return out;
}

Histogram histogram_of(const Array& array) {
  constexpr std::size_t kRanges = 30;
  std::vector<double> values;
  visit_dtype(array.dtype(), [&]<typename T>(T) {
    for (const T element : array.data<T>()) {
      const auto value = static_cast<double>(element);
      if (std::isfinite(value)) values.push_back(value);
    }
  });
  Histogram result;
  if (values.empty()) return result;
  const auto [least, largest] = std::ranges::minmax(values);
  result.min = least;
  result.max = largest;
  result.count = static_cast<double>(values.size());
  const std::size_t ranges = least < largest ? kRanges : 1;
  for (std::size_t i = 1; i < ranges; ++i) {  // not by their width, which may overflow
    result.limits.push_back(std::lerp(result.min, result.max, static_cast<double>(i) / kRanges));
  }
  result.counts.resize(ranges);
  for (const double value : values) {
    result.sum += value;
    result.sum_of_squares += value * value;
    ++result.counts[static_cast<std::size_t>(std::ranges::upper_bound(result.limits, value) - result.limits.begin())];
  }
  result.limits.push_back(result.max);
  return result;
}

}  // namespace sluice::detail

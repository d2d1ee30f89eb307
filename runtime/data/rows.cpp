#include "runtime/data/rows.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>

#include "sluice/random_stream.h"

namespace sluice::detail {

namespace {

template <typename F>
Examples of_each_array(const Examples& examples, F f) {
  Examples results;
  for (const Array& array : examples.inputs) results.inputs.push_back(f(array));
  for (const Array& array : examples.targets) results.targets.push_back(f(array));
  return results;
}

/// Calls f for each array of `a` and the same array of `b`.
template <typename A, typename B, typename F>
void for_pairs(A& a, B& b, F f) {
  for (std::size_t i = 0; i < a.inputs.size(); ++i) f(a.inputs[i], b.inputs[i]);
  for (std::size_t i = 0; i < a.targets.size(); ++i) f(a.targets[i], b.targets[i]);
}

bool same_row_type(const Array& a, const Array& b) {
  return a.dtype() == b.dtype() &&
         std::equal(a.sizes().begin() + 1, a.sizes().end(), b.sizes().begin() + 1, b.sizes().end());
}

std::string row_types_of(const std::vector<Array>& arrays) {
  std::vector<std::string> types;
  for (const Array& array : arrays) {
    const std::vector<std::int64_t> sizes(array.sizes().begin() + 1, array.sizes().end());
    types.push_back(to_string(Type{array.dtype(), Shape::of(sizes)}));
  }
  return types.empty() ? "nothing" : fmt::format("{}", fmt::join(types, ", "));
}

}  // namespace

std::vector<std::int64_t> with_rows(const Array& array, std::int64_t rows) {
  std::vector<std::int64_t> sizes = array.sizes();
  sizes[0] = rows;
  return sizes;
}

std::size_t bytes_per_row(const Array& array) {
  const auto& sizes = array.sizes();
  const auto elements = std::accumulate(sizes.begin() + 1, sizes.end(), std::int64_t{1}, std::multiplies<>());
  return static_cast<std::size_t>(elements) * size_of(array.dtype());
}

Array view_rows(const Array& array, std::int64_t begin, std::int64_t end) {
  const auto owner = std::make_shared<Array>(array);
  std::byte* const first = owner->bytes() + static_cast<std::size_t>(begin) * bytes_per_row(array);
  return Array::borrow(array.dtype(), with_rows(array, end - begin), std::shared_ptr<void>(owner, first));
}

Examples view_rows(const Examples& examples, std::int64_t begin, std::int64_t end) {
  return of_each_array(examples, [&](const Array& array) { return view_rows(array, begin, end); });
}

/// The rows are scattered, so the hardware prefetcher cannot predict them: prefetches each one a few rows ahead.
void gather_rows(const Array& from, std::span<const std::uint32_t> rows, Array& to) {
  constexpr std::size_t kRowsAhead = 4;
  constexpr std::size_t kCacheLine = 64;
  const std::size_t size = bytes_per_row(from);
  const std::byte* const source = from.bytes();
  std::byte* target = to.bytes();
  const auto prefetch = [&](std::size_t i) {
    const std::byte* const row = source + rows[i] * size;
    for (std::size_t at = 0; at < size; at += kCacheLine) __builtin_prefetch(row + at);
  };
  for (std::size_t i = 0; i < std::min(kRowsAhead, rows.size()); ++i) prefetch(i);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i + kRowsAhead < rows.size()) prefetch(i + kRowsAhead);
    std::memcpy(target, source + rows[i] * size, size);
    target += size;
  }
}

void gather_rows(const Examples& from, std::span<const std::uint32_t> rows, Examples& to) {
  for_pairs(from, to, [&](const Array& source, Array& target) { gather_rows(source, rows, target); });
}

void scatter_rows(const Examples& from, std::span<const std::uint32_t> rows, Examples& to) {
  for_pairs(from, to, [&](const Array& source, Array& target) {
    const std::size_t size = bytes_per_row(source);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::memcpy(target.bytes() + rows[i] * size, source.bytes() + i * size, size);
    }
  });
}

Examples make_buffer(const Examples& like, std::int64_t rows) {
  return of_each_array(like, [&](const Array& array) { return Array(array.dtype(), with_rows(array, rows)); });
}

void prepare_buffer(const Examples& like, std::int64_t rows, BatchBuffer& to) {
  const auto fits = [&] {
    if (!same_row_types(like, to.batch) || !is_unique(to.batch)) return false;
    const auto has_rows = [&](const Array& array) { return array.sizes()[0] == rows; };
    return std::ranges::all_of(to.batch.inputs, has_rows) && std::ranges::all_of(to.batch.targets, has_rows);
  };
  if (to.reusable && fits()) return;
  to = {};
  to = {make_buffer(like, rows), true};
}

bool is_unique(const Examples& examples) {
  const auto unique = [](const Array& array) { return array.unique(); };
  return std::ranges::all_of(examples.inputs, unique) && std::ranges::all_of(examples.targets, unique);
}

std::string row_types(const Examples& examples) {
  return fmt::format("{} and {}", row_types_of(examples.inputs), row_types_of(examples.targets));
}

bool same_row_types(const Examples& a, const Examples& b) {
  return std::ranges::equal(a.inputs, b.inputs, same_row_type) &&
         std::ranges::equal(a.targets, b.targets, same_row_type);
}

Order shuffled_order(std::int64_t size, std::uint64_t seed) {
  if (size > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
    fail("shuffled: expected fewer than 2^32 examples, got {}", size);
  }
  // Fisher-Yates; std::shuffle produces different orders with different libraries.
  std::vector<std::uint32_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0U);
  RandomStream random(seed);
  for (std::size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[random.below(static_cast<std::uint32_t>(left))]);
  }
  return std::make_shared<const std::vector<std::uint32_t>>(std::move(order));
}

Location location_of(const std::source_location& where) {
  return {intern_file(where.file_name()), static_cast<std::uint32_t>(where.line()), 0};
}

}  // namespace sluice::detail

#include "sluice/random_split.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <type_traits>

#include "runtime/data/rows.h"
#include "sluice/error.h"
#include "sluice/random_stream.h"

namespace sluice {

namespace {

using Parts = std::vector<std::vector<std::uint32_t>>;

/// Returns the shares as fractions.
std::vector<double> fractions_of(std::int64_t size, std::span<const double> shares, std::string_view what,
                                 const std::source_location& where) {
  constexpr double kRounding = 1e-6;
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const bool valid = std::ranges::all_of(shares, [](double share) { return share >= 0 && std::isfinite(share); });
  const bool whole = std::ranges::all_of(shares, [](double share) { return share == std::trunc(share); });
  const bool counts = whole && sum == static_cast<double>(size);
  if (!valid || shares.empty() || (std::abs(sum - 1) > kRounding && !counts)) {
    throw Error(fmt::format("{}: expected fractions with the sum 1 or numbers with the sum {}, got {}", what, size,
                            fmt::join(shares, ", ")),
                detail::location_of(where));
  }
  std::vector<double> fractions(shares.begin(), shares.end());
  for (double& fraction : fractions) fraction = sum > 0 ? fraction / sum : 1.0 / static_cast<double>(shares.size());
  return fractions;
}

}  // namespace

Parts random_numbers_of_parts(std::int64_t size, std::span<const double> shares, std::uint64_t seed,
                              const std::source_location& where) {
  const std::vector<double> fractions = fractions_of(size, shares, "random_split", where);
  const Order order = detail::shuffled_order(size, seed);
  Parts parts;
  double share = 0;
  auto begin = order->begin();
  for (const double fraction : fractions) {
    share += fraction;
    const auto bound = std::min<std::int64_t>(std::llround(share * static_cast<double>(size)), size);
    const auto end = order->begin() + static_cast<std::ptrdiff_t>(bound);
    std::ranges::sort(parts.emplace_back(begin, end));
    begin = end;
  }
  return parts;
}

Parts stratified_numbers_of_parts(const Array& labels, std::span<const double> shares, std::uint64_t seed,
                                  const std::source_location& where) {
  if (labels.rank() != 1 || is_float(labels.dtype())) {
    throw Error(
        fmt::format("stratified_split: expected integers as labels, one per example, got {}", to_string(labels.type())),
        detail::location_of(where));
  }
  const std::int64_t size = labels.sizes()[0];
  const std::vector<double> fractions = fractions_of(size, shares, "stratified_split", where);
  std::vector<std::int64_t> classes;
  visit_dtype(labels.dtype(), [&]<typename T>(T) {
    for (const T label : labels.data<T>()) classes.push_back(static_cast<std::int64_t>(label));
  });
  std::vector<std::uint32_t> order = *detail::shuffled_order(size, seed);
  std::ranges::stable_sort(order, {}, [&](std::uint32_t i) { return classes[i]; });

  // Each example, class by class, goes to the part that is furthest behind its share, so none is ever more than one
  // example ahead.
  Parts parts(fractions.size());
  double so_far = 0;
  for (const std::uint32_t i : order) {
    ++so_far;
    std::size_t furthest = 0;
    double most = -1;
    for (std::size_t part = 0; part < parts.size(); ++part) {
      const double behind = fractions[part] * so_far - static_cast<double>(parts[part].size());
      if (behind <= most || fractions[part] == 0) continue;
      most = behind;
      furthest = part;
    }
    parts[furthest].push_back(i);
  }
  for (std::vector<std::uint32_t>& part : parts) std::ranges::sort(part);
  return parts;
}

Dataset select_examples(const Dataset& dataset, std::span<const std::uint32_t> numbers) {
  const auto wrong = std::ranges::find_if(numbers, [&](std::uint32_t number) { return number >= dataset.size(); });
  if (wrong != numbers.end()) {
    fail("select_examples: expected numbers of {} examples, got {}", dataset.size(), *wrong);
  }
  Examples part = detail::make_buffer(dataset, static_cast<std::int64_t>(numbers.size()));
  detail::gather_rows(dataset, numbers, part);
  return {std::move(part.inputs), std::move(part.targets)};
}

}  // namespace sluice

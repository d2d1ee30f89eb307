#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <span>
#include <utility>
#include <vector>

#include "sluice/dataset.h"
#include "sluice/pipeline.h"

namespace sluice {

/// Splits the numbers 0 <= i < `size` into random parts, each in ascending order. `shares` are fractions with the sum
/// 1, or numbers of examples with the sum `size`. With fractions, the parts' bounds are rounded to the nearest example.
/// Depends only on the arguments. Throws Error, at `where`, for other shares.
std::vector<std::vector<std::uint32_t>> random_numbers_of_parts(
    std::int64_t size, std::span<const double> shares, std::uint64_t seed,
    const std::source_location& where = std::source_location::current());

/// The same so that each part has every class in the proportion of the whole: label i of `labels` is the class of
/// example i. In a split in two, each part has its share of each class, and of the whole, up to one example. Throws
/// Error, at `where`, also unless the labels are integers (or bools) of rank 1.
std::vector<std::vector<std::uint32_t>> stratified_numbers_of_parts(
    const Array& labels, std::span<const double> shares, std::uint64_t seed,
    const std::source_location& where = std::source_location::current());

/// Returns the examples with these numbers, copied, in this order. Throws Error unless each is below size().
Dataset select_examples(const Dataset& dataset, std::span<const std::uint32_t> numbers);

namespace detail {
template <std::size_t N, typename F, std::size_t... I>
auto array_of(F f, std::index_sequence<I...>) {
  return std::array{f(I)...};
}
}  // namespace detail

/// Splits a data set at random: const auto [train, test] = random_split(all, {0.8, 0.2}, seed). The shares and the
/// order within the parts are those of random_numbers_of_parts; the parts are copies.
template <std::size_t N>
std::array<Dataset, N> random_split(const Dataset& dataset, const double (&shares)[N], std::uint64_t seed,
                                    std::source_location where = std::source_location::current()) {
  const auto parts = random_numbers_of_parts(dataset.size(), shares, seed, where);
  return detail::array_of<N>([&](std::size_t i) { return select_examples(dataset, parts[i]); },
                             std::make_index_sequence<N>());
}
/// The same for a pipeline, not copied.
template <std::size_t N>
std::array<Pipeline, N> random_split(const Pipeline& pipeline, const double (&shares)[N], std::uint64_t seed,
                                     std::source_location where = std::source_location::current()) {
  const auto parts = random_numbers_of_parts(pipeline.size(), shares, seed, where);
  return detail::array_of<N>([&](std::size_t i) { return pipeline.select(parts[i]); }, std::make_index_sequence<N>());
}

/// Splits a data set at random, with all classes in the same proportions in each part, by its only target: see
/// stratified_numbers_of_parts. The parts are copies.
template <std::size_t N>
std::array<Dataset, N> stratified_split(const Dataset& dataset, const double (&shares)[N], std::uint64_t seed,
                                        std::source_location where = std::source_location::current()) {
  const auto parts = stratified_numbers_of_parts(dataset.target(), shares, seed, where);
  return detail::array_of<N>([&](std::size_t i) { return select_examples(dataset, parts[i]); },
                             std::make_index_sequence<N>());
}

}  // namespace sluice

#include "sluice/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "ir/random_stream.h"
#include "runtime/execution/trace.h"
#include "sluice/error.h"

namespace sluice {

namespace {

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

/// Copies rows[i] of `from` to row i of `to`. The rows are scattered, so the hardware prefetcher cannot predict them:
/// prefetches each one a few rows ahead.
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

Examples make_buffer(const Dataset& dataset, std::int64_t examples) {
  const auto buffers = [&](const std::vector<Array>& arrays) {
    std::vector<Array> made;
    for (const Array& array : arrays) made.emplace_back(array.dtype(), with_rows(array, examples));
    return made;
  };
  return {buffers(dataset.inputs), buffers(dataset.targets)};
}

Examples view(const Dataset& dataset, std::int64_t begin, std::int64_t end) {
  const auto views = [&](const std::vector<Array>& arrays) {
    std::vector<Array> made;
    for (const Array& array : arrays) made.push_back(view_rows(array, begin, end));
    return made;
  };
  return {views(dataset.inputs), views(dataset.targets)};
}

std::string types_of(const std::vector<Array>& arrays) {
  std::vector<std::string> types;
  for (const Array& array : arrays) types.push_back(to_string(array.type()));
  return types.empty() ? "none" : fmt::format("{}", fmt::join(types, ", "));
}

}  // namespace

const Array& Examples::only(const std::vector<Array>& arrays, std::string_view what) {
  if (arrays.size() != 1) fail("examples: {}() is of those with one {}, these have {}", what, what, arrays.size());
  return arrays.front();
}

Dataset::Dataset() : Dataset(Array(DType::kU8, {0}), Array(DType::kU8, {0})) {}

Dataset::Dataset(Array example_input, Array example_target)
    : Dataset(std::vector{std::move(example_input)}, std::vector{std::move(example_target)}) {}

Dataset::Dataset(std::vector<Array> example_inputs, std::vector<Array> example_targets)
    : Examples{std::move(example_inputs), std::move(example_targets)} {
  const auto fits = [&](const Array& array) {
    return array.rank() >= 1 && inputs.front().rank() >= 1 && array.sizes()[0] == inputs.front().sizes()[0];
  };
  if (inputs.empty() || targets.empty() || !std::ranges::all_of(inputs, fits) || !std::ranges::all_of(targets, fits)) {
    fail("data set: expected inputs and targets with one row per example, got inputs {} and targets {}",
         types_of(inputs), types_of(targets));
  }
}

Dataset Dataset::slice(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || end < begin || end > size()) {
    fail("slice: expected a part of {} examples, got [{},{})", size(), begin, end);
  }
  Examples part = view(*this, begin, end);
  return {std::move(part.inputs), std::move(part.targets)};
}

ShuffledDataset Dataset::shuffled(std::uint64_t seed) const {
  if (size() > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
    fail("shuffled: expected fewer than 2^32 examples, got {}", size());
  }
  // Fisher-Yates; std::shuffle produces different orders with different libraries.
  std::vector<std::uint32_t> order(static_cast<std::size_t>(size()));
  std::iota(order.begin(), order.end(), 0U);
  RandomStream random(seed);
  for (std::size_t left = order.size(); left > 1; --left) {
    std::swap(order[left - 1], order[random.below(static_cast<std::uint32_t>(left))]);
  }
  return {*this, std::make_shared<const std::vector<std::uint32_t>>(std::move(order))};
}

Batches Dataset::batches(std::int64_t examples, LastBatch last) const { return {*this, nullptr, examples, last}; }

Batches ShuffledDataset::batches(std::int64_t examples, LastBatch last) const {
  return {dataset_, order_, examples, last};
}

Batches::Batches(Dataset dataset, Order order, std::int64_t examples, LastBatch last)
    : dataset_(std::move(dataset)), order_(std::move(order)), examples_(examples) {
  if (examples < 1) fail("batches: expected at least 1 example per batch, got {}", examples);
  const std::int64_t rest = dataset_.size() % examples;
  count_ = dataset_.size() / examples + (rest > 0 && last == LastBatch::kKeep ? 1 : 0);
  if (order_ == nullptr) return;
  if (dataset_.size() >= examples) {
    for (Batch& buffer : buffers_) buffer = make_buffer(dataset_, examples);
  }
  if (rest > 0) ragged_ = make_buffer(dataset_, rest);
}

const Batch& Batches::load(std::int64_t index) {
  const std::int64_t begin = index * examples_;
  const std::int64_t count = std::min(examples_, dataset_.size() - begin);
  const runtime::TracedLoad traced(count);
  Batch& current = order_ != nullptr && count < examples_ ? ragged_ : buffers_[index % 2];
  if (order_ == nullptr) {
    current = view(dataset_, begin, begin + count);
    return current;
  }
  // If the caller kept a handle to the batch before last, it keeps its elements.
  const auto free = [](const Array& array) { return array.unique(); };
  if (!std::ranges::all_of(current.inputs, free) || !std::ranges::all_of(current.targets, free)) {
    current = make_buffer(dataset_, count);
  }
  gather(begin, current);
  return current;
}

void Batches::gather(std::int64_t begin, Batch& current) const {
  const auto rows =
      std::span(*order_).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(current.size()));
  for (std::size_t i = 0; i < dataset_.inputs.size(); ++i) gather_rows(dataset_.inputs[i], rows, current.inputs[i]);
  for (std::size_t i = 0; i < dataset_.targets.size(); ++i) gather_rows(dataset_.targets[i], rows, current.targets[i]);
}

}  // namespace sluice

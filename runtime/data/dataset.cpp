#include "sluice/dataset.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <span>
#include <string>
#include <utility>

#include "runtime/data/example_source.h"
#include "runtime/data/prefetcher.h"
#include "runtime/data/rows.h"
#include "runtime/execution/trace.h"
#include "sluice/error.h"

namespace sluice {

namespace {

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

Dataset::Dataset(Array example_input, Array example_target, std::source_location where)
    : Dataset(std::vector{std::move(example_input)}, std::vector{std::move(example_target)}, where) {}

Dataset::Dataset(std::vector<Array> example_inputs, std::vector<Array> example_targets, std::source_location where)
    : Examples{std::move(example_inputs), std::move(example_targets)} {
  const auto fits = [&](const Array& array) {
    return array.rank() >= 1 && inputs.front().rank() >= 1 && array.sizes()[0] == inputs.front().sizes()[0];
  };
  if (inputs.empty() || targets.empty() || !std::ranges::all_of(inputs, fits) || !std::ranges::all_of(targets, fits)) {
    throw Error(fmt::format("data set: expected inputs and targets with one row per example, got inputs {} and "
                            "targets {}",
                            types_of(inputs), types_of(targets)),
                detail::location_of(where));
  }
}

Dataset Dataset::slice(std::int64_t begin, std::int64_t end) const {
  if (begin < 0 || end < begin || end > size()) {
    fail("slice: expected a part of {} examples, got [{},{})", size(), begin, end);
  }
  Examples part = detail::view_rows(*this, begin, end);
  return {std::move(part.inputs), std::move(part.targets)};
}

Dataset Dataset::take(std::int64_t count) const {
  if (count < 0) fail("take: expected at least 0 examples, got {}", count);
  return slice(0, std::min(count, size()));
}

Dataset Dataset::skip(std::int64_t count) const {
  if (count < 0) fail("skip: expected at least 0 examples, got {}", count);
  return slice(std::min(count, size()), size());
}

ShuffledDataset Dataset::shuffled(std::uint64_t seed) const { return {*this, detail::shuffled_order(size(), seed)}; }

Batches Dataset::batches(std::int64_t examples, LastBatch last) const { return {*this, nullptr, examples, last}; }

Batches ShuffledDataset::batches(std::int64_t examples, LastBatch last) const {
  return {dataset_, order_, examples, last};
}

std::int64_t detail::BatchPlan::size_of(std::int64_t index) const {
  const std::int64_t all = order != nullptr ? static_cast<std::int64_t>(order->size()) : source->size();
  return std::min(examples, all - index * examples);
}

void detail::BatchPlan::fill(std::int64_t index, BatchBuffer& to) const {
  const std::int64_t begin = index * examples;
  const std::int64_t rows = size_of(index);
  if (order != nullptr) {
    const auto numbers = std::span(*order).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(rows));
    return source->read(numbers, {.seed = seed}, to);
  }
  if (const Dataset* const dataset = source->dataset()) {
    to = {view_rows(*dataset, begin, begin + rows), false};
    return;
  }
  std::vector<std::uint32_t> numbers(static_cast<std::size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(begin));
  source->read(numbers, {.seed = seed}, to);
}

Batches::Batches(const Dataset& dataset, Order order, std::int64_t examples, LastBatch last)
    : Batches(std::make_shared<detail::ArraySource>(dataset), std::move(order), 0, examples, last) {}

Batches::Batches(std::shared_ptr<const detail::ExampleSource> source, Order order, std::uint64_t seed,
                 std::int64_t examples, LastBatch last)
    : plan_{.source = std::move(source), .order = std::move(order), .seed = seed, .examples = examples, .count = 0} {
  if (examples < 1) fail("batches: expected at least 1 example per batch, got {}", examples);
  const std::int64_t size = plan_.source->size();
  const std::int64_t rest = size % examples;
  plan_.count = size / examples + (rest > 0 && last == LastBatch::kKeep ? 1 : 0);
  const Dataset* const dataset = plan_.source->dataset();
  if (plan_.order == nullptr || dataset == nullptr) return;
  if (size >= examples) {
    for (detail::BatchBuffer& buffer : buffers_) buffer = {detail::make_buffer(*dataset, examples), true};
  }
  if (rest > 0) ragged_ = {detail::make_buffer(*dataset, rest), true};
}

Batches Batches::skip(std::int64_t batches) const {
  if (batches < 0) fail("skip: expected at least 0 batches, got {}", batches);
  Batches rest = *this;
  rest.first_ = std::min(batches, size()) + first_;
  return rest;
}

Batches Batches::prefetch(std::int64_t batches, int threads) const {
  if (batches < 0) fail("prefetch: expected at least 0 batches, got {}", batches);
  if (threads < 1) fail("prefetch: expected at least 1 thread, got {}", threads);
  Batches ahead = *this;
  ahead.ahead_ = batches;
  ahead.threads_ = threads;
  return ahead;
}

const Batch& Batches::load(std::int64_t index) {
  const std::int64_t count = plan_.size_of(index);
  const runtime::TracedLoad traced(count);
  detail::BatchBuffer& current = count < plan_.examples ? ragged_ : buffers_[index % 2];
  plan_.fill(index, current);
  return current.batch;
}

Batches::Iterator::Iterator(Batches& batches) : batches_(&batches), index_(batches.first_), end_(batches.plan_.count) {
  const bool ahead = batches.ahead_ > 0 && index_ < end_;
  if (ahead) {
    prefetcher_ = std::make_shared<detail::Prefetcher>(batches.plan_, index_, batches.ahead_, batches.threads_);
  }
  load();
}

void Batches::Iterator::load() {
  if (index_ >= end_) {
    prefetcher_.reset();
    return;
  }
  if (prefetcher_ == nullptr) {
    batch_ = &batches_->load(index_);
    return;
  }
  const runtime::TracedLoad traced(batches_->plan_.size_of(index_));
  batch_ = &prefetcher_->take(index_);
}

}  // namespace sluice

#include "sluice/pipeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <optional>

#include "runtime/data/example_source.h"
#include "runtime/data/map_source.h"
#include "runtime/data/rows.h"
#include "sluice/error.h"

namespace sluice {

namespace detail {

namespace {

/// Examples of another source, by a list of their numbers.
class SelectSource : public ExampleSource {
 public:
  SelectSource(SourcePointer source, std::vector<std::uint32_t> numbers)
      : source_(std::move(source)), numbers_(std::move(numbers)) {}

  std::int64_t size() const override { return static_cast<std::int64_t>(numbers_.size()); }
  std::uint64_t maps() const override { return source_->maps(); }
  bool random() const override { return source_->random(); }
  std::optional<Examples> sample() const override { return source_->sample(); }
  void read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const override {
    std::vector<std::uint32_t> of_source;
    of_source.reserve(rows.size());
    for (const std::uint32_t row : rows) of_source.push_back(numbers_[row]);
    source_->read(of_source, pass, to);
  }

 private:
  SourcePointer source_;
  std::vector<std::uint32_t> numbers_;
};

/// Several sources.
class JoinedSource : public ExampleSource {
 public:
  explicit JoinedSource(std::vector<SourcePointer> parts) : parts_(std::move(parts)) {}

  std::uint64_t maps() const override {
    std::uint64_t sum = 0;
    for (const SourcePointer& part : parts_) sum += part->maps();
    return sum;
  }
  bool random() const override {
    return std::ranges::any_of(parts_, [](const SourcePointer& part) { return part->random(); });
  }

 protected:
  std::vector<SourcePointer> parts_;
};

/// Adds the inputs and targets of an example's next part.
void append(Examples part, Examples& to) {
  std::ranges::move(part.inputs, std::back_inserter(to.inputs));
  std::ranges::move(part.targets, std::back_inserter(to.targets));
}

class ZipSource : public JoinedSource {
 public:
  using JoinedSource::JoinedSource;

  std::int64_t size() const override {
    const auto shorter = [](const SourcePointer& a, const SourcePointer& b) { return a->size() < b->size(); };
    return (*std::ranges::min_element(parts_, shorter))->size();
  }
  std::optional<Examples> sample() const override {
    Examples all;
    for (const SourcePointer& part : parts_) {
      std::optional<Examples> sample = part->sample();
      if (!sample) return std::nullopt;
      append(*std::move(sample), all);
    }
    return all;
  }
  void read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const override {
    to = {};
    Pass pass_of_part = pass;
    for (const SourcePointer& part : parts_) {
      BatchBuffer buffer;
      part->read(rows, pass_of_part, buffer);
      append(std::move(buffer.batch), to.batch);
      pass_of_part.first_map += part->maps();
    }
  }
};

class ConcatSource : public JoinedSource {
 public:
  ConcatSource(std::vector<SourcePointer> parts, Location location)
      : JoinedSource(std::move(parts)), location_(location) {
    std::int64_t end = 0;
    std::optional<Examples> known;
    std::size_t from = 0;
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      ends_.push_back(end += parts_[i]->size());
      const std::optional<Examples> sample = parts_[i]->sample();
      if (sample && known) check(*known, from, *sample, i);
      if (sample && !known) {
        known = sample;
        from = i;
      }
    }
  }

  std::int64_t size() const override { return ends_.back(); }
  std::optional<Examples> sample() const override { return parts_.front()->sample(); }
  void read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const override {
    struct Share {
      std::vector<std::uint32_t> rows;       ///< of the part
      std::vector<std::uint32_t> positions;  ///< in the batch
    };
    std::vector<Share> shares(parts_.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto part =
          static_cast<std::size_t>(std::ranges::upper_bound(ends_, std::int64_t{rows[i]}) - ends_.begin());
      const std::int64_t begin = part == 0 ? 0 : ends_[part - 1];
      shares[part].rows.push_back(static_cast<std::uint32_t>(rows[i] - begin));
      shares[part].positions.push_back(static_cast<std::uint32_t>(i));
    }
    Pass pass_of_part = pass;
    std::optional<std::size_t> first;
    BatchBuffer buffer;
    for (std::size_t part = 0; part < parts_.size(); ++part) {
      if (!shares[part].rows.empty()) {
        parts_[part]->read(shares[part].rows, pass_of_part, buffer);
        if (!first) prepare_buffer(buffer.batch, static_cast<std::int64_t>(rows.size()), to);
        if (!first) first = part;
        check(to.batch, *first, buffer.batch, part);
        scatter_rows(buffer.batch, shares[part].positions, to.batch);
      }
      pass_of_part.first_map += parts_[part]->maps();
    }
  }

 private:
  void check(const Examples& expected, std::size_t of_part, const Examples& came, std::size_t part) const {
    if (same_row_types(expected, came)) return;
    throw Error(fmt::format("concat: expected examples of one type, got {} in part {} and {} in part {}",
                            row_types(expected), of_part, row_types(came), part),
                location_);
  }

  Location location_;
  std::vector<std::int64_t> ends_;  ///< of the parts' numbers
};

std::vector<SourcePointer> sources_of(const std::vector<Pipeline>& parts, std::string_view what,
                                      const std::source_location& where) {
  if (parts.empty()) throw Error(fmt::format("{}: expected at least one part, got none", what), location_of(where));
  std::vector<SourcePointer> sources;
  for (const Pipeline& part : parts) sources.push_back(part.source());
  return sources;
}

}  // namespace

void ArraySource::read(std::span<const std::uint32_t> rows, const Pass&, BatchBuffer& to) const {
  prepare_buffer(dataset_, static_cast<std::int64_t>(rows.size()), to);
  gather_rows(dataset_, rows, to.batch);
}

}  // namespace detail

PipelinePass::PipelinePass(std::shared_ptr<const detail::ExampleSource> source, Order order, std::uint64_t seed)
    : source_(std::move(source)), order_(std::move(order)), seed_(seed) {}

std::int64_t PipelinePass::size() const { return source_->size(); }

Batches PipelinePass::batches(std::int64_t examples, LastBatch last) const {
  return {source_, order_, seed_, examples, last};
}

Pipeline::Pipeline(const Dataset& dataset) : source_(std::make_shared<detail::ArraySource>(dataset)) {}

std::int64_t Pipeline::size() const { return source_->size(); }
const Dataset* Pipeline::dataset() const { return source_->dataset(); }

Pipeline Pipeline::mapped(detail::ExampleFunction f, bool random, const std::source_location& where) const {
  return Pipeline(std::make_shared<detail::MapSource>(source_, std::move(f), random, detail::location_of(where)));
}

Pipeline Pipeline::mapped(detail::BatchFunction f, bool random, const std::source_location& where) const {
  return Pipeline(
      std::make_shared<detail::MapBatchesSource>(source_, std::move(f), random, detail::location_of(where)));
}

Pipeline Pipeline::filtered(const detail::ExamplePredicate& keep, const std::source_location& where) const {
  if (source_->random()) {
    throw Error(
        "filter: expected examples that are the same in each pass, got some of random numbers: filter first, "
        "and then map",
        detail::location_of(where));
  }
  return select(detail::kept_rows(*source_, keep, detail::location_of(where)));
}

Pipeline Pipeline::take(std::int64_t count) const {
  if (count < 0) fail("take: expected at least 0 examples, got {}", count);
  return slice(0, std::min(count, size()));
}

Pipeline Pipeline::skip(std::int64_t count) const {
  if (count < 0) fail("skip: expected at least 0 examples, got {}", count);
  return slice(std::min(count, size()), size());
}

Pipeline Pipeline::slice(std::int64_t begin, std::int64_t end) const {
  if (const Dataset* const all = dataset()) return all->slice(begin, end);
  if (begin < 0 || end < begin || end > size()) {
    fail("slice: expected a part of {} examples, got [{},{})", size(), begin, end);
  }
  std::vector<std::uint32_t> numbers(static_cast<std::size_t>(end - begin));
  std::iota(numbers.begin(), numbers.end(), static_cast<std::uint32_t>(begin));
  return select(std::move(numbers));
}

Pipeline Pipeline::select(std::vector<std::uint32_t> numbers) const {
  const auto wrong = std::ranges::find_if(numbers, [&](std::uint32_t number) { return number >= size(); });
  if (wrong != numbers.end()) fail("select: expected numbers of {} examples, got {}", size(), *wrong);
  return Pipeline(std::make_shared<detail::SelectSource>(source_, std::move(numbers)));
}

Pipeline Pipeline::concatenate(const Pipeline& more, std::source_location where) const {
  return concat({*this, more}, where);
}

Pipeline Dataset::concatenate(const Pipeline& more, std::source_location where) const {
  return concat({*this, more}, where);
}

PipelinePass Pipeline::shuffled(std::uint64_t seed) const {
  return {source_, detail::shuffled_order(size(), seed), seed};
}

PipelinePass Pipeline::seeded(std::uint64_t seed) const { return {source_, nullptr, seed}; }

Batches Pipeline::batches(std::int64_t examples, LastBatch last) const { return seeded(0).batches(examples, last); }

Dataset Pipeline::cache() const {
  if (const Dataset* const all = dataset()) return *all;
  constexpr std::int64_t kAtOnce = 1024;
  if (size() == 0) {
    const std::optional<Examples> sample = source_->sample();
    if (!sample) return {};
    Examples none = detail::make_buffer(*sample, 0);
    return {std::move(none.inputs), std::move(none.targets)};
  }
  Examples all;
  std::vector<std::uint32_t> rows;
  std::uint32_t begin = 0;
  for (const Batch& b : batches(kAtOnce)) {
    if (begin == 0) all = detail::make_buffer(b, size());
    if (!detail::same_row_types(all, b)) {
      fail("cache: expected examples of one type, got {} from example 0 and {} from example {}", detail::row_types(all),
           detail::row_types(b), begin);
    }
    rows.resize(static_cast<std::size_t>(b.size()));
    std::iota(rows.begin(), rows.end(), begin);
    detail::scatter_rows(b, rows, all);
    begin += static_cast<std::uint32_t>(b.size());
  }
  return {std::move(all.inputs), std::move(all.targets)};
}

Pipeline concat(const std::vector<Pipeline>& parts, std::source_location where) {
  const Location location = detail::location_of(where);
  std::int64_t size = 0;
  for (const Pipeline& part : parts) size += part.size();
  if (size > std::int64_t{std::numeric_limits<std::uint32_t>::max()}) {
    throw Error(fmt::format("concat: expected fewer than 2^32 examples, got {}", size), location);
  }
  return Pipeline(std::make_shared<detail::ConcatSource>(detail::sources_of(parts, "concat", where), location));
}

Pipeline zip(const std::vector<Pipeline>& parts, std::source_location where) {
  auto zipped = std::make_shared<detail::ZipSource>(detail::sources_of(parts, "zip", where));
  const auto in_memory = [](const Pipeline& part) { return part.dataset() != nullptr; };
  if (!std::ranges::all_of(parts, in_memory)) return Pipeline(std::move(zipped));
  Examples all;
  for (const Pipeline& part : parts) {
    const Dataset rows = part.dataset()->slice(0, zipped->size());
    detail::append({rows.inputs, rows.targets}, all);
  }
  return Dataset(std::move(all.inputs), std::move(all.targets));
}

}  // namespace sluice

#pragma once

#include <string_view>
#include <utility>

#include "runtime/data/example_source.h"
#include "sluice/error.h"
#include "sluice/pipeline.h"

namespace sluice::detail {

/// What sources with a user's function have in common.
class FunctionSource : public ExampleSource {
 public:
  FunctionSource(SourcePointer source, bool random, Location location);

  std::int64_t size() const override { return source_->size(); }
  std::uint64_t maps() const override { return source_->maps() + 1; }
  bool random() const override { return random_ || source_->random(); }
  std::optional<Examples> sample() const override { return std::nullopt; }

 protected:
  /// Returns the seed of this function's random numbers in the pass; an example's number is its stream.
  std::uint64_t seed_in(const Pass& pass) const;

  SourcePointer source_;
  bool random_;
  Location location_;
};

/// A function of one example after the other.
class MapSource : public FunctionSource {
 public:
  MapSource(SourcePointer source, ExampleFunction function, bool random, Location location)
      : FunctionSource(std::move(source), random, location), function_(std::move(function)) {}

  void read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const override;

 private:
  ExampleFunction function_;
};

/// A function of a batch.
class MapBatchesSource : public FunctionSource {
 public:
  MapBatchesSource(SourcePointer source, BatchFunction function, bool random, Location location)
      : FunctionSource(std::move(source), random, location), function_(std::move(function)) {}

  void read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const override;

 private:
  BatchFunction function_;
};

/// Returns the numbers of the examples for which `keep` returns true.
std::vector<std::uint32_t> kept_rows(const ExampleSource& source, const ExamplePredicate& keep, Location location);

}  // namespace sluice::detail

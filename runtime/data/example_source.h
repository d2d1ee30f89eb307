#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "sluice/dataset.h"

namespace sluice::detail {

/// The state that, with the example, determines the random numbers of a pass.
struct Pass {
  std::uint64_t seed = 0;
  std::uint64_t first_map = 0;  ///< number of maps in the branches before this one
};

/// Computes examples by their numbers. Its functions may be called on several threads at the same time.
class ExampleSource {
 public:
  ExampleSource() = default;
  ExampleSource(const ExampleSource&) = delete;
  ExampleSource& operator=(const ExampleSource&) = delete;
  virtual ~ExampleSource() = default;

  virtual std::int64_t size() const = 0;
  /// Returns the number of maps in this source and, transitively, in its inputs.
  virtual std::uint64_t maps() const = 0;
  /// Returns whether one of them draws random numbers.
  virtual bool random() const = 0;
  /// Returns arrays with the types of the examples, and any number of rows, if they are known without calling a
  /// function.
  virtual std::optional<Examples> sample() const = 0;
  /// Computes these examples, at least one. `to` owns the results: nothing else changes their elements, and the caller
  /// may.
  virtual void read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const = 0;
  /// Returns the data set if examples are its rows, or null.
  virtual const Dataset* dataset() const { return nullptr; }
};

using SourcePointer = std::shared_ptr<const ExampleSource>;

/// The rows of a data set.
class ArraySource : public ExampleSource {
 public:
  explicit ArraySource(Dataset dataset) : dataset_(std::move(dataset)) {}

  std::int64_t size() const override { return dataset_.size(); }
  std::uint64_t maps() const override { return 0; }
  bool random() const override { return false; }
  std::optional<Examples> sample() const override { return dataset_; }
  void read(std::span<const std::uint32_t> rows, const Pass& pass, BatchBuffer& to) const override;
  const Dataset* dataset() const override { return &dataset_; }

 private:
  Dataset dataset_;
};

}  // namespace sluice::detail

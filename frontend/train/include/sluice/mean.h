#pragma once

#include <cstdint>
#include <source_location>

#include "sluice/array.h"

namespace sluice {

/// The mean of values added one by one, such as the losses of an epoch's batches.
class Mean {
 public:
  Mean() = default;
  /// Continues from the sum and count of another mean.
  Mean(double sum, std::int64_t count) : sum_(sum), count_(count) {}

  /// `weight`: how many values it represents, such as the number of examples in a batch of which it is the mean loss.
  /// Throws Error at the user's line unless `value` has one element.
  void add(const Array& value, std::int64_t weight = 1, std::source_location where = std::source_location::current()) {
    add(value.item<double>(where), weight);
  }
  void add(double value, std::int64_t weight = 1) {
    sum_ += value * static_cast<double>(weight);
    count_ += weight;
  }
  /// Returns 0 if there were no values. A NaN is the one that prints as "nan".
  double result() const;
  double sum() const { return sum_; }
  std::int64_t count() const { return count_; }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace sluice

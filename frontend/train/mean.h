#pragma once

#include <cstdint>

#include "ir/array.h"

namespace sluice {

/// The mean of values that come one by one, such as the losses of the batches of an epoch.
class Mean {
 public:
  /// Throws Error unless `value` has one element.
  void add(const Array& value) { add(value.item<double>()); }
  void add(double value) {
    sum_ += value;
    ++count_;
  }
  /// 0 if there was none.
  double result() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }
  std::int64_t count() const { return count_; }

 private:
  double sum_ = 0;
  std::int64_t count_ = 0;
};

}  // namespace sluice

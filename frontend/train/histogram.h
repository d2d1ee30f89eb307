#pragma once

#include <string>
#include <vector>

#include "sluice/array.h"

namespace sluice::detail {

/// The distribution of the finite elements of an array over thirty ranges of equal width.
struct Histogram {
  double min = 0;
  double max = 0;
  double count = 0;
  double sum = 0;
  double sum_of_squares = 0;
  std::vector<double> limits = {};  ///< the end of each range; the last one includes it
  std::vector<double> counts = {};

  /// Returns a serialized HistogramProto of tensorflow/core/framework/summary.proto.
  std::string message() const;
};

/// A single range if all elements are the same, none if there are no finite ones. Takes arrays of numbers.
Histogram histogram_of(const Array& array);

}  // namespace sluice::detail

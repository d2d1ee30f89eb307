#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sluice/dataset.h"

namespace sluice {

/// A data set and its name in splits.
struct NamedDataset {
  std::string name;
  Dataset dataset;
};

/// Returns the part of `parts` that `text` selects, in the syntax of TensorFlow Datasets: "train", "train[10000:]",
/// "train[:10000]", "train[-5000:]", "train[20%:80%]", and sums of these: "train[:10%]+test". A percentage is rounded
/// to the nearest whole example. A single slice is a view; a sum is a copy. Throws Error, with a caret at the position,
/// for a syntax error, an unknown name, and bounds outside the data.
Dataset split(std::span<const NamedDataset> parts, std::string_view text);

}  // namespace sluice

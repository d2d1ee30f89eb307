#pragma once

#include <span>
#include <string>
#include <string_view>

#include "sluice/dataset.h"

namespace sluice {

/// A data set and what it is called in splits.
struct NamedDataset {
  std::string name;
  Dataset dataset;
};

/// The part of `parts` that `text` asks for, in the words of TensorFlow Datasets: "train", "train[10000:]",
/// "train[:10000]", "train[-5000:]", "train[20%:80%]", and sums of these: "train[:10%]+test". A percentage ends at the
/// nearest whole example. One slice is a view; a sum is a copy. Throws Error, with a caret at the place, for what is
/// not written so, a name that there is not, and bounds outside of the data.
Dataset split(std::span<const NamedDataset> parts, std::string_view text);

}  // namespace sluice

#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/dataset.h"
#include "sluice/split.h"

namespace sluice {

/// MNIST in the guide's split: 60,000 - 10,000 examples to train, the first 10,000 of them to validate, and the 10,000
/// to test.
struct Mnist {
  Dataset train;
  Dataset validation;
  Dataset test;
  bool synthetic = false;           ///< digits drawn by a program, not MNIST: load_mnist() says so on stderr
  std::string source;               ///< the folder that they were read from
  std::vector<NamedDataset> parts;  ///< as they came, "train" with all 60,000 and "test"

  /// A part in the words of TensorFlow Datasets: split("train[10000:]"), which is `train`. Throws Error, see
  /// sluice/split.h.
  Dataset split(std::string_view text) const { return sluice::split(parts, text); }
};

/// Reads and splits the four files in `folder`, plain or with the name ending in ".gz". Throws Error that names the
/// file for one that is missing, damaged or does not hold 28 by 28 images with labels 0 to 9, or holds no more than
/// 10,000 training images.
Mnist read_mnist(const std::filesystem::path& folder);

/// MNIST from the first of these: `folder` (what the user gave with --data), $SLUICE_DATA_DIR, the folder sluice/mnist
/// in the user's cache ($XDG_CACHE_HOME, else ~/.cache), where scripts/get-mnist puts it. If there is none: synthetic
/// digits, kept in the cache as well. Throws Error as read_mnist does (a folder that the user names is never passed
/// over), and if there is no cache folder.
Mnist load_mnist(const std::optional<std::filesystem::path>& folder = {});

}  // namespace sluice

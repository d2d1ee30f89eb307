#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/dataset.h"
#include "sluice/split.h"

namespace sluice {

/// MNIST in the guide's split: of the 60,000 training examples, the first 10,000 for validation and the other 50,000
/// for training, and the 10,000 test examples.
struct Mnist {
  Dataset train;
  Dataset validation;
  Dataset test;
  bool synthetic = false;           ///< generated digits, not MNIST: load_mnist() says so on stderr
  std::string source;               ///< the folder they were read from
  std::vector<NamedDataset> parts;  ///< as in the files: "train" with all 60,000, and "test"

  /// Returns a part in the syntax of TensorFlow Datasets: split("train[10000:]") is `train`. Throws Error; see
  /// sluice/split.h.
  Dataset split(std::string_view text) const { return sluice::split(parts, text); }
};

/// Reads and splits the four files in `folder`, plain or with names ending in ".gz". Throws Error, naming the file, if
/// one is missing, is damaged, does not contain 28 by 28 images with labels 0 to 9, or contains no more than 10,000
/// training images.
Mnist read_mnist(const std::filesystem::path& folder);

/// Returns MNIST from the first of these: `folder` (the user's --data), $SLUICE_DATA_DIR, the folder sluice/mnist in
/// the user's cache ($XDG_CACHE_HOME, or else ~/.cache), where scripts/get-mnist puts it. If there is none: synthetic
/// digits, which are also cached. Throws Error as read_mnist does (a folder named by the user is never skipped), and if
/// there is no cache folder.
Mnist load_mnist(const std::optional<std::filesystem::path>& folder = {});

}  // namespace sluice

#pragma once

#include <filesystem>

#include "runtime/data/mnist_files.h"
#include "sluice/dataset.h"
#include "sluice/idx.h"

namespace sluice::test {

/// Creates `folder` with the four MNIST files, containing these examples.
inline void write_mnist(const std::filesystem::path& folder, const Dataset& training, const Dataset& test) {
  std::filesystem::create_directory(folder);
  write_idx(folder / kTrainImages, training.input());
  write_idx(folder / kTrainLabels, training.target());
  write_idx(folder / kTestImages, test.input());
  write_idx(folder / kTestLabels, test.target());
}

}  // namespace sluice::test

#pragma once

#include <filesystem>

#include "runtime/data/mnist_files.h"
#include "sluice/dataset.h"
#include "sluice/idx.h"

namespace sluice::test {

/// Makes `folder` with the four files of MNIST, which hold these examples.
inline void write_mnist(const std::filesystem::path& folder, const Dataset& training, const Dataset& test) {
  std::filesystem::create_directory(folder);
  write_idx(folder / kTrainImages, training.input());
  write_idx(folder / kTrainLabels, training.target());
  write_idx(folder / kTestImages, test.input());
  write_idx(folder / kTestLabels, test.target());
}

}  // namespace sluice::test

#pragma once

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "sluice/mnist.h"
#include "sluice/synthetic_digits.h"
#include "tests/support/mnist_folder.h"
#include "tests/support/temporary_folder.h"

namespace sluice::test {

/// Returns folders of digits from which to learn, 12,800, with 1,000 for testing: synthetic ones and, if
/// $SLUICE_DATA_DIR names it, a part of MNIST.
inline std::vector<std::filesystem::path> learning_data() {
  static const TemporaryFolder folder;
  constexpr std::int64_t kTraining = 10000 + 12800;  // the first 10,000 are for validation
  constexpr std::int64_t kTest = 1000;
  std::vector<std::filesystem::path> folders{folder.path() / "digits"};
  if (!std::filesystem::exists(folders[0]))
    write_mnist(folders[0], synthetic_digits(1, 0, kTraining), synthetic_digits(1, 60000, kTest));
  if (const char* const named = std::getenv("SLUICE_DATA_DIR")) {
    folders.push_back(folder.path() / "mnist");
    if (std::filesystem::exists(folders[1])) return folders;
    const Mnist mnist = read_mnist(named);
    write_mnist(folders[1], mnist.split(fmt::format("train[:{}]", kTraining)),
                mnist.split(fmt::format("test[:{}]", kTest)));
  }
  return folders;
}

/// The distribution of pixels from 0 to 1 over images u8[N,28,28].
struct PixelStatistics {
  double mean = 0;      ///< of all
  double variance = 0;  ///< over the images, the mean over the positions
  double entropy = 0;   ///< of the mean at each position as a probability, summed over the positions, in nats
};

inline PixelStatistics pixel_statistics(const Array& images) {
  const auto count = static_cast<std::size_t>(images.sizes()[0]);
  const auto pixels = images.data<std::uint8_t>();
  PixelStatistics result;
  for (std::size_t at = 0; at < 784; ++at) {
    double sum = 0;
    double squares = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double pixel = pixels[i * 784 + at] / 255.0;
      sum += pixel;
      squares += pixel * pixel;
    }
    const double mean = sum / static_cast<double>(count);
    result.mean += mean / 784;
    result.variance += (squares / static_cast<double>(count) - mean * mean) / 784;
    if (mean > 0 && mean < 1) result.entropy -= mean * std::log(mean) + (1 - mean) * std::log(1 - mean);
  }
  return result;
}

}  // namespace sluice::test

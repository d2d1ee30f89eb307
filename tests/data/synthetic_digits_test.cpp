#include "sluice/synthetic_digits.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <numeric>

#include "runtime/data/mnist_files.h"
#include "sluice/error.h"
#include "sluice/idx.h"
#include "tests/support/temporary_folder.h"

namespace sluice {
namespace {

constexpr std::size_t kPixels = 784;

TEST_CASE("digits depend on their seed and number only") {
  const Dataset some = synthetic_digits(3, 0, 50);
  CHECK(some.input().type() == Type{DType::kU8, {50, 28, 28}});
  CHECK(some.target().type() == Type{DType::kU8, {50}});
  const Dataset again = synthetic_digits(3, 20, 10);
  CHECK(again.input() == some.slice(20, 30).input());
  CHECK(again.target() == some.slice(20, 30).target());
  CHECK_FALSE(synthetic_digits(4, 20, 10).input() == again.input());
  CHECK(synthetic_digits(3, 0, 0).size() == 0);
  CHECK_THROWS_WITH_AS(synthetic_digits(3, 0, -1), "synthetic digits: expected at least 0 images, got -1", Error);
}

TEST_CASE("each digit occurs equally often, with as much ink and margin as MNIST's") {
  const Dataset digits = synthetic_digits(3, 0, 5000);
  const auto labels = std::as_const(digits.target()).data<std::uint8_t>();
  for (std::uint8_t digit = 0; digit < 10; ++digit) {
    CHECK(std::abs(std::count(labels.begin(), labels.end(), digit) - 500) < 100);
  }
  const auto pixels = std::as_const(digits.input()).data<std::uint8_t>();
  const double mean = std::accumulate(pixels.begin(), pixels.end(), 0.0) / static_cast<double>(pixels.size());
  CHECK(mean > 25);  // MNIST: 33
  CHECK(mean < 41);
  std::int64_t at_border = 0;
  std::int64_t without_ink = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto image = pixels.subspan(i * kPixels, kPixels);
    if (*std::max_element(image.begin(), image.end()) < 150) ++without_ink;
    const auto row = [&](std::size_t y) { return image.subspan(y * 28, 28); };
    const auto inked = [](std::uint8_t p) { return p > 128; };
    if (std::any_of(row(0).begin(), row(0).end(), inked) || std::any_of(row(27).begin(), row(27).end(), inked))
      ++at_border;
  }
  CHECK(without_ink == 0);
  CHECK(at_border < 250);
}

TEST_CASE("nearest means classify most digits, but not all") {
  // Neither noise nor trivial: a linear classifier on the pixels gets 60 to 90% right (MNIST: 82%).
  const Dataset train = synthetic_digits(3, 0, 5000);
  const Dataset test = synthetic_digits(3, 10000, 1000);
  std::vector<std::array<double, kPixels>> means(10);
  std::vector<double> counts(10, 0);
  const auto image = [](const Dataset& d, std::size_t i) {
    return d.input().data<std::uint8_t>().subspan(i * kPixels, kPixels);
  };
  for (std::size_t i = 0; i < 5000; ++i) {
    const std::uint8_t label = std::as_const(train.target()).data<std::uint8_t>()[i];
    ++counts[label];
    for (std::size_t p = 0; p < kPixels; ++p) means[label][p] += image(train, i)[p];
  }
  for (std::size_t d = 0; d < 10; ++d) {
    for (double& value : means[d]) value /= counts[d];
  }
  int right = 0;
  for (std::size_t i = 0; i < 1000; ++i) {
    std::vector<double> distances(10, 0);
    for (std::size_t d = 0; d < 10; ++d) {
      for (std::size_t p = 0; p < kPixels; ++p) {
        const double difference = image(test, i)[p] - means[d][p];
        distances[d] += difference * difference;
      }
    }
    const auto best = std::min_element(distances.begin(), distances.end()) - distances.begin();
    if (best == std::as_const(test.target()).data<std::uint8_t>()[i]) ++right;
  }
  MESSAGE("nearest mean: " << right << " of 1000 right");
  CHECK(right > 600);
  CHECK(right < 900);
}

TEST_CASE("the files are MNIST's, and always the same") {
  const TemporaryFolder folder;
  write_synthetic_digits(folder.path() / "one" / "two", 1);

  const auto path = [&](const char* name) { return folder.path() / "one" / "two" / name; };
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path() / "one" / "two"), {}) == 4);
  CHECK(read_bytes(path(kTrainImages)).size() == 16 + 60000 * kPixels);
  const Array train = read_idx(path(kTrainImages));
  CHECK(train.sizes() == std::vector<std::int64_t>{60000, 28, 28});
  CHECK(read_idx(path(kTrainLabels)).sizes() == std::vector<std::int64_t>{60000});
  const Array test = read_idx(path(kTestImages));
  CHECK(test.sizes() == std::vector<std::int64_t>{10000, 28, 28});
  CHECK(read_idx(path(kTestLabels)).sizes() == std::vector<std::int64_t>{10000});
  CHECK(std::memcmp(train.bytes(), synthetic_digits(1, 0, 3).input().bytes(), 3 * kPixels) == 0);
  CHECK(std::memcmp(train.bytes(), test.bytes(), test.byte_count()) != 0);
}

}  // namespace
}  // namespace sluice

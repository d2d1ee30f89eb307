#include "sluice/mnist.h"

#include <doctest/doctest.h>

#include <array>
#include <numeric>
#include <thread>

#include "runtime/data/mnist_files.h"
#include "sluice/error.h"
#include "sluice/idx.h"
#include "tests/support/scoped_variable.h"
#include "tests/support/skip.h"
#include "tests/support/temporary_folder.h"

namespace sluice {
namespace {

using Path = std::filesystem::path;
using test::ScopedVariable;

Array labels_of(std::int64_t count, std::uint8_t first) {
  Array labels(DType::kU8, {count});
  int next = first;
  for (std::uint8_t& label : labels.data<std::uint8_t>()) label = static_cast<std::uint8_t>(next++ % 10);
  return labels;
}

/// Writes a small data set of the right form: `train` + 5 black images.
void write_small(const Path& folder, std::int64_t train) {
  std::filesystem::create_directories(folder);
  write_idx(folder / kTrainImages, Array(DType::kU8, {train, 28, 28}));
  write_idx(folder / kTrainLabels, labels_of(train, 0));
  write_idx(folder / kTestImages, Array(DType::kU8, {5, 28, 28}));
  write_idx(folder / kTestLabels, labels_of(5, 7));
}

void check_error(const Path& folder, const std::string& message) {
  CAPTURE(message);
  CHECK_THROWS_WITH_AS(read_mnist(folder), (folder.string() + message).c_str(), Error);
}

TEST_CASE("the training images are split as in the guide") {
  const TemporaryFolder folder;
  write_small(folder.path(), 10007);
  const Mnist mnist = read_mnist(folder.path());
  CHECK(mnist.train.input().sizes() == std::vector<std::int64_t>{7, 28, 28});
  CHECK(mnist.train.target() == Array(std::vector<std::uint8_t>{0, 1, 2, 3, 4, 5, 6}, {7}));
  CHECK(mnist.validation.size() == 10000);
  CHECK(mnist.validation.target() == labels_of(10000, 0));
  CHECK(mnist.test.target() == labels_of(5, 7));
  CHECK(mnist.split("train[10000:]").target() == mnist.train.target());
  CHECK(mnist.split("train[:10000]").input() == mnist.validation.input());
  CHECK(mnist.split("train+test").size() == 10012);
  CHECK_FALSE(mnist.synthetic);
  CHECK(mnist.source == folder.path().string());
}

TEST_CASE("files that are missing or do not fit are errors") {
  const TemporaryFolder folder;
  check_error(folder.path() / "none", ": expected a folder with MNIST's files, there is none");
  check_error(folder.path(), ": expected train-images-idx3-ubyte or train-images-idx3-ubyte.gz, there is neither");
  write_small(folder.path(), 10000);
  check_error(folder.path(), ": expected more than 10000 training images (the first ones validate), got 10000");
  write_small(folder.path(), 10001);

  const auto replaced = [&](const char* name, const Array& array, const std::string& message) {
    const std::vector<std::uint8_t> before = read_bytes(folder.path() / name);
    write_idx(folder.path() / name, array);
    check_error(folder.path(), fmt::format("/{}: {}", name, message));
    folder.file(name, before);
  };
  replaced(kTrainImages, Array(DType::kU8, {10001, 28, 27}), "expected images u8[N,28,28], got u8[10001,28,27]");
  replaced(kTestImages, Array(DType::kU8, {5, 784}), "expected images u8[N,28,28], got u8[5,784]");
  replaced(kTestLabels, Array(DType::kU8, {6}), "expected labels u8[5], one for each image, got u8[6]");
  replaced(kTestLabels, Array(DType::kU8, {5, 1}), "expected labels u8[5], one for each image, got u8[5,1]");
  replaced(kTestLabels, Array(std::vector<std::uint8_t>{1, 9, 10, 3, 11}, {5}),
           "expected labels 0 to 9, got 10 for image 2");
  folder.file(kTestLabels, {0, 0, 8, 1, 0, 0, 0, 5, 1});
  check_error(folder.path(), "/t10k-labels-idx1-ubyte: expected 5 bytes of data for u8[5], got 1");
  std::filesystem::remove(folder.path() / kTestLabels);
  check_error(folder.path(), ": expected t10k-labels-idx1-ubyte or t10k-labels-idx1-ubyte.gz, there is neither");
}

TEST_CASE("an explicit folder takes precedence, then the environment, then the cache") {
  const TemporaryFolder folder;
  const Path option = folder.path() / "option";
  const Path environment = folder.path() / "environment";
  const Path cache = folder.path() / "sluice" / "mnist";
  for (const Path& path : {option, environment, cache}) write_small(path, 10001);
  const ScopedVariable xdg("XDG_CACHE_HOME", folder.path().c_str());
  {
    const ScopedVariable data("SLUICE_DATA_DIR", environment.c_str());
    CHECK(load_mnist(option).source == option.string());
    CHECK(load_mnist().source == environment.string());
  }
  {
    const ScopedVariable data("SLUICE_DATA_DIR", "");
    CHECK(load_mnist().source == cache.string());
    CHECK_FALSE(load_mnist().synthetic);
  }
}

TEST_CASE("an explicit folder is never skipped") {
  const TemporaryFolder folder;
  write_small(folder.path() / "sluice" / "mnist", 10001);
  const ScopedVariable xdg("XDG_CACHE_HOME", folder.path().c_str());
  const std::string none = (folder.path() / "none").string();
  const std::string message = none + ": expected a folder with MNIST's files, there is none";
  CHECK_THROWS_WITH_AS(load_mnist(none), message.c_str(), Error);
  const ScopedVariable data("SLUICE_DATA_DIR", none.c_str());
  CHECK_THROWS_WITH_AS(load_mnist(), ("SLUICE_DATA_DIR: " + message).c_str(), Error);
}

TEST_CASE("damaged files in the cache are an error that says what helps") {
  const TemporaryFolder folder;
  const ScopedVariable data("SLUICE_DATA_DIR", nullptr);
  const ScopedVariable xdg("XDG_CACHE_HOME", folder.path().c_str());
  const auto check_damaged = [&](const Path& files, const std::string& advice) {
    write_small(files, 10001);
    std::filesystem::resize_file(files / kTestLabels, 9);
    const std::string message = ": expected 5 bytes of data for u8[5], got 1; " + advice;
    CHECK_THROWS_WITH_AS(load_mnist(), ((files / kTestLabels).string() + message).c_str(), Error);
  };
  check_damaged(folder.path() / "sluice" / "synthetic-digits-1", "remove it, and it is drawn anew");
  check_damaged(folder.path() / "sluice" / "mnist", "remove it and run scripts/get-mnist");
}

TEST_CASE("without MNIST there are synthetic digits, drawn once, even by concurrent processes") {
  const TemporaryFolder folder;
  const ScopedVariable data("SLUICE_DATA_DIR", nullptr);
  const ScopedVariable xdg("XDG_CACHE_HOME", "relative, so ignored");
  const ScopedVariable home("HOME", folder.path().c_str());
  std::array<Mnist, 2> mnists;
  {
    std::thread other([&] { mnists[1] = load_mnist(); });
    mnists[0] = load_mnist();
    other.join();
  }
  const Path drawn = folder.path() / ".cache" / "sluice" / "synthetic-digits-1";
  for (const Mnist& mnist : mnists) {
    CHECK(mnist.synthetic);
    CHECK(mnist.source == drawn.string());
    CHECK(mnist.train.size() == 50000);
    CHECK(mnist.validation.size() == 10000);
    CHECK(mnist.test.size() == 10000);
  }
  CHECK(mnists[0].train.input() == mnists[1].train.input());
  CHECK(std::distance(std::filesystem::directory_iterator(drawn), {}) == 4);

  const auto written = std::filesystem::last_write_time(drawn / kTrainImages);
  CHECK(load_mnist().synthetic);
  CHECK(std::filesystem::last_write_time(drawn / kTrainImages) == written);
}

TEST_CASE("without any cache folder there is an error") {
  const ScopedVariable data("SLUICE_DATA_DIR", nullptr);
  const ScopedVariable xdg("XDG_CACHE_HOME", nullptr);
  const ScopedVariable home("HOME", nullptr);
  CHECK_THROWS_WITH_AS(
      load_mnist(),
      "mnist: there is no cache folder to look in: set HOME or XDG_CACHE_HOME, or name a folder with the data", Error);
}

TEST_CASE("MNIST itself, where SLUICE_DATA_DIR names it") {
  if (std::getenv("SLUICE_DATA_DIR") == nullptr) {
    return test::skip("SLUICE_DATA_DIR is not set");
  }
  const Mnist mnist = load_mnist();
  CHECK(mnist.train.size() == 50000);
  CHECK(mnist.test.size() == 10000);
  const auto first = std::as_const(mnist.validation.target()).data<std::uint8_t>().first(5);
  CHECK(std::vector<std::uint8_t>(first.begin(), first.end()) == std::vector<std::uint8_t>{5, 0, 4, 1, 9});
  const auto pixels = std::as_const(mnist.test.input()).data<std::uint8_t>();
  CHECK(std::accumulate(pixels.begin(), pixels.end(), std::int64_t{0}) / 10000 == 26492);
}

}  // namespace
}  // namespace sluice

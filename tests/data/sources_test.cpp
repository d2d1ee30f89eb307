#include <doctest/doctest.h>
#include <fmt/format.h>

#include "runtime/io/atomic_file.h"
#include "sluice/array_file.h"
#include "sluice/error.h"
#include "sluice/idx.h"
#include "sluice/npy.h"
#include "sluice/split.h"
#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

Array counting(std::int64_t count) {
  std::vector<std::uint8_t> values;
  for (std::int64_t i = 0; i < count; ++i) values.push_back(static_cast<std::uint8_t>(i));
  return {values, {count}};
}

/// 0 to 24 for training and 0 to 4 for testing, each its own label.
const std::vector<NamedDataset> kParts{{"train", {counting(25), counting(25)}}, {"test", {counting(5), counting(5)}}};

/// Returns the first and the last example and their number: "10-24 (15)".
std::string part(std::string_view text) {
  const Dataset dataset = split(kParts, text);
  const auto images = std::as_const(dataset.input()).data<std::uint8_t>();
  CHECK(dataset.input() == dataset.target());
  return images.empty() ? "none" : fmt::format("{}-{} ({})", images.front(), images.back(), images.size());
}

std::string error_of(std::string_view text) {
  return test::refusal([&] { split(kParts, text); });
}

}  // namespace

TEST_CASE("splits in the syntax of TensorFlow Datasets") {
  CHECK(part("train") == "0-24 (25)");
  CHECK(part("train[10:]") == "10-24 (15)");
  CHECK(part("train[:10]") == "0-9 (10)");
  CHECK(part("train[5:7]") == "5-6 (2)");
  CHECK(part("train[-5:]") == "20-24 (5)");
  CHECK(part("train[:-5]") == "0-19 (20)");
  CHECK(part("train[:]") == "0-24 (25)");
  CHECK(part("train[7:7]") == "none");
  CHECK(part(" test [ 1 : 3 ] ") == "1-2 (2)");
}

TEST_CASE("percentages round to the nearest example") {
  CHECK(part("train[20%:80%]") == "5-19 (15)");
  CHECK(part("train[:10%]") == "0-2 (3)");  // of 2.5
  CHECK(part("train[:9%]") == "0-1 (2)");   // of 2.25
  CHECK(part("train[-20%:]") == "20-24 (5)");
  CHECK(part("train[:100%]") == "0-24 (25)");
}

TEST_CASE("sums of splits concatenate their examples") {
  CHECK(part("train[:2]+test") == "0-4 (7)");
  CHECK(part("test + test[4:] + train[:1]") == "0-0 (7)");
  const std::vector<NamedDataset> different{{"a", {counting(2), counting(2)}},
                                            {"b", {Array(DType::kU8, {2, 3}), counting(2)}}};
  CHECK_THROWS_WITH(split(different, "a+b"), "split: 'a+b' joins examples of different types, u8[2] and u8[2,3]");
}

TEST_CASE("errors in splits point to their position") {
  CHECK(error_of("train[:26]") == "split: expected at most 25 examples, got 26\n  train[:26]\n         ^");
  CHECK(error_of("train[:-26]") == "split: expected at most 25 examples, got -26\n  train[:-26]\n         ^");
  CHECK(error_of("train[:99999999999999999999]") ==
        "split: expected at most 25 examples, got 99999999999999999999\n  train[:99999999999999999999]\n         ^");
  CHECK(error_of("train[101%:]") == "split: expected at most 100%, got 101%\n  train[101%:]\n        ^");
  CHECK(error_of("train[9:3]") == "split: the slice begins at 9, after its end at 3\n  train[9:3]\n        ^");
  CHECK(error_of("tran[:3]") == "split: expected train or test, got 'tran'; did you mean 'train'?\n  tran[:3]\n  ^");
  CHECK(error_of("train[x:]") == "split: expected ':', got 'x'\n  train[x:]\n        ^");
  CHECK(error_of("train[3]") == "split: expected ':', got ']'\n  train[3]\n         ^");
  CHECK(error_of("train[:3") == "split: expected ']', got the end\n  train[:3\n          ^");
  CHECK(error_of("train[:3]test") == "split: expected '+' or the end, got 't'\n  train[:3]test\n           ^");
  CHECK(error_of("train+") == "split: expected a name, got the end\n  train+\n        ^");
  CHECK(error_of("") == "split: expected a name, got the end\n  \n  ^");
}

TEST_CASE("arrays come from npy and idx files by their first bytes") {
  const TemporaryFolder folder;
  const Array images(std::vector<float>{1, 2, 3, 4}, {2, 2});
  write_npy(folder.path() / "images", images);
  write_idx(folder.path() / "labels", counting(2));
  const Dataset dataset = read_dataset(folder.path() / "images", folder.path() / "labels");
  CHECK(dataset.input() == images);
  CHECK(dataset.target() == counting(2));
  write_idx(folder.path() / "labels", counting(3));
  CHECK_THROWS_WITH(read_dataset(folder.path() / "images", folder.path() / "labels"),
                    fmt::format("{0}/labels: expected a target for each row of {0}/images, got u8[3] and f32[2,2]",
                                folder.path().string())
                        .c_str());
  write_npy(folder.path() / "images", Array(DType::kU8, {3, 2, 2}));
  CHECK(read_dataset(folder.path() / "images", folder.path() / "labels").size() == 3);
  CHECK_THROWS_WITH(
      read_dataset(folder.path() / "labels", folder.path() / "images"),
      fmt::format("{0}/labels: expected inputs, got u8[3], and u8[3,2,2] in {0}/images for their targets: "
                  "are the two files exchanged? (if this is meant, make a Dataset of two read_array)",
                  folder.path().string())
          .c_str());
  CHECK_THROWS_AS(read_array(folder.path() / "none"), Error);
  for (const std::string_view text : {"", "PK\x03\x04", "length,width\n1,2\n"}) {
    write_file(folder.path() / "other", text);
    CHECK_THROWS_WITH(
        read_array(folder.path() / "other"),
        fmt::format("{}/other: expected a file of NumPy (.npy) or an idx file", folder.path().string()).c_str());
  }
}

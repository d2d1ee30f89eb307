#include "sluice/dataset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "sluice/error.h"
#include "sluice/random_stream.h"
#include "tests/frontend/thrown.h"
#include "tests/support/counting_new.h"

namespace sluice {
namespace {

/// Example i has the image {i, i + 1} (modulo 256) and the label 3 i, so that mismatched rows are detected.
Dataset counting(std::int64_t size) {
  Array images(DType::kU8, {size, 2, 1});
  Array labels(DType::kI32, {size});
  for (std::int64_t i = 0; i < size; ++i) {
    const auto at = static_cast<std::size_t>(i);
    images.data<std::uint8_t>()[2 * at] = static_cast<std::uint8_t>(i);
    images.data<std::uint8_t>()[2 * at + 1] = static_cast<std::uint8_t>(i + 1);
    labels.data<std::int32_t>()[at] = static_cast<std::int32_t>(3 * i);
  }
  return {images, labels};
}

/// Returns the examples' numbers, after checking that images and labels belong together.
std::vector<std::int64_t> examples_of(const Array& images, const Array& labels) {
  std::vector<std::int64_t> numbers;
  const auto pixels = images.data<std::uint8_t>();
  for (const std::int32_t label : labels.data<std::int32_t>()) {
    const auto i = label / 3;
    REQUIRE(pixels[2 * numbers.size()] == static_cast<std::uint8_t>(i));
    REQUIRE(pixels[2 * numbers.size() + 1] == static_cast<std::uint8_t>(i + 1));
    numbers.push_back(i);
  }
  return numbers;
}

std::vector<std::int64_t> numbers(std::int64_t begin, std::int64_t end) {
  std::vector<std::int64_t> result(static_cast<std::size_t>(end - begin));
  std::iota(result.begin(), result.end(), begin);
  return result;
}

TEST_CASE("a stream's uniform numbers are in [0, 1) by default") {
  RandomStream plain(3);
  RandomStream with_limits(3);
  for (int i = 0; i < 1000; ++i) {
    const float x = plain.uniform();
    CHECK((x >= 0 && x < 1));
    CHECK(x == with_limits.uniform(0, 1));
  }
}

TEST_CASE("all arrays have a row for each example, or the user's line is an error") {
  const std::string expected =
      "@dataset_test.cpp data set: expected inputs and targets with one row per example, got inputs ";
  CHECK(thrown([] {
          Dataset(Array(DType::kU8, {3, 28, 28}), Array(DType::kU8, {2}));
        }) == expected + "u8[3,28,28] and targets u8[2]");
  CHECK(thrown([] { Dataset(Array(DType::kU8, {}), Array(DType::kU8, {})); }) == expected + "u8[] and targets u8[]");
  const std::vector<Array> two(2, Array(DType::kU8, {4}));
  CHECK(thrown([&] { Dataset(two, std::vector<Array>{}); }) == expected + "u8[4], u8[4] and targets none");
  CHECK(thrown([&] {
          Dataset(two, std::vector{two[0], Array(DType::kF32, {5, 1})});
        }) == expected + "u8[4], u8[4] and targets u8[4], f32[5,1]");
  CHECK(Dataset().size() == 0);
}

TEST_CASE("several inputs and targets stay together") {
  const Dataset one = counting(50);
  const Dataset all({one.input(), one.target()}, {one.target(), one.input(), one.target()});
  CHECK(all.size() == 50);
  const auto check = [](const Batch& b) {
    REQUIRE(b.inputs.size() == 2);
    REQUIRE(b.targets.size() == 3);
    const std::vector<std::int64_t> found = examples_of(b.inputs[0], b.targets[0]);
    CHECK(found == examples_of(b.targets[1], b.inputs[1]));
    CHECK(found == examples_of(b.inputs[0], b.targets[2]));
    CHECK(b.size() == static_cast<std::int64_t>(found.size()));
    return found;
  };
  CHECK(check(all.slice(10, 20)) == numbers(10, 20));
  std::vector<std::int64_t> seen;
  for (const Batch& b : all.batches(8)) {
    for (const std::int64_t i : check(b)) seen.push_back(i);
  }
  CHECK(seen == numbers(0, 50));
  seen.clear();
  for (const Batch& b : all.shuffled(4).batches(8)) {
    for (const std::int64_t i : check(b)) seen.push_back(i);
  }
  CHECK(seen != numbers(0, 50));
  std::ranges::sort(seen);
  CHECK(seen == numbers(0, 50));

  CHECK_THROWS_WITH_AS(all.input(), "examples: input() is of those with one input, these have 2", Error);
  CHECK_THROWS_WITH_AS(all.target(), "examples: target() is of those with one target, these have 3", Error);
}

TEST_CASE("examples with one input and one target support structured bindings") {
  const auto [images, labels] = counting(9).slice(3, 6);
  CHECK(examples_of(images, labels) == numbers(3, 6));
  std::vector<std::int64_t> seen;
  for (const auto& [x, y] : counting(9).batches(2)) {
    for (const std::int64_t i : examples_of(x, y)) seen.push_back(i);
  }
  CHECK(seen == numbers(0, 9));
}

TEST_CASE("a slice is a part without a copy") {
  const Dataset all = counting(10);
  const Dataset part = all.slice(3, 7);
  CHECK(part.size() == 4);
  CHECK(part.input().sizes() == std::vector<std::int64_t>{4, 2, 1});
  CHECK(part.input().bytes() == all.input().bytes() + 6);
  CHECK(part.target().bytes() == all.target().bytes() + 12);
  CHECK(examples_of(part.input(), part.target()) == numbers(3, 7));
  CHECK(all.slice(10, 10).size() == 0);
  const Dataset nested = all.slice(2, 9).slice(1, 3);
  CHECK(examples_of(nested.input(), nested.target()) == numbers(3, 5));
  CHECK_THROWS_WITH_AS(all.slice(-1, 2), "slice: expected a part of 10 examples, got [-1,2)", Error);
  CHECK_THROWS_WITH_AS(all.slice(3, 2), "slice: expected a part of 10 examples, got [3,2)", Error);
  CHECK_THROWS_WITH_AS(all.slice(0, 11), "slice: expected a part of 10 examples, got [0,11)", Error);
}

TEST_CASE("a slice keeps the elements alive") {
  const Dataset part = counting(10).slice(4, 6);
  CHECK(examples_of(part.input(), part.target()) == numbers(4, 6));
}

TEST_CASE("unshuffled batches are views in order, the last one smaller") {
  const Dataset all = counting(10);
  std::vector<std::int64_t> seen;
  std::vector<std::int64_t> sizes;
  for (const Batch& b : all.batches(4)) {
    CHECK(b.input().bytes() == all.input().bytes() + 2 * seen.size());
    for (const std::int64_t i : examples_of(b.input(), b.target())) seen.push_back(i);
    sizes.push_back(b.input().sizes()[0]);
  }
  CHECK(seen == numbers(0, 10));
  CHECK(sizes == std::vector<std::int64_t>{4, 4, 2});
  CHECK(all.batches(4).size() == 3);
  CHECK(all.batches(4, LastBatch::kDrop).size() == 2);
  CHECK(all.batches(5).size() == 2);
  CHECK(all.batches(100).size() == 1);
  CHECK(all.batches(100, LastBatch::kDrop).size() == 0);
  CHECK_THROWS_WITH_AS(all.batches(0), "batches: expected at least 1 example per batch, got 0", Error);
  for (const Batch& b : Dataset().batches(3)) FAIL("no batch expected, got " << to_string(b.input()));
}

TEST_CASE("shuffled batches have each example once, in an order given by the seed") {
  const Dataset all = counting(1000);
  const auto order = [&](std::uint64_t seed, std::int64_t size, LastBatch last) {
    std::vector<std::int64_t> seen;
    for (const Batch& b : all.shuffled(seed).batches(size, last)) {
      for (const std::int64_t i : examples_of(b.input(), b.target())) seen.push_back(i);
    }
    return seen;
  };
  const std::vector<std::int64_t> first = order(1, 128, LastBatch::kKeep);
  CHECK(first == order(1, 128, LastBatch::kKeep));
  CHECK(first == order(1, 3, LastBatch::kKeep));  // the order does not depend on the batches
  CHECK(first != order(2, 128, LastBatch::kKeep));
  CHECK(order(1, 128, LastBatch::kDrop) == std::vector<std::int64_t>(first.begin(), first.begin() + 896));
  std::vector<std::int64_t> sorted = first;
  std::sort(sorted.begin(), sorted.end());
  CHECK(sorted == numbers(0, 1000));
  CHECK(order(7, 2000, LastBatch::kKeep).size() == 1000);
}

TEST_CASE("the order of a seed never changes") {
  // This is what makes a run reproducible on another machine.
  const std::vector<std::uint32_t> expected{1, 0, 4, 2, 5, 3, 6, 7};
  CHECK(counting(8).shuffled(1).order() == expected);
}

TEST_CASE("all orders are equally likely") {
  // 24 orders of 4 examples, 24000 seeds: chi squared with 23 degrees of freedom is above 50 once in a thousand.
  std::vector<int> counts(256, 0);
  const Dataset four = counting(4);
  for (std::uint64_t seed = 0; seed < 24000; ++seed) {
    const ShuffledDataset shuffled = four.shuffled(seed);
    std::uint32_t code = 0;
    for (const std::uint32_t i : shuffled.order()) code = code * 4 + i;
    ++counts[code];
  }
  CHECK(std::count(counts.begin(), counts.end(), 0) == 256 - 24);
  double chi_squared = 0;
  for (const int count : counts) chi_squared += count == 0 ? 0 : (count - 1000.0) * (count - 1000.0) / 1000.0;
  CHECK(chi_squared < 50);
}

TEST_CASE("a batch is valid for two more steps") {
  const Dataset all = counting(12);
  Batches batches = all.shuffled(3).batches(4);
  auto i = batches.begin();
  const Batch& first = *i;
  const std::vector<std::int64_t> before = examples_of(first.input(), first.target());
  ++i;
  CHECK(examples_of(first.input(), first.target()) == before);
  CHECK(examples_of(i->input(), i->target()) != before);
}

TEST_CASE("a kept handle keeps its elements") {
  std::vector<Batch> kept;
  std::vector<std::int64_t> seen;
  for (const Batch& b : counting(50).shuffled(3).batches(8)) kept.push_back(b);
  for (const Batch& b : kept) {
    for (const std::int64_t i : examples_of(b.input(), b.target())) seen.push_back(i);
  }
  std::sort(seen.begin(), seen.end());
  CHECK(seen == numbers(0, 50));
}

TEST_CASE("a step through shuffled batches allocates nothing") {
  const Dataset all = counting(1000);
  const ShuffledDataset shuffled = all.shuffled(1);
  Batches batches = shuffled.batches(128);
  const std::int64_t before = allocation_count();
  std::int64_t examples = 0;
  for (const Batch& b : batches) examples += b.input().sizes()[0];
  CHECK(allocation_count() == before);
  CHECK(examples == 1000);
}

TEST_CASE("random numbers below a bound reach every value") {
  RandomStream random(5);
  std::vector<int> counts(7, 0);
  for (int i = 0; i < 7000; ++i) ++counts[random.below(7)];
  for (const int count : counts) CHECK(std::abs(count - 1000) < 150);
  CHECK(random.below(1) == 0);
  RandomStream same(5);
  RandomStream other(5, 1);
  CHECK(same.next() != other.next());
  for (int i = 0; i < 1000; ++i) {
    const float x = random.uniform(-2, 3);
    CHECK((x >= -2 && x < 3));
  }
}

TEST_CASE("normally distributed random numbers have the moments that they should") {
  RandomStream random(9);
  double sums[4] = {};
  constexpr int kCount = 100000;
  for (int i = 0; i < kCount; ++i) {
    const double x = random.normal(1, 2);
    const double z = (x - 1) / 2;
    REQUIRE(std::abs(z) < 5.8);
    for (const int power : {1, 2, 3, 4}) sums[power - 1] += std::pow(z, power) / kCount;
  }
  CHECK(std::abs(sums[0]) < 0.015);
  CHECK(std::abs(sums[1] - 1) < 0.02);
  CHECK(std::abs(sums[2]) < 0.05);
  CHECK(std::abs(sums[3] - 3) < 0.15);
  RandomStream same(9);
  RandomStream again(9);
  CHECK(same.normal() == again.normal());
  CHECK(same.normal(3, 0) == 3);
}

}  // namespace
}  // namespace sluice

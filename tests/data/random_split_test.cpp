#include "sluice/random_split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "sluice/error.h"
#include "tests/data/pipelines.h"
#include "tests/frontend/thrown.h"

namespace sluice {
namespace {

/// Returns how often each label of 0 to 9 occurs.
std::vector<std::int64_t> class_counts(const Array& labels) {
  std::vector<std::int64_t> counts(10);
  for (const std::uint8_t label : labels.data<std::uint8_t>()) ++counts[label];
  return counts;
}

/// Returns examples with so many of each class, mixed.
Dataset of_classes(const std::vector<int>& counts) {
  std::vector<std::uint8_t> labels;
  for (std::size_t c = 0; c < counts.size(); ++c)
    labels.insert(labels.end(), static_cast<std::size_t>(counts[c]), static_cast<std::uint8_t>(c));
  const Array all(labels);
  const Dataset sorted(all, all);
  return select_examples(sorted, sorted.shuffled(3).order());
}

TEST_CASE("a random split has every example once, in an order that the seed decides") {
  const Dataset data = test::counting(103);
  const auto [train, validation, test] = random_split(data, {0.7, 0.2, 0.1}, 5);
  CHECK(train.size() == 72);       // 72.1
  CHECK(validation.size() == 21);  // to 92.7
  CHECK(test.size() == 10);
  std::set<std::int64_t> seen;
  for (const Dataset& part : {train, validation, test}) {
    const std::vector<std::int64_t> numbers = test::numbers_of(part);
    CHECK(std::ranges::is_sorted(numbers));
    seen.insert(numbers.begin(), numbers.end());
  }
  CHECK(seen.size() == 103);
  CHECK(random_split(data, {0.7, 0.2, 0.1}, 5)[1].input() == validation.input());
  CHECK(random_split(data, {0.7, 0.2, 0.1}, 6)[1].input() != validation.input());

  const auto [first, second] = random_split(Pipeline(data), {0.7, 0.3}, 5);
  CHECK(test::numbers_of(first) == test::numbers_of(train));
  CHECK(second.size() == 31);
}

TEST_CASE("shares are fractions or numbers") {
  const Dataset data = test::counting(10);
  CHECK(random_split(data, {7, 3}, 1)[0].size() == 7);
  CHECK(random_split(data, {0.29, 0.71}, 1)[0].size() == 3);
  CHECK(random_split(data, {1}, 1)[0].size() == 10);
  CHECK(random_split(data, {0, 1}, 1)[0].size() == 0);
  CHECK(random_split(data, {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1}, 1)[9].size() == 1);
  CHECK(random_split(test::counting(0), {0.5, 0.5}, 1)[1].size() == 0);
  CHECK(random_split(test::counting(0), {0, 0}, 1)[1].size() == 0);
  CHECK(random_split(test::counting(1), {0.5, 0.5}, 1)[0].size() == 1);
  const std::string start =
      "@random_split_test.cpp random_split: expected fractions with the sum 1 or numbers with the sum 10, got ";
  CHECK(thrown([&] { random_split(data, {0.7, 0.2}, 1); }) == start + "0.7, 0.2");
  CHECK(thrown([&] { random_split(data, {1.5, -0.5}, 1); }) == start + "1.5, -0.5");
  CHECK(thrown([&] { random_split(data, {7, 4}, 1); }) == start + "7, 4");
  CHECK(thrown([&] { select_examples(data, std::vector<std::uint32_t>{10}); }) ==
        "select_examples: expected numbers of 10 examples, got 10");
}

TEST_CASE("a stratified split has its share of each class in each part") {
  const Dataset data = of_classes({100, 50, 10, 7, 1, 0, 0, 0, 0, 32});
  const auto [train, test] = stratified_split(data, {0.8, 0.2}, 4);
  CHECK(train.size() == 160);
  CHECK(test.size() == 40);
  const std::vector<std::int64_t> all = class_counts(data.target());
  const std::vector<std::int64_t> of_train = class_counts(train.target());
  const std::vector<std::int64_t> of_test = class_counts(test.target());
  for (std::size_t c = 0; c < 10; ++c) {
    CHECK(of_train[c] + of_test[c] == all[c]);
    CHECK(std::abs(static_cast<double>(of_test[c]) - 0.2 * static_cast<double>(all[c])) <= 1);
  }
  CHECK(train.input() == train.target());
  CHECK(stratified_split(data, {0.8, 0.2}, 4)[0].input() == train.input());

  // Which examples of a class go to which part depends on the seed.
  Dataset numbered = of_classes({50, 50});
  numbered = Dataset(Array(DType::kI32, {100}), numbered.target());
  for (std::int32_t i = 0; i < 100; ++i) numbered.input().at<std::int32_t>(i) = i;
  const auto one = stratified_split(numbered, {0.5, 0.5}, 1);
  CHECK(one[0].input() != stratified_split(numbered, {0.5, 0.5}, 2)[0].input());
  CHECK(class_counts(one[0].target())[0] == 25);
  CHECK(class_counts(one[0].target())[1] == 25);

  const auto thirds = stratified_split(of_classes({9, 30, 3}), {14, 14, 14}, 1);
  for (const Dataset& third : thirds) {
    CHECK(third.size() == 14);
    CHECK(class_counts(third.target())[1] == 10);
    CHECK(class_counts(third.target())[2] == 1);
  }
  CHECK(stratified_split(of_classes({5}), {0, 1}, 1)[0].size() == 0);

  const std::string start = "@random_split_test.cpp stratified_split: expected ";
  CHECK(thrown([] {
          stratified_split(Dataset(Array(DType::kU8, {4}), Array(DType::kF32, {4})), {0.5, 0.5}, 1);
        }) == start + "integers as labels, one per example, got f32[4]");
  CHECK(thrown([] {
          stratified_split(Dataset(Array(DType::kU8, {4}), Array(DType::kI64, {4, 1})), {0.5, 0.5}, 1);
        }) == start + "integers as labels, one per example, got i64[4,1]");
  CHECK(thrown([&] {
          stratified_split(data, {0.5, 0.4}, 1);
        }) == start + "fractions with the sum 1 or numbers with the sum 200, got 0.5, 0.4");
}

}  // namespace
}  // namespace sluice

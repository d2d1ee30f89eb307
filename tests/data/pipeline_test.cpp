// Functions of examples and batches, joined and selected examples. pipeline_errors_test.cpp has the errors of
// functions.
#include "sluice/pipeline.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "sluice/error.h"
#include "tests/data/pipelines.h"
#include "tests/frontend/thrown.h"

namespace sluice {
namespace {

/// Examples of which nothing is ever wrong, f32[2] and i32[], computed for each batch.
Pipeline computed(std::int64_t size) {
  return test::counting(size).map([](Array x, Array y) { return std::pair(x, y); });
}

TEST_CASE("map computes each example when a batch needs it") {
  int calls = 0;
  const Pipeline doubled = test::counting(10).map([&](Array x, Array y) {
    ++calls;
    CHECK(x.sizes() == std::vector<std::int64_t>{2});
    CHECK(y.rank() == 0);
    Array sum(DType::kF64, {1, 3});
    sum.at<double>(0, 1) = x(0) + x(1);
    return std::pair(sum, Array::scalar(y.item<std::int64_t>() * 2));
  });
  CHECK(doubled.size() == 10);
  CHECK(calls == 0);
  std::int64_t i = 0;
  std::vector<std::int64_t> sizes;
  for (const auto& [x, y] : doubled.batches(4)) {
    CHECK(to_string(x.type()) == (i < 8 ? "f64[4,1,3]" : "f64[2,1,3]"));
    CHECK(y.dtype() == DType::kI64);
    sizes.push_back(y.sizes()[0]);
    for (std::int64_t row = 0; row < y.sizes()[0]; ++row, ++i) {
      CHECK(x(row, 0, 0) == 0);
      CHECK(x(row, 0, 1) == static_cast<double>(2 * i) + 1);
      CHECK(y(row) == static_cast<double>(6 * i));
    }
  }
  CHECK(sizes == std::vector<std::int64_t>{4, 4, 2});
  CHECK(calls == 10);
}

TEST_CASE("map takes a function of an Example, of any number of inputs and targets") {
  const Dataset one = test::counting(6);
  const Dataset two({one.input(), one.target()}, {one.target(), one.input(), one.target()});
  const Pipeline swapped = two.map([](Example example) {
    CHECK(example.inputs.size() == 2);
    return Example(example.targets, example.inputs);
  });
  for (const Batch& b : swapped.batches(6)) {
    REQUIRE(b.inputs.size() == 3);
    REQUIRE(b.targets.size() == 2);
    CHECK(b.inputs[1] == one.input());
    CHECK(b.targets[1] == one.target());
  }
  const Pipeline single =
      two.map([](const Example& example) { return Example(example.inputs[1], example.targets[0]); });
  for (const auto& [x, y] : single.batches(6)) CHECK(x == y);
  // An example binds to names as a batch does.
  const Pipeline bound = one.map([](const Example& example) {
    auto [x, y] = example;
    return Example(y, x);
  });
  for (const auto& [x, y] : bound.batches(6)) CHECK((x == one.target() && y == one.input()));
}

TEST_CASE("a function may change the arrays that it gets, keep them, and return them") {
  const Dataset data = test::counting(9);
  const Array before = data.input().clone();
  std::vector<Array> kept;
  const Pipeline changed = data.map([&](Array x, Array y) {
    for (float& element : x.data<float>()) element += 100;
    kept.push_back(x);
    return std::pair(x, y);
  });
  for (int pass = 0; pass < 2; ++pass) {
    for (const auto& [x, y] : changed.batches(4)) CHECK(x(0, 0) == 100 + y(0) / 3);
  }
  CHECK(data.input() == before);
  REQUIRE(kept.size() == 18);
  for (std::int64_t i = 0; i < 18; ++i) CHECK(kept[static_cast<std::size_t>(i)](0) == 100 + static_cast<double>(i % 9));

  // An array that the function keeps or borrows is no buffer for the next batch.
  const Array constant{{1.F, 2.F}, {3.F, 4.F}};
  std::vector<Array> batches;
  for (const auto& [x, y] : data.take(4).map_batches([&](Array, Array y) { return std::pair(constant, y); }).batches(2))
    batches.push_back(x);
  CHECK(constant == Array{{1.F, 2.F}, {3.F, 4.F}});
  CHECK(batches[0] == constant);
}

TEST_CASE("a batch of a pipeline is valid for two more steps, and a kept handle keeps its elements") {
  Batches batches = computed(12).shuffled(3).batches(4);
  auto i = batches.begin();
  const Batch& first = *i;
  const Array before = first.input().clone();
  ++i;
  CHECK(first.input() == before);
  CHECK(i->input() != before);
  std::vector<Batch> kept;
  for (const Batch& b : computed(50).batches(8)) kept.push_back(b);
  std::int64_t number = 0;
  for (const Batch& b : kept) {
    for (std::int64_t row = 0; row < b.size(); ++row) CHECK(b.target()(row) == static_cast<double>(3 * number++));
  }
  CHECK(number == 50);
}

TEST_CASE("map of a batch computes the same as map of its examples") {
  const Dataset data = test::counting(21);
  const Pipeline single = data.map([](Array x, Array y, RandomStream& random) {
    x.data<float>()[0] += random.uniform(0, 1);
    return std::pair(x, y);
  });
  const Pipeline batched = data.map_batches([](Batch b, std::span<RandomStream> randoms) {
    CHECK(static_cast<std::int64_t>(randoms.size()) == b.size());
    for (std::size_t i = 0; i < randoms.size(); ++i) b.input().data<float>()[2 * i] += randoms[i].uniform(0, 1);
    return b;
  });
  const Pipeline pair = data.map_batches([](Array x, Array y, std::span<RandomStream> randoms) {
    for (std::size_t i = 0; i < randoms.size(); ++i) x.data<float>()[2 * i] += randoms[i].uniform(0, 1);
    return std::pair(x, y);
  });
  for (const std::int64_t size : {1, 3, 64}) {
    const std::vector<Array> expected = test::all_arrays(single.shuffled(5).batches(size));
    CHECK(test::all_arrays(batched.shuffled(5).batches(size)) == expected);
    CHECK(test::all_arrays(pair.shuffled(5).batches(size)) == expected);
  }
}

TEST_CASE("random numbers depend on the seed of the pass and the example, not on order or batches") {
  const Pipeline noisy = test::counting(40).map([](Array x, Array y, RandomStream& random) {
    x.data<float>()[1] = random.uniform(0, 1);
    return std::pair(x, y);
  });
  const auto numbers = [&](Batches batches) {
    std::vector<double> by_example(40);
    for (const auto& [x, y] : batches) {
      for (std::int64_t i = 0; i < y.sizes()[0]; ++i) by_example[static_cast<std::size_t>(y(i)) / 3] = x(i, 1);
    }
    return by_example;
  };
  const std::vector<double> first = numbers(noisy.seeded(1).batches(8));
  CHECK(std::set<double>(first.begin(), first.end()).size() == 40);
  CHECK(numbers(noisy.seeded(1).batches(1)) == first);
  CHECK(numbers(noisy.shuffled(1).batches(7)) == first);
  CHECK(numbers(noisy.seeded(2).batches(8)) != first);
  CHECK(numbers(noisy.batches(8)) == numbers(noisy.seeded(0).batches(8)));

  // Later stages do not change the random numbers of a map; a later map draws different ones.
  const Pipeline twice = noisy.map([](Array x, Array y, RandomStream& random) {
    x.data<float>()[0] = random.uniform(0, 1);
    return std::pair(x, y);
  });
  CHECK(numbers(twice.seeded(1).batches(8)) == first);
  for (const auto& [x, y] : twice.seeded(1).batches(8)) {
    for (std::int64_t i = 0; i < y.sizes()[0]; ++i) CHECK(x(i, 0) != x(i, 1));
  }
  // Parts that are joined draw different numbers.
  for (const Batch& b : zip({noisy, noisy}).seeded(1).batches(40)) CHECK(b.inputs[0] != b.inputs[1]);
}

TEST_CASE("filter keeps what its function accepts") {
  const Dataset data = test::counting(300);
  int calls = 0;
  const Pipeline odd = data.filter([&](Array, Array y) {
    ++calls;
    return y.item<int>() % 2 == 1;
  });
  CHECK(calls == 300);
  CHECK(odd.size() == 150);
  std::int64_t i = 0;
  for (const auto& [x, y] : odd.batches(32)) {
    for (std::int64_t row = 0; row < y.sizes()[0]; ++row, ++i) CHECK(y(row) == static_cast<double>(3 * (2 * i + 1)));
  }
  CHECK(i == 150);
  CHECK(calls == 300);
  CHECK(data.filter([](const Example&) { return false; }).size() == 0);
  CHECK(computed(7).filter([](const Example& example) { return example.input()(0) > 4; }).size() == 2);
  for (const Batch& b : data.filter([](const Example&) { return false; }).batches(3)) FAIL("a batch of " << b.size());

  const Pipeline random = data.map([](Array x, Array y, RandomStream&) { return std::pair(x, y); });
  CHECK(thrown([&] { random.filter([](const Example&) { return true; }); }) ==
        "@pipeline_test.cpp filter: expected examples that are the same in each pass, got some of random numbers: "
        "filter first, and then map");
}

TEST_CASE("take, skip, slice and select") {
  for (const Pipeline& all : {Pipeline(test::counting(10)), computed(10)}) {
    CHECK(test::numbers_of(all.take(3)) == std::vector<std::int64_t>{0, 1, 2});
    CHECK(test::numbers_of(all.take(0)).empty());
    CHECK(all.take(99).size() == 10);
    CHECK(test::numbers_of(all.skip(8)) == std::vector<std::int64_t>{8, 9});
    CHECK(all.skip(99).size() == 0);
    CHECK(test::numbers_of(all.slice(2, 6).skip(1).take(2)) == std::vector<std::int64_t>{3, 4});
    CHECK(test::numbers_of(all.select({7, 1, 7})) == std::vector<std::int64_t>{7, 1, 7});
    CHECK(thrown([&] { all.take(-1); }) == "take: expected at least 0 examples, got -1");
    CHECK(thrown([&] { all.skip(-1); }) == "skip: expected at least 0 examples, got -1");
    CHECK(thrown([&] { all.slice(3, 11); }) == "slice: expected a part of 10 examples, got [3,11)");
    CHECK(thrown([&] { all.select({3, 10}); }) == "select: expected numbers of 10 examples, got 10");
    CHECK(thrown([&] { all.batches(0); }) == "batches: expected at least 1 example per batch, got 0");
  }
  const Dataset data = test::counting(10);
  CHECK(data.take(4).input().bytes() == data.input().bytes());
  CHECK(data.skip(4).size() == 6);
  CHECK(data.take(99).size() == 10);
  CHECK(thrown([&] { data.skip(-2); }) == "skip: expected at least 0 examples, got -2");
}

TEST_CASE("concat has the examples of one part after the other") {
  const Dataset data = test::counting(10);
  const Pipeline all = concat({data.slice(4, 10), data.slice(0, 0), computed(3), data.slice(3, 4)});
  const std::vector<std::int64_t> expected{4, 5, 6, 7, 8, 9, 0, 1, 2, 3};
  CHECK(all.size() == 10);
  CHECK(test::numbers_of(all) == expected);
  for (const std::int64_t size : {1, 4, 100}) {
    std::vector<std::int64_t> shuffled;
    for (const Batch& b : all.shuffled(8).batches(size)) {
      for (const std::int64_t i : test::numbers_of(b)) shuffled.push_back(i);
    }
    const std::vector<std::uint32_t> order = data.shuffled(8).order();
    REQUIRE(shuffled.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) CHECK(shuffled[i] == expected[order[i]]);
  }
  CHECK(test::numbers_of(data.take(1).concatenate(data.skip(9))) == std::vector<std::int64_t>{0, 9});
  CHECK(test::numbers_of(computed(1).concatenate(data.skip(9))) == std::vector<std::int64_t>{0, 9});
  const Dataset whole = all.cache();
  CHECK(whole.size() == 10);
  CHECK(test::numbers_of(whole) == expected);

  CHECK(thrown([] { concat({}); }) == "@pipeline_test.cpp concat: expected at least one part, got none");
  const Dataset other(Array(DType::kF32, {2, 3}), Array(DType::kI32, {2}));
  CHECK(thrown([&] {
          concat({data, other});
        }) ==
        "@pipeline_test.cpp concat: expected examples of one type, got f32[2] and i32[] in part 0 and f32[3] and i32[] "
        "in part 1");
  const Pipeline late = concat({data, other.map([](Array x, Array y) { return std::pair(x, y); })});
  CHECK(thrown([&] { test::all_arrays(late.batches(11)); }) ==
        "@pipeline_test.cpp concat: expected examples of one type, got f32[2] and i32[] in part 0 and f32[3] and i32[] "
        "in part 1");
}

TEST_CASE("zip has the inputs and then the targets of all parts, as many as the shortest") {
  const Dataset data = test::counting(10);
  for (const Pipeline& more : {Pipeline(data.slice(2, 9)), computed(9).slice(2, 9)}) {
    const Pipeline both = zip({data, more});
    CHECK(both.size() == 7);
    CHECK((both.dataset() != nullptr) == (more.dataset() != nullptr));
    for (const Batch& b : both.shuffled(1).batches(3)) {
      REQUIRE(b.inputs.size() == 2);
      REQUIRE(b.targets.size() == 2);
      for (std::int64_t i = 0; i < b.size(); ++i) {
        CHECK(b.inputs[0](i, 0) + 2 == b.inputs[1](i, 0));
        CHECK(b.targets[0](i) + 6 == b.targets[1](i));
      }
    }
  }
  CHECK(thrown([] { zip({}); }) == "@pipeline_test.cpp zip: expected at least one part, got none");
}

TEST_CASE("cache computes all examples once") {
  int calls = 0;
  const Pipeline counted = test::counting(2500).map([&](Array x, Array y) {
    ++calls;
    return std::pair(x, y);
  });
  const Dataset cached = counted.cache();
  CHECK(calls == 2500);
  CHECK(cached.input() == test::counting(2500).input());
  CHECK(cached.target() == test::counting(2500).target());
  const Dataset data = test::counting(4);
  CHECK(Pipeline(data).cache().input().bytes() == data.input().bytes());
  CHECK(counted.take(0).cache().size() == 0);
  CHECK(to_string(concat({data.take(0), data.take(0)}).cache().input().type()) == "f32[0,2]");
  const Pipeline ragged = test::counting(1025).map(
      [](Array, Array y) { return std::pair(Array(DType::kF32, {y.item<int>() < 3000 ? 1 : 2}), y); });
  CHECK(thrown([&] { ragged.cache(); })
            .starts_with("@pipeline_test.cpp map: example 1000: expected f32[1] and i32[] as "
                         "for example 0, got f32[2] and i32[]"));
}

TEST_CASE("an empty pipeline has no batches and calls nothing") {
  const Pipeline none = test::counting(0).map([](Array x, Array y) {
    FAIL("called");
    return std::pair(x, y);
  });
  for (const Batch& b : none.batches(3)) FAIL("a batch of " << b.size());
  for (const Batch& b : none.shuffled(1).batches(3).prefetch(2)) FAIL("a batch of " << b.size());
  CHECK(Pipeline().size() == 0);
}

TEST_CASE("examples may have elements of every type, or none") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const Array odd{nan, -infinity, -0.F};
  for (const Array& x : {odd, Array{1., 2., 3.}, Array{1, 2, 3}, Array(std::vector<std::int64_t>{1, 2, 3}),
                         Array(std::vector<std::uint8_t>{1, 2, 3}), Array(std::vector<bool>{true, false, true}),
                         Array(DType::kF32, {3, 0, 5}), Array(DType::kF64, {3, 2, 0})}) {
    const Pipeline same = Dataset(x, x).map([](Array a, Array b) { return std::pair(a, b); });
    CHECK(same.cache().input() == x);
    CHECK(concat({same, same}).cache().size() == 6);
  }
}

TEST_CASE("a pipeline keeps its data alive, and nothing else does afterwards") {
  std::weak_ptr<int> alive;
  {
    const auto owned = std::make_shared<int>(7);
    alive = owned;
    const Pipeline kept = [&] {
      return test::counting(9).map([owned](Array x, Array y) {
        if (*owned != 7) x = Array();
        return std::pair(x, y);
      });
    }();
    CHECK(test::numbers_of(kept).size() == 9);
    for (const Batch& b : kept.batches(2).prefetch(2)) {
      if (b.size() > 0) break;
    }
  }
  CHECK(alive.expired());
}

}  // namespace
}  // namespace sluice

// Random tensors of other distributions: statistics against the distributions, seeds, threads, errors. On both engines.
#include "sluice/sampling.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "sluice/frontend.h"
#include "tests/frontend/both_engines.h"
#include "tests/frontend/thrown.h"

using namespace sluice;
using sluice::test::on_both_engines;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Returns the result of `draw` after set_seed(seed).
template <typename F>
Array drawn(std::int64_t seed, F draw) {
  set_seed(seed);
  return function("draw", {}, draw)();
}

std::vector<double> numbers(const Array& array) {
  std::vector<double> result;
  visit_dtype(array.dtype(), [&]<typename T>(T) {
    for (const T x : array.data<T>()) result.push_back(static_cast<double>(x));
  });
  return result;
}

double mean(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double variance(const std::vector<double>& x) {
  double sum = 0;
  for (const double each : x) sum += (each - mean(x)) * (each - mean(x));
  return sum / static_cast<double>(x.size());
}

/// How often each of 0, ..., count - 1 occurs.
std::vector<int> counts(const std::vector<double>& x, std::size_t count) {
  std::vector<int> result(count);
  for (const double each : x) ++result.at(static_cast<std::size_t>(each));
  return result;
}

/// Pearson's statistic, of which 99.9% are below k + 4.5 sqrt(k) for k + 1 classes, k at least 4.
double chi_square(const std::vector<int>& observed, const std::vector<double>& probabilities) {
  const double total = std::accumulate(observed.begin(), observed.end(), 0.0);
  double sum = 0;
  for (std::size_t i = 0; i < observed.size(); ++i) {
    const double expected = total * probabilities[i];
    sum += (observed[i] - expected) * (observed[i] - expected) / expected;
  }
  return sum;
}

}  // namespace

TEST_CASE("random_bernoulli: frequencies, certain outcomes, dtypes") {
  on_both_engines([] {
    for (const double p : {0.001, 0.25, 0.5, 0.9}) {
      CAPTURE(p);
      const Array got = drawn(3, [&] { return random_bernoulli({40000}, p); });
      CHECK(got.dtype() == DType::kBool);
      CHECK(std::abs(mean(numbers(got)) - p) < 3 * std::sqrt(p * (1 - p) / 40000));
    }
    CHECK(mean(numbers(drawn(4, [] { return random_bernoulli({1000}, 0); }))) == 0);
    CHECK(mean(numbers(drawn(4, [] { return random_bernoulli({1000}, 1, f32); }))) == 1);
    CHECK(mean(numbers(drawn(4, [] { return random_bernoulli({1000}, 1e-300); }))) == 0);
    for (const DType dtype : {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool}) {
      const Array got = drawn(5, [&] { return random_bernoulli({3, 7}, 0.5, dtype); });
      CHECK(got.type() == Type{dtype, {3, 7}});
      CHECK(numbers(got) == numbers(drawn(5, [] { return random_bernoulli({3, 7}, 0.5); })));
    }
  });
}

TEST_CASE("random_int: equally likely numbers of every integer dtype") {
  on_both_engines([] {
    for (const std::int64_t count : {5, 256, 257}) {
      CAPTURE(count);
      const Array got = drawn(1, [&] { return random_int({60000}, 0, count); });
      CHECK(got.dtype() == DType::kI32);
      const std::vector<double> equal(static_cast<std::size_t>(count), 1.0 / static_cast<double>(count));
      const double k = static_cast<double>(count) - 1;
      CHECK(chi_square(counts(numbers(got), equal.size()), equal) < k + 4.5 * std::sqrt(k));
    }
    const std::vector<double> die = numbers(drawn(2, [] { return random_int({6000}, -3, 3, i64); }));
    CHECK(*std::ranges::min_element(die) == -3);
    CHECK(*std::ranges::max_element(die) == 2);
    CHECK(mean(die) == doctest::Approx(-0.5).epsilon(0.1));
    const std::vector<double> bytes = numbers(drawn(2, [] { return random_int({20000}, 0, 256, u8); }));
    CHECK(mean(bytes) == doctest::Approx(127.5).epsilon(0.01));
    CHECK(*std::ranges::min_element(bytes) == 0);
    CHECK(*std::ranges::max_element(bytes) == 255);
    // All of i32, whose low bits are as random as the high ones.
    constexpr std::int64_t kTwoTo31 = std::int64_t{1} << 31;
    const std::vector<double> all = numbers(drawn(7, [] { return random_int({40000}, -kTwoTo31, kTwoTo31); }));
    CHECK(std::abs(mean(all)) < 3e7);  // the standard deviation of the mean is 6e6
    CHECK(std::sqrt(variance(all)) == doctest::Approx(kTwoTo31 / std::sqrt(3)).epsilon(0.02));
    std::vector<int> low_bits(16);
    for (const double x : all) ++low_bits[static_cast<std::size_t>(static_cast<std::int64_t>(x) & 15)];
    CHECK(chi_square(low_bits, std::vector(16, 1 / 16.0)) < 15 + 4.5 * std::sqrt(15));
    const Array large =
        drawn(1, [] { return random_int({2}, (std::int64_t{1} << 62), (std::int64_t{1} << 62) + 1, i64); });
    CHECK(large == Array({std::int64_t{1} << 62, std::int64_t{1} << 62}));
  });
}

TEST_CASE("truncated_normal: moments, bounds, and the distribution function") {
  on_both_engines([] {
    for (const DType dtype : {DType::kF32, DType::kF64}) {
      std::vector<double> x = numbers(drawn(5, [&] { return truncated_normal({40000}, 0, 1, dtype); }));
      CHECK(std::abs(mean(x)) < 0.015);
      CHECK(std::sqrt(variance(x)) == doctest::Approx(0.87962566).epsilon(0.01));
      std::ranges::sort(x);
      CHECK(x.front() >= -2);
      CHECK(x.front() < -1.99);
      CHECK(x.back() <= 2);
      CHECK(x.back() > 1.99);
      // Kolmogorov and Smirnov: 99.9% are below 1.95 / sqrt(n).
      const auto phi = [](double t) { return std::erfc(-t / std::sqrt(2.0)) / 2; };
      double distance = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = (phi(x[i]) - phi(-2)) / (phi(2) - phi(-2));
        distance = std::max(distance, std::abs(expected - static_cast<double>(i) / 40000));
      }
      CHECK(distance < 1.95 / 200);
    }
    const std::vector<double> moved = numbers(drawn(5, [] { return truncated_normal({20000}, 3, 0.5); }));
    CHECK(mean(moved) == doctest::Approx(3).epsilon(0.005));
    CHECK(*std::ranges::min_element(moved) >= 2);
    CHECK(*std::ranges::max_element(moved) <= 4);
    CHECK(drawn(5, [] { return truncated_normal({3}, 4, 0); }) == Array({4.F, 4.F, 4.F}));
  });
}

TEST_CASE("truncated_normal is the quantile of the uniform number, to the dtype's precision") {
  on_both_engines([] {
    set_seed(9);
    const auto [u] = function("u", {}, [] { return outputs(random_uniform({2000}, 0, 1, f64)); })();
    for (const auto& [dtype, tolerance] : {std::pair(DType::kF32, 3e-6), std::pair(DType::kF64, 1e-14)}) {
      const std::vector<double> x = numbers(drawn(9, [&] { return truncated_normal({2000}, 0, 1, dtype); }));
      double worst = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double q = std::erf(x[i] / std::sqrt(2.0)) / 2;
        const double density = std::exp(-x[i] * x[i] / 2) / std::sqrt(2 * 3.141592653589793);
        const double expected = (u(static_cast<std::int64_t>(i)) - 0.5) * std::erf(std::sqrt(2.0));
        worst = std::max(worst, std::abs(q - expected) / density);
      }
      CHECK(worst < tolerance);
    }
  });
}

TEST_CASE("categorical: frequencies of rows, of one row, and of logits that are -inf") {
  on_both_engines([] {
    const Array logits({{0.F, 1.F, 2.F, -1.F, 0.5F}, {-kInfinity, 3.F, 3.F, -kInfinity, -50.F}});
    set_seed(11);
    const auto f = function("f", {f32(batch, 5)}, [](Tensor x) { return categorical(x, 20000); });
    const Array got = f(logits);
    CHECK(got.type() == Type{DType::kI64, {2, 20000}});
    const std::vector<double> all = numbers(got);
    const std::vector<int> first = counts({all.begin(), all.begin() + 20000}, 5);
    std::vector<double> softmax;
    for (int i = 0; i < 5; ++i) softmax.push_back(std::exp(logits(0, i)));
    const double total = std::accumulate(softmax.begin(), softmax.end(), 0.0);
    for (double& each : softmax) each /= total;
    CHECK(chi_square(first, softmax) < 4 + 4.5 * std::sqrt(4));
    const std::vector<int> second = counts({all.begin() + 20000, all.end()}, 5);
    CHECK(second[0] == 0);
    CHECK(second[3] == 0);
    CHECK(second[4] == 0);
    CHECK(std::abs(second[1] - 10000) < 250);

    const Array one = drawn(2, [] { return categorical(constant(Array({0.0, -1e300, 0.0})), 1000); });
    CHECK(one.type() == Type{DType::kI64, {1000}});
    CHECK(std::abs(mean(numbers(one)) - 1) < 0.1);
    CHECK(counts(numbers(one), 3)[1] == 0);
    // A masked class is not drawn even where noise is smallest.
    const Array masked = drawn(3, [] { return categorical(constant(Array({-kInfinity, 0.F})), 1 << 20); });
    CHECK(mean(numbers(masked)) == 1);
    // One class, no rows, no draws, rows of rows.
    const auto any = function("any", [](Tensor x) { return categorical(x, 2); });
    CHECK(any(Array(DType::kF32, {0, 5})).type() == Type{DType::kI64, {0, 2}});
    const auto g = function("g", {f32(batch, 2, 1)}, [](Tensor x) { return categorical(x, 3); });
    CHECK(g(ones({4, 2, 1})) == Array(DType::kI64, {4, 2, 3}));
    CHECK(drawn(1, [] { return categorical(constant(Array({1.F, 2.F})), 0); }).type() == Type{DType::kI64, {0}});
    const auto per_example =
        function("per", {f32(3), f32(batch)}, [](Tensor x, Tensor) { return categorical(x, batch); });
    CHECK(per_example({0, 0, 0}, {1, 2, 3, 4}).type() == Type{DType::kI64, {4}});
  });
}

TEST_CASE("categorical passes no derivative") {
  const auto f = function("f", {f32(3)}, [](Tensor x) {
    const Tensor one = one_hot(categorical(x, 4), 3);
    return gradients(reduce_sum(one * x), x)[0] - reduce_sum(one, 0);
  });
  CHECK(f({1, 2, 3}) == Array({0.F, 0.F, 0.F}));
}

TEST_CASE("random_permutation and shuffle: every order is equally likely, and rows stay whole") {
  on_both_engines([] {
    const auto f = function("f", {}, [] { return random_permutation(3); });
    set_seed(21);
    std::vector<int> orders(27);
    for (int i = 0; i < 3000; ++i) {
      const Array p = f();
      ++orders[static_cast<std::size_t>(p(0) * 9 + p(1) * 3 + p(2))];
    }
    std::vector<int> six;
    std::ranges::copy_if(orders, std::back_inserter(six), [](int count) { return count > 0; });
    REQUIRE(six.size() == 6);
    CHECK(chi_square(six, std::vector(6, 1 / 6.0)) < 5 + 4.5 * std::sqrt(5));

    std::vector<double> large = numbers(drawn(1, [] { return random_permutation(1000); }));
    CHECK_FALSE(std::ranges::is_sorted(large));
    std::ranges::sort(large);
    for (std::size_t i = 0; i < large.size(); ++i) REQUIRE(large[i] == static_cast<double>(i));
    CHECK(drawn(1, [] { return random_permutation(1); }) == Array({std::int64_t{0}}));
    CHECK(drawn(1, [] { return random_permutation(0); }).element_count() == 0);

    const auto g = function("g", {i32(batch, 2)}, [](Tensor x) { return shuffle(x); });
    Array rows(DType::kI32, {50, 2});
    for (std::int64_t i = 0; i < 50; ++i)
      rows.at<std::int32_t>(i, 0) = rows.at<std::int32_t>(i, 1) = static_cast<int>(i);
    const Array shuffled = g(rows);
    CHECK_FALSE(shuffled == rows);
    std::vector<double> firsts;
    for (std::int64_t i = 0; i < 50; ++i) {
      CHECK(shuffled(i, 0) == shuffled(i, 1));
      firsts.push_back(shuffled(i, 0));
    }
    std::ranges::sort(firsts);
    for (std::size_t i = 0; i < 50; ++i) CHECK(firsts[i] == static_cast<double>(i));
    CHECK(g(Array(DType::kI32, {1, 2})) == Array(DType::kI32, {1, 2}));
  });
}

TEST_CASE("a shuffle's derivative goes back to the row that it came from") {
  const auto f = function("f", {f32(5)}, [](Tensor x) {
    const Tensor y = shuffle(x);
    return gradients(reduce_sum(square(y)), x)[0];
  });
  CHECK(f({1, 2, 3, 4, 5}) == Array({2.F, 4.F, 6.F, 8.F, 10.F}));
}

TEST_CASE("a seed reproduces the numbers, for any number of threads; calls and engines continue the same sequence") {
  const auto all = [] {
    return function("all", {f32(batch, 5)}, [](Tensor x) {
      return outputs(random_bernoulli({batch, 33}, 0.3), random_int({batch, 33}, 0, 100000),
                     truncated_normal({batch, 33}), categorical(x, 9), random_permutation(100));
    });
  };
  const Array logits = linspace(-1, 1, 5 * 301).reshaped({301, 5});
  const auto f = all();
  const int threads = num_threads();
  set_num_threads(1);
  set_seed(77);
  const auto first = f(logits);
  const auto second = f(logits);
  for (std::size_t i = 0; i < first.size(); ++i) CHECK_FALSE(first[i] == second[i]);
  for (const int count : {2, 3}) {
    set_num_threads(count);
    set_seed(77);
    CHECK(f(logits) == first);
    CHECK(f(logits) == second);
  }
  set_num_threads(threads);
  set_default_engine(Engine::kReference);
  const auto interpreted = all();
  set_default_engine(Engine::kJit);
  set_seed(77);
  const auto reference = interpreted(logits);
  CHECK(reference[0] == first[0]);
  CHECK(reference[1] == first[1]);
  CHECK(reference[4] == first[4]);
  const std::vector<double> ours = numbers(first[2]);
  const std::vector<double> theirs = numbers(reference[2]);
  for (std::size_t i = 0; i < ours.size(); ++i) REQUIRE(std::abs(ours[i] - theirs[i]) < 1e-5);
  set_seed(78);
  CHECK_FALSE(f(logits)[1] == first[1]);
}

TEST_CASE("arguments that describe no distribution are errors at their line") {
  const auto traced = [](auto body) { return thrown([&] { function("f", {f32(3)}, body).compile(); }); };
  const std::string at = "@sampling_test.cpp ";
  CHECK(traced([](Tensor) { return random_bernoulli({2}, 1.5); }) ==
        at + "random_bernoulli: expected a probability of 0 to 1, got 1.5");
  CHECK(traced([](Tensor) { return random_bernoulli({2}, -0.1); }) ==
        at + "random_bernoulli: expected a probability of 0 to 1, got -0.1");
  CHECK(traced([](Tensor) { return random_bernoulli({2}, std::nan("")); }) ==
        at + "random_bernoulli: expected a probability of 0 to 1, got nan");
  CHECK(traced([](Tensor) { return random_int({2}, 3, 3); }) ==
        at + "random_int: expected low below high, got 3 and 3");
  CHECK(traced([](Tensor) { return random_int({2}, 3, -1); }) ==
        at + "random_int: expected low below high, got 3 and -1");
  CHECK(traced([](Tensor) { return random_int({2}, 0, 10, f32); }) ==
        at + "random_int: expected an integer dtype, got f32; random_uniform draws floats");
  CHECK(traced([](Tensor) { return random_int({2}, 0, 257, u8); }) ==
        at + "random_int: u8 does not hold the numbers from 0 to 256");
  CHECK(traced([](Tensor) { return random_int({2}, -1, 2, u8); }) ==
        at + "random_int: u8 does not hold the numbers from -1 to 1");
  CHECK(traced([](Tensor) { return random_int({2}, 0, (std::int64_t{1} << 31) + 1); }) ==
        at + "random_int: i32 does not hold the numbers from 0 to 2147483648");
  CHECK(traced([](Tensor) {
          return random_int({2}, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(),
                            i64);
        }) == at + "random_int: expected at most 2^32 numbers between low and high, got 18446744073709551615");
  CHECK(traced([](Tensor) { return truncated_normal({2}, 0, -1); }) ==
        at + "truncated_normal: expected a finite mean and a finite standard deviation of at least 0, got 0 and -1");
  CHECK(traced([](Tensor) { return truncated_normal({2}, 0, 1, i32); }).starts_with(at));
  CHECK(traced([](Tensor x) { return categorical(x, -1); }) ==
        at + "categorical: expected a count of at least 0, got -1");
  CHECK(traced([](Tensor x) { return categorical(cast(x, i32), 1); }) ==
        at + "categorical: expected float logits [...,classes], got i32[3]");
  CHECK(traced([](Tensor x) { return categorical(reduce_sum(x), 1); }) ==
        at + "categorical: expected float logits [...,classes], got f32[]");
  const auto any = function("any", [](Tensor x) { return categorical(x, 2); });
  CHECK(thrown([&] { any(Array(DType::kF32, {0})); }) == at + "categorical: f32[0] has no classes to draw from");
  CHECK(traced([](Tensor) { return random_permutation(-2); }) ==
        at + "random_permutation: expected a size of at least 0, got -2");
  CHECK(traced([](Tensor x) { return shuffle(reduce_sum(x)); }) ==
        at + "shuffle: expected a tensor with rows, got a scalar");
  CHECK(thrown([] { random_bernoulli({2}, 0.5); }).starts_with(at + "random_uniform: used outside a function"));
}

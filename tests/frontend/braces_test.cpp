// Braced lists where a function takes axes, windows or options: each means what it says, with every compiler.
#include <doctest/doctest.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "sluice/conv_layers.h"
#include "sluice/cumulative.h"
#include "sluice/layers.h"
#include "sluice/reductions.h"
#include "sluice/sorting.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/run.h"

namespace sluice::braces_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;

const Array kX(F{1, 2, 3, 4, 5, 6}, {2, 3});

// A bool, as in reduce_sum(x, true), is no axis, no size and no window.
template <typename T>
concept IsAxis = requires(const Tensor& x, T axis) {
  reduce_sum(x, axis);
};
template <typename T>
concept IsAxisOfSum = requires(const Tensor& x, T axis) {
  cumsum(x, axis);
};
template <typename T>
concept IsAxisOfSort = requires(const Tensor& x, T axis) {
  sort(x, axis);
};
static_assert(IsAxis<int> && IsAxis<std::size_t> && IsAxis<I> && IsAxis<ReduceOptions>);
static_assert(!IsAxis<bool> && !IsAxis<float> && !IsAxis<NormOptions>);
static_assert(IsAxisOfSum<int> && IsAxisOfSum<CumulativeOptions> && !IsAxisOfSum<bool>);
static_assert(IsAxisOfSort<int> && IsAxisOfSort<SortOptions> && !IsAxisOfSort<bool>);
static_assert(std::constructible_from<Axes, int, int> && !std::constructible_from<Axes, int, bool>);
static_assert(std::constructible_from<PerAxis, int, int> && !std::constructible_from<PerAxis, int, bool>);
static_assert(std::constructible_from<Dim, int> && !std::constructible_from<Dim, bool>);

TEST_CASE("options without axes reduce all of them") {
  CHECK(run([](Tensor x) { return reduce_sum(x, {.keepdims = true}); }, kX) == Array({{21.F}}));
  CHECK(run([](Tensor x) { return reduce_sum(x, {.keepdims = false}); }, kX) == Array::scalar(21.F));
  CHECK(run([](Tensor x) { return reduce_mean(x, {.keepdims = true}); }, kX) == Array({{3.5F}}));
  CHECK(run([](Tensor x) { return reduce_mean(x, {.keepdims = false}); }, kX) == Array::scalar(3.5F));
  CHECK(run([](Tensor x) { return reduce_max(x, {.keepdims = true}); }, kX) == Array({{6.F}}));
  CHECK(run([](Tensor x) { return reduce_min(x, {.keepdims = true}); }, kX) == Array({{1.F}}));
  CHECK(run([](Tensor x) { return reduce_prod(x, {.keepdims = true}); }, kX) == Array({{720.F}}));
  CHECK(run([](Tensor x) { return reduce_any(x > 5, {.keepdims = true}); }, kX) == Array({{true}}));
  CHECK(run([](Tensor x) { return reduce_all(x > 5, {.keepdims = true}); }, kX) == Array({{false}}));
  const auto rank_2 = [](auto reduction) { return run(reduction, kX).sizes() == I{1, 1}; };
  CHECK(rank_2([](Tensor x) { return reduce_variance(x, {.keepdims = true}); }));
  CHECK(rank_2([](Tensor x) { return reduce_std(x, {.keepdims = true}); }));
  CHECK(rank_2([](Tensor x) { return reduce_logsumexp(x, {.keepdims = true}); }));
  CHECK(rank_2([](Tensor x) { return norm(x, {.ord = 1, .keepdims = true}); }));
  CHECK(rank_2([](Tensor x) { return reduce_sum(x, ReduceOptions{.keepdims = true}); }));

  CHECK(run([](Tensor x) { return norm(x, {.ord = 1}); }, kX) == Array::scalar(21.F));
  CHECK(run([](Tensor x) { return norm(x, {.ord = INFINITY}); }, kX) == Array::scalar(6.F));
  const Array doubles(std::vector<double>{3, 4}, {1, 2});
  CHECK(run([](Tensor x) { return norm(x, {.keepdims = true}); }, doubles) == Array({{5.}}));
}

TEST_CASE("braced numbers are axes") {
  CHECK(run([](Tensor x) { return reduce_sum(x, {}); }, kX) == Array::scalar(21.F));
  CHECK(run([](Tensor x) { return reduce_sum(x, {0}); }, kX) == Array({5.F, 7.F, 9.F}));
  CHECK(run([](Tensor x) { return reduce_sum(x, {1}); }, kX) == Array({6.F, 15.F}));
  CHECK(run([](Tensor x) { return reduce_sum(x, {0, -1}); }, kX) == Array::scalar(21.F));
  CHECK(run([](Tensor x) { return reduce_sum(x, {1}, {.keepdims = true}); }, kX) == Array({{6.F}, {15.F}}));
  CHECK(run([](Tensor x) { return reduce_sum(x, {}, {.keepdims = true}); }, kX) == Array({{21.F}}));
  CHECK(run([](Tensor x) { return norm(x, {0}, {.ord = 1}); }, kX) == Array({5.F, 7.F, 9.F}));
  CHECK(run([](Tensor x) { return norm(x, {1}); }, Array({{3.F, 4.F}})) == Array({5.F}));
  const std::size_t last = 1;
  CHECK(run([&](Tensor x) { return reduce_sum(x, last); }, kX) == Array({6.F, 15.F}));
  CHECK(run([&](Tensor x) { return reduce_sum(x, {last}); }, kX) == Array({6.F, 15.F}));
  CHECK(run([](Tensor x) { return reduce_sum(x, I{}); }, kX) == kX);
}

TEST_CASE("options without an axis keep the default axis") {
  CHECK(run([](Tensor x) { return cumsum(x, {.reverse = true}); }, kX) == Array({{5.F, 7.F, 9.F}, {4.F, 5.F, 6.F}}));
  CHECK(run([](Tensor x) { return cumprod(x, {.exclusive = true}); }, kX) == Array({{1.F, 1.F, 1.F}, {1.F, 2.F, 3.F}}));
  CHECK(run([](Tensor x) { return sort(x, {.descending = true}); }, kX) == Array({{3.F, 2.F, 1.F}, {6.F, 5.F, 4.F}}));
  CHECK(run([](Tensor x) { return argsort(x, {.descending = true}); }, kX)(0, 0) == 2);
}

TEST_CASE("a pool's options are not its window") {
  F numbers(16);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(i);
  const Array image(numbers, {1, 4, 4, 1});
  CHECK(run([](Tensor x) { return MaxPool2D({.strides = {1, 1}})(x); }, image).sizes() == I{1, 3, 3, 1});
  CHECK(run([](Tensor x) { return MaxPool2D({.strides = {2, 2}})(x); }, image) == Array(F{5, 7, 13, 15}, {1, 2, 2, 1}));
  CHECK(run([](Tensor x) { return AveragePool2D({.padding = Padding::same()})(x); }, image).sizes() == I{1, 2, 2, 1});
  CHECK(run([](Tensor x) { return MaxPool2D()(x); }, image) == Array(F{5, 7, 13, 15}, {1, 2, 2, 1}));
  CHECK(run([](Tensor x) { return MaxPool2D({1, 4})(x); }, image) == Array(F{3, 7, 11, 15}, {1, 4, 1, 1}));
  CHECK(run([](Tensor x) { return max_pool2d(x, {4, 1}); }, image) == Array(F{12, 13, 14, 15}, {1, 1, 4, 1}));
  CHECK(run([](Tensor x) { return MaxPool2D(2, {.strides = {1, 1}})(x); }, image).sizes() == I{1, 3, 3, 1});
}

TEST_CASE("functions with options are activations by their names") {
  const Array x(F{1, 2}, {1, 2});
  const auto ones_for = [](std::int64_t in, std::int64_t out) { return ones({in, out}); };
  CHECK(run([layer = Dense(4, softmax, ones_for)](Tensor t) { return layer(t); }, x) ==
        Array({{0.25F, 0.25F, 0.25F, 0.25F}}));
  const Sequential model(Dense(2, identity, ones_for), Activation(tanh), Activation(softmax));
  CHECK(run([&](Tensor t) { return model(t); }, x) == Array({{0.5F, 0.5F}}));
  const Sequential wrapped(Dense(2, log_softmax, ones_for), [](const Tensor& t) { return softmax(t, 0); });
  CHECK(run([&](Tensor t) { return wrapped(t); }, x) == Array({{1.F, 1.F}}));
}

}  // namespace sluice::braces_test

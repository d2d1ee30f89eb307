// Functions with several symbolic sizes: `batch`, and others by length().
#include <doctest/doctest.h>

#include <numeric>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/support/refusal.h"

namespace sluice::sizes_test {
namespace {

const Dim kT = length("T");

Array counting(std::vector<std::int64_t> sizes) {
  const std::int64_t count = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
  std::vector<float> elements(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < elements.size(); ++i) elements[i] = static_cast<float>(i % 13) - 6;
  return Array(elements, std::move(sizes));
}

TEST_CASE("sizes are sums and products of symbols and numbers, equal if they are one polynomial") {
  CHECK(to_string(2 * batch * kT - kT + 3) == "2*B*T-T+3");
  CHECK(batch * kT == kT * batch);
  CHECK((kT + 1) * (kT - 1) == kT * kT - 1);
  CHECK(kT - kT == Dim(0));
  CHECK(batch != kT);
  CHECK(length("B") == batch);
  CHECK(divide(batch * kT * 64 + kT * 32, kT * 32) == 2 * batch + 1);
  CHECK_FALSE(divide(batch * kT, kT + 1).has_value());
  CHECK_FALSE(divide(kT, 2).has_value());
  CHECK((kT - 2).always_at_least(-1));
  CHECK_FALSE((kT - 2).always_at_least(0));
  CHECK(test::refusal([] { length("2T"); }) ==
        "a symbolic size has a name of 1 to 32 letters, digits and underscores that begins with a letter, got \"2T\"");
  Bindings bindings = 3;
  bindings.set(Symbol::named("T"), 7);
  CHECK((2 * batch * kT - kT + 3).at(bindings) == 38);
  CHECK(Dim(batch * kT * kT * kT).where_all_are(std::int64_t{1} << 40) == std::int64_t{1} << 62);
}

TEST_CASE("one executable serves all batches and lengths") {
  const auto scores = function("scores", {f32(batch, kT, 4), f32(batch, kT, 4)}, [](Tensor q, Tensor k) {
    const Tensor weights = softmax(matmul(q, transpose(k, {0, 2, 1})));
    const Tensor folded = reshape(q, {-1, 4});
    return outputs(weights, reduce_mean(q, 1), folded, reshape(folded, {batch, kT, 4}), einsum("btd,bsd->bts", q, k),
                   cast(size_of(q, 1), f32) * 2);
  });
  for (const std::int64_t b : {1, 3, 64}) {
    for (const std::int64_t t : {1, 7, 33}) {
      const Array q = counting({b, t, 4});
      const auto [weights, mean, folded, back, products, twice] = scores(q, q);
      CHECK(weights.sizes() == std::vector<std::int64_t>{b, t, t});
      CHECK(mean.sizes() == std::vector<std::int64_t>{b, 4});
      CHECK(folded.sizes() == std::vector<std::int64_t>{b * t, 4});
      CHECK(back == q);
      CHECK(products.sizes() == std::vector<std::int64_t>{b, t, t});
      CHECK(twice.item<float>() == static_cast<float>(2 * t));
      double sum = 0;
      for (const float weight : weights.data<float>()) sum += weight;
      CHECK(sum == doctest::Approx(static_cast<double>(b * t)));
      double first = 0;
      for (std::int64_t i = 0; i < t; ++i) first += q.data<float>()[static_cast<std::size_t>(4 * i)];
      CHECK(mean.data<float>()[0] == doctest::Approx(first / static_cast<double>(t)));
    }
  }
  CHECK(scores.traces() == 1);
}

TEST_CASE("slices, pads and concats along a symbolic axis, also relative to its end") {
  const auto moves = function("moves", {f32(batch, kT)}, [](Tensor x) {
    const Dim t = x.shape()[1];
    const Tensor next = slice(x, {0, 1}, {-1, -1});
    const Tensor last = slice(x, {0, t - 1}, {-1, 1});
    return outputs(next - slice(x, {0, 0}, {-1, t - 1}), last, pad(next, {{0, 0}, {1, 2}}), concat({x, last}, 1),
                   x[-1]);
  });
  const auto [steps, last, padded, joined, row] = moves(Array({{1.F, 2.F, 4.F}, {5.F, 9.F, 7.F}}));
  CHECK(steps == Array({{1.F, 2.F}, {4.F, -2.F}}));
  CHECK(last == Array({{4.F}, {7.F}}));
  CHECK(padded == Array({{0.F, 2.F, 4.F, 0.F, 0.F}, {0.F, 9.F, 7.F, 0.F, 0.F}}));
  CHECK(joined == Array({{1.F, 2.F, 4.F, 4.F}, {5.F, 9.F, 7.F, 7.F}}));
  CHECK(row == Array({5.F, 9.F, 7.F}));
  const auto [none, one, two, three, four] = moves(Array({{3.F}}));
  CHECK(none.sizes() == std::vector<std::int64_t>{1, 0});
  CHECK(two == Array({{0.F, 0.F, 0.F}}));
  CHECK(three == Array({{3.F, 3.F}}));
}

TEST_CASE("gradients pass through symbolic sizes") {
  const auto slope = function("slope", {f32(batch, kT)}, [](Tensor x) {
    const Tensor steps = slice(x, {0, 1}, {-1, -1}) - slice(x, {0, 0}, {-1, kT - 1});
    return gradients(reduce_sum(square(steps)), {x})[0];
  });
  CHECK(slope(Array({{1.F, 2.F, 4.F}})) == Array({{-2.F, -2.F, 4.F}}));
  CHECK(slope(Array({{1.F}, {2.F}})) == Array({{0.F}, {0.F}}));
}

TEST_CASE("a function of other lengths is inlined with the sizes of its arguments") {
  const auto center =
      function("center", {f32(batch, kT)}, [](Tensor x) { return x - reduce_mean(x, 1, {.keepdims = true}); });
  const auto whole = function("whole", {f32(batch, kT)}, [&](Tensor x) { return center(x) * 2; });
  CHECK(whole(Array({{1.F, 3.F}})) == Array({{-2.F, 2.F}}));
}

TEST_CASE("sizes that cannot be compared are an error at the user's line that names both") {
  const Dim u = length("U");
  CHECK(traced({f32(kT), f32(u)}, [](Tensor x, Tensor y) { return x + y; }) ==
        here("add: shapes do not broadcast: f32[T] and f32[U]"));
  CHECK(traced({f32(batch, kT)}, [](Tensor x) {
          return reshape(x, {-1, 2});
        }) == here("reshape: f32[B,T] has B*T elements, which do not fill [-1,2]"));
  CHECK(traced({f32(batch, kT)}, [](Tensor x) {
          return reshape(x, {kT, kT});
        }).starts_with(here("reshape: f32[B,T] has B*T elements, [T,T] would have T*T")));
  CHECK(traced({f32(batch, kT)}, [&](Tensor x) {
          return x + full({u, 1}, 0);
        }).starts_with(here("broadcast: f32[U,1] uses length(\"U\"), which no parameter of f has")));
  CHECK(thrown([&] { function("f", {f32(batch * kT)}, [](Tensor x) { return x; }).compile(); }) ==
        here("f: no argument's sizes tell what B is: give f an argument with an axis of B or of a multiple of it"));
}

TEST_CASE("an argument that does not fit is reported with the sizes that the others determine") {
  const auto f = function("f", {f32(batch, kT), f32(kT)}, [](Tensor x, Tensor y) { return x + y; });
  CHECK(thrown([&] {
          f(counting({2, 3}), counting({4}));
        }) == here("f: argument 1 is f32[4], expected f32[T] with T = 3 as in argument 0, f32[2,3]"));
  CHECK(thrown([&] {
          f(counting({2, 0}), counting({4}));
        }) == here("f: argument 0 is f32[2,0], expected f32[B,T]: T is at least 1"));
  const auto shifted = function("shifted", {f32(kT)}, [](Tensor x) { return slice(x, {2}, {-1}); });
  CHECK(shifted(counting({2})).sizes() == std::vector<std::int64_t>{0});
  CHECK(thrown([&] { shifted(counting({1})); }) ==
        here("@shifted: slice: a size of the result is T-2 = -1 with T = 1, B = 1, expected at least 0"));
}

}  // namespace
}  // namespace sluice::sizes_test

// scaled_dot_product_attention: values, masks, derivatives and errors.
#include "sluice/attention.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;
using namespace sluice::test;

namespace {

using F = std::vector<float>;
using D = std::vector<double>;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

/// The result, and the gradients of the sum of its squares with respect to q, k and v.
std::vector<Array> attend_with_gradients(const Array& q, const Array& k, const Array& v, const Array& mask,
                                         bool causal = false) {
  return function([&](const std::vector<Tensor>& in) {
    const Tensor y = scaled_dot_product_attention(in[0], in[1], in[2], {.mask = in[3], .causal = causal});
    std::vector<Tensor> results = gradients(reduce_sum(square(y + 1)), {in[0], in[1], in[2]});
    results.insert(results.begin(), y);
    return results;
  })({q, k, v, mask});
}

Array attend(const Array& q, const Array& k, const Array& v, AttentionOptions options = {}) {
  return function([&](Tensor a, Tensor b, Tensor c) { return scaled_dot_product_attention(a, b, c, options); })(q, k,
                                                                                                                v);
}

/// Attention of one head in double, of rows of `depth` elements of q, k and v; sees(query, key).
template <typename Sees>
D host_attention(const D& q, const D& k, const D& v, std::size_t depth, Sees sees) {
  D result(q.size());
  for (std::size_t i = 0; i < q.size() / depth; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < k.size() / depth; ++j) {
      if (!sees(i, j)) continue;
      double score = 0;
      for (std::size_t d = 0; d < depth; ++d) score += q[i * depth + d] * k[j * depth + d];
      const double weight = std::exp(score / std::sqrt(static_cast<double>(depth)));
      sum += weight;
      for (std::size_t d = 0; d < depth; ++d) result[i * depth + d] += weight * v[j * depth + d];
    }
    for (std::size_t d = 0; d < depth && sum > 0; ++d) result[i * depth + d] /= sum;
  }
  return result;
}

const Array kOneQuery(F{1, 1}, {1, 2});
const Array kThreeKeys(F{1, 0, 0, 1, 1, 1}, {3, 2});
const Array kThreeValues(F{1, 0, 2, 0, 6, 3}, {3, 2});

}  // namespace

TEST_CASE("attention is the mean of the values, weighted by softmax of the scaled scores") {
  const Array k(F{0, 0, 2, 0}, {2, 2});
  const double w = 1 / (1 + std::exp(2 / std::sqrt(2)));
  const Array values(F{1, 10, 3, 30}, {2, 2});
  CHECK(difference(attend(kOneQuery, k, values), {w + 3 * (1 - w), 10 * w + 30 * (1 - w)}) < 1e-6);
  CHECK(difference(attend(kOneQuery, k, values, {.scale = 0.0}), {2, 20}) < 1e-6);
  const double sharp = 1 / (1 + std::exp(6));
  CHECK(difference(attend(kOneQuery, k, values, {.scale = 3.0}), {sharp + 3 * (1 - sharp), 30 - 20 * sharp}) < 1e-6);
}

TEST_CASE("a query that sees no key yields 0, and no gradient passes") {
  for (const Array& mask :
       {bools({0, 0, 0}, {1, 3}), bools({0}, {}), bools({0, 0, 0}, {3}), Array(F{-kInf, -kInf, -kInf}, {1, 3})}) {
    for (const Array& result : attend_with_gradients(kOneQuery, kThreeKeys, kThreeValues, mask)) {
      for (const float element : floats(result)) CHECK(element == 0);
    }
  }
  // Beside one that does see keys.
  const Array q(F{1, 1, 1, 1}, {2, 2});
  const auto both = attend_with_gradients(q, kThreeKeys, kThreeValues, bools({0, 0, 0, 1, 1, 0}, {2, 3}));
  const auto one = attend_with_gradients(kOneQuery, kThreeKeys, kThreeValues, bools({1, 1, 0}, {1, 3}));
  CHECK(difference(both[0], {0, 0, floats(one[0])[0], floats(one[0])[1]}) < 1e-6);
  CHECK(difference(both[1], {0, 0, floats(one[1])[0], floats(one[1])[1]}) < 1e-6);
  CHECK(difference(both[2], doubles(one[2])) < 1e-6);
  // The upstream gradient is that of (y + 1)^2, so the values of the query without keys would get some.
  CHECK(difference(both[3], doubles(one[3])) < 1e-6);
}

TEST_CASE("a mask of floats is added to the scores, and -inf hides") {
  const Array k(F{1, 0, 2, 0}, {2, 2});
  const Array v(F{1, 0, 3, 0}, {2, 2});
  const auto slope_of_scores = function([&](Tensor scores, Tensor mask) {
    // One query of depth 2, (score, 0), and the unit of the first axis as the key.
    const Tensor y = scaled_dot_product_attention(scores, constant(k), constant(v), {.mask = mask});
    return gradients(reduce_sum(y), scores)[0];
  });
  const Array score(F{1, 0}, {1, 2});
  CHECK(floats(slope_of_scores(score, Array(F{-kInf, -kInf}, {1, 2}))) == F{0, 0});
  CHECK(floats(slope_of_scores(score, Array(F{0, -kInf}, {1, 2}))) == F{0, 0});
  const double w = 1 / (1 + std::exp(1 / std::sqrt(2.0) - 0.5));
  const auto biased = attend_with_gradients(score, k, v, Array(F{0, -0.5F}, {1, 2}));
  CHECK(difference(biased[0], {w + 3 * (1 - w), 0}) < 1e-6);
  // The lowest number added to a negative score would be -inf, and its difference from the maximum a NaN.
  const Array lowest(F(3, std::numeric_limits<float>::lowest()), {1, 3});
  const auto far = attend_with_gradients(Array(F{-1e37F, -1e37F}, {1, 2}), kThreeKeys, kThreeValues, lowest);
  CHECK(difference(far[0], {3, 1}) < 1e-6);
  for (const Array& result : far) CHECK(std::isfinite(floats(result)[0]));
}

TEST_CASE("causal attention is aligned at the top left for any number of queries and keys") {
  CHECK(floats(attend(kOneQuery, kThreeKeys, kThreeValues, {.causal = true})) == F{1, 0});
  const Array q(F{1, 1, 5, 5, -3, 2}, {3, 2});
  CHECK(floats(attend(q, kOneQuery, Array(F{4, 7}, {1, 2}), {.causal = true})) == F{4, 7, 4, 7, 4, 7});
  const Array mixed = attend(q, kThreeKeys, kThreeValues, {.causal = true});
  const auto past = [](std::size_t i, std::size_t j) { return j <= i; };
  CHECK(difference(mixed, host_attention(doubles(q), doubles(kThreeKeys), doubles(kThreeValues), 2, past)) < 1e-6);
  // With a mask, both must let a key through: query 0 sees nothing.
  const auto both = [](std::size_t i, std::size_t j) { return j <= i && j > 0; };
  CHECK(difference(attend_with_gradients(q, kThreeKeys, kThreeValues, bools({0, 1, 1}, {1, 3}), true)[0],
                   host_attention(doubles(q), doubles(kThreeKeys), doubles(kThreeValues), 2, both)) < 1e-6);
}

TEST_CASE("hidden keys, values and queries may be NaN or infinite") {
  Array k = kThreeKeys.clone();
  Array v = kThreeValues.clone();
  k.data<float>()[5] = kNan;
  v.data<float>()[4] = kNan;
  v.data<float>()[5] = kInf;
  Array q(F{1, 1, kNan, kInf}, {2, 2});
  const Array good_q(F{1, 1, 0, 0}, {2, 2});
  const Array mask = bools({1, 1, 0, 0, 0, 0}, {2, 3});
  const auto expected = attend_with_gradients(good_q, kThreeKeys, kThreeValues, mask);
  const auto got = attend_with_gradients(q, k, v, mask);
  for (std::size_t i = 0; i < 4; ++i) CHECK(got[i] == expected[i]);
  for (const float element : floats(got[2])) CHECK(std::isfinite(element));
  // A mask of the keys alone.
  const auto padded = attend_with_gradients(good_q, k, v, bools({1, 1, 0}, {3}));
  const auto as_padded = attend_with_gradients(good_q, kThreeKeys, kThreeValues, bools({1, 1, 0}, {3}));
  for (std::size_t i = 0; i < 4; ++i) CHECK(padded[i] == as_padded[i]);
  // Keys beyond the last query, which causal attention hides from all.
  const Array two = attend(good_q, k, v, {.causal = true});
  CHECK(two == attend(good_q, kThreeKeys, kThreeValues, {.causal = true}));
}

TEST_CASE("keys hidden in long runs do not matter") {
  constexpr std::int64_t kKeys = 700;
  const Array q = pattern({3, 4}, 1);
  const Array k = pattern({kKeys, 4}, 2);
  const Array v = pattern({kKeys, 4}, 3);
  // All of the first 600, or all of the last.
  for (const bool first : {true, false}) {
    std::vector<int> seen(kKeys);
    for (std::int64_t i = 0; i < kKeys; ++i) seen[static_cast<std::size_t>(i)] = (i >= 600) == first ? 1 : 0;
    const auto sees = [&](std::size_t, std::size_t j) { return seen[j] != 0; };
    const auto got = attend_with_gradients(q, k, v, bools(seen, {1, kKeys}));
    CHECK(difference(got[0], host_attention(doubles(q), doubles(k), doubles(v), 4, sees)) < 1e-5);
    for (const Array& result : got) {
      for (const float element : floats(result)) CHECK(std::isfinite(element));
    }
  }
}

TEST_CASE("attention: derivatives, with and without masks") {
  // x holds q, k and v of [batch, heads, positions, depth], one beside the other.
  for (const bool causal : {false, true}) {
    for (const std::int64_t rows : {1, 3, 64}) {
      CAPTURE(causal);
      CAPTURE(rows);
      const std::int64_t positions = rows == 64 ? 2 : 4;
      const TensorSpec signature = f32(batch, 2, length("T"), 9);
      const auto sees = [&](std::size_t i, std::size_t j) { return causal ? j <= i : j != 1; };
      const auto host = [&](const Doubles& at) {
        double loss = 0;
        const auto count = static_cast<std::size_t>(positions);
        for (std::size_t row = 0; row < at[0].size() / (9 * count); ++row) {
          std::vector<D> parts(3);
          for (std::size_t i = 0; i < count; ++i) {
            for (std::size_t c = 0; c < 9; ++c) parts[c / 3].push_back(at[0][(row * count + i) * 9 + c]);
          }
          for (const double y : host_attention(parts[0], parts[1], parts[2], 3, sees)) loss += std::tanh(y);
        }
        return loss;
      };
      const auto loss = [&](const Tensor& x) {
        const auto part = [&](std::int64_t i) { return slice(x, {0, 0, 0, 3 * i}, {-1, -1, -1, 3}); };
        const Tensor visible = range(x.shape()[2]) != 1;
        AttentionOptions options{.causal = causal};
        if (!causal) options.mask = visible;
        return reduce_sum(tanh(scaled_dot_product_attention(part(0), part(1), part(2), options)));
      };
      check_derivatives(signature, pattern({rows, 2, positions, 9}), {}, loss, host);
    }
  }
}

TEST_CASE("attention of no queries, no keys or no batch") {
  const auto attention = function([](Tensor q, Tensor k, Tensor v) {
    return outputs(scaled_dot_product_attention(q, k, v), scaled_dot_product_attention(q, k, v, {.causal = true}),
                   scaled_dot_product_attention(
                       q, k, v, {.mask = transpose(reduce_sum(k, -1, {.keepdims = true}) > 0, {0, 2, 1})}));
  });
  const auto sizes = [&](std::int64_t rows, std::int64_t queries, std::int64_t keys) {
    return attention(Array(DType::kF32, {rows, queries, 2}), Array(DType::kF32, {rows, keys, 2}),
                     Array(DType::kF32, {rows, keys, 3}));
  };
  for (const Array& result : sizes(0, 4, 5)) CHECK(result.sizes() == std::vector<std::int64_t>{0, 4, 3});
  for (const Array& result : sizes(2, 0, 5)) CHECK(result.sizes() == std::vector<std::int64_t>{2, 0, 3});
  for (const Array& result : sizes(1, 2, 0)) CHECK(floats(result) == F(6, 0.F));
}

TEST_CASE("dropout of attention drops weights") {
  set_seed(3);
  const Array ones(F(2000, 1.F), {1000, 2});
  const F y = floats(attend(kOneQuery, Array(DType::kF32, {1000, 2}), ones, {.dropout = 0.5}));
  CHECK(y[0] != 1);
  CHECK(y[0] == doctest::Approx(1).epsilon(0.2));
}

TEST_CASE("attention: errors") {
  const auto error = [](TensorSpec q, TensorSpec k, TensorSpec v, AttentionOptions options = {}) {
    return traced({std::move(q), std::move(k), std::move(v)},
                  [&](Tensor a, Tensor b, Tensor c) { return scaled_dot_product_attention(a, b, c, options); });
  };
  CHECK(error(f32(4, 8), f32(8), f32(5, 8)) ==
        here("scaled_dot_product_attention: expected q, k and v of [...,positions,depth] and one float dtype, got "
             "f32[4,8], f32[8] and f32[5,8]"));
  CHECK(error(f32(4, 8), f32(5, 7), f32(5, 8)) ==
        here("scaled_dot_product_attention: expected q and k of the same depth, the last axis, got f32[4,8], f32[5,7] "
             "and f32[5,8]"));
  CHECK(error(f32(4, 8), f32(5, 8), f32(6, 8)) ==
        here("scaled_dot_product_attention: expected as many keys as values, the axis before the last, got f32[4,8], "
             "f32[5,8] and f32[6,8]"));
  CHECK(error(f32(2, 4, 8), f32(3, 5, 8), f32(3, 5, 8)) ==
        here("scaled_dot_product_attention: expected q, k and v whose axes before the last two broadcast, got "
             "f32[2,4,8], f32[3,5,8] and f32[3,5,8]"));
  CHECK(error(f32(4, 8), f32(5, 8), f32(5, 8), {.scale = std::numeric_limits<double>::infinity()}) ==
        here("scaled_dot_product_attention: expected a finite scale, got inf"));
  CHECK(error(f32(4, length("D")), f32(5, length("D")), f32(5, 8)) ==
        here("scaled_dot_product_attention: expected a finite scale for a symbolic depth, got none"));
  CHECK(traced({f32(4, 8), bool_(3, 4)},
               [](Tensor x, Tensor mask) { return scaled_dot_product_attention(x, x, x, {.mask = mask}); }) ==
        here("scaled_dot_product_attention: expected a mask of bool or f32 that broadcasts to the scores, [4,4], got "
             "bool[3,4]"));
  CHECK(traced({f32(4, 8), u8(4, 4)},
               [](Tensor x, Tensor mask) { return scaled_dot_product_attention(x, x, x, {.mask = mask}); }) ==
        here("scaled_dot_product_attention: expected a mask of bool or f32 that broadcasts to the scores, [4,4], got "
             "u8[4,4]"));
}

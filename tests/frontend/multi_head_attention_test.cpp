// MultiHeadAttention: parameters, values against a formula, masks, derivatives and errors.
#include <doctest/doctest.h>

#include <cmath>

#include "sluice/attention.h"
#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;
using namespace sluice::test;

namespace {

using F = std::vector<float>;
using D = std::vector<double>;

void fill(const MultiHeadAttention& layer) {
  double salt = 0;
  for (const Variable& variable : layer.variables()) {
    Array value = pattern(variable.value().sizes(), ++salt);
    for (float& element : value.data<float>()) element *= 0.4F;
    variable.assign(value);
  }
}

/// x [rows, in] times kernel [in, out], plus bias.
D dense(const D& x, const D& kernel, const D& bias) {
  const std::size_t out = bias.size();
  const std::size_t in = kernel.size() / out;
  D y;
  for (std::size_t row = 0; row < x.size() / in; ++row) {
    for (std::size_t c = 0; c < out; ++c) {
      double sum = bias[c];
      for (std::size_t i = 0; i < in; ++i) sum += x[row * in + i] * kernel[i * out + c];
      y.push_back(sum);
    }
  }
  return y;
}

/// Multi-head attention of one example in double, with the weights in the layer's order.
template <typename Sees>
D host(const D& query, const D& value, const std::vector<D>& w, std::size_t heads, Sees sees) {
  const D q = dense(query, w[0], w[1]);
  const D k = dense(value, w[2], w[3]);
  const D v = dense(value, w[4], w[5]);
  const std::size_t all = w[1].size();
  const std::size_t depth = all / heads;
  D mixed(q.size());
  for (std::size_t head = 0; head < heads; ++head) {
    for (std::size_t i = 0; i < q.size() / all; ++i) {
      double sum = 0;
      for (std::size_t j = 0; j < k.size() / all; ++j) {
        if (!sees(i, j)) continue;
        double score = 0;
        for (std::size_t d = head * depth; d < (head + 1) * depth; ++d) score += q[i * all + d] * k[j * all + d];
        const double weight = std::exp(score / std::sqrt(static_cast<double>(depth)));
        sum += weight;
        for (std::size_t d = head * depth; d < (head + 1) * depth; ++d) mixed[i * all + d] += weight * v[j * all + d];
      }
      for (std::size_t d = head * depth; d < (head + 1) * depth && sum > 0; ++d) mixed[i * all + d] /= sum;
    }
  }
  return dense(mixed, w[6], w[7]);
}

std::vector<D> weights_of(const MultiHeadAttention& layer) {
  std::vector<D> weights;
  for (const Variable& variable : layer.variables()) weights.push_back(doubles(variable.value()));
  return weights;
}

bool all_see(std::size_t /*query*/, std::size_t /*key*/) { return true; }

}  // namespace

TEST_CASE("multi-head attention has Keras's parameters") {
  const MultiHeadAttention layer(3, 4, {.value_width = 5});
  set_seed(1);
  build(layer, {f32(batch, length("Q"), 6), f32(batch, length("K"), 7)});
  const std::vector<NamedVariable> named = layer.named_variables();
  const std::vector<std::pair<std::string, Shape>> expected{{"query/kernel", {6, 3, 4}},
                                                            {"query/bias", {3, 4}},
                                                            {"key/kernel", {7, 3, 4}},
                                                            {"key/bias", {3, 4}},
                                                            {"value/kernel", {7, 3, 5}},
                                                            {"value/bias", {3, 5}},
                                                            {"attention_output/kernel", {3, 5, 6}},
                                                            {"attention_output/bias", {6}}};
  REQUIRE(named.size() == expected.size());
  for (std::size_t i = 0; i < named.size(); ++i) {
    CHECK(named[i].name == expected[i].first);
    CHECK(named[i].variable.type() == Type{DType::kF32, expected[i].second});
    CHECK(named[i].variable.trainable());
    const Shape& shape = expected[i].second;
    float largest = 0;
    for (const float w : floats(named[i].variable.value())) largest = std::max(largest, std::abs(w));
    if (shape.rank() < 3) {
      CHECK(largest == 0);
    } else if (i != 0) {
      const double limit = std::sqrt(6.0 / static_cast<double>(shape[0].size * (shape[1].size + shape[2].size)));
      CHECK(largest <= limit);
      CHECK(largest > 0.8 * limit);
    }
  }
  const MultiHeadAttention bare(1, 2, {.output_width = 9, .use_bias = false});
  build(bare, f32(3, 4));
  CHECK(bare.variables().size() == 4);
  CHECK(bare.variables()[3].type() == Type{DType::kF32, {1, 2, 9}});
}

TEST_CASE("multi-head attention: self-attention, cross-attention and another key") {
  const MultiHeadAttention layer(2, 3);
  build(layer, {f32(batch, length("Q"), 4), f32(batch, length("K"), 5)});
  fill(layer);
  const auto attend = function("attend", {f32(batch, length("Q"), 4), f32(batch, length("K"), 5)},
                               [&](Tensor q, Tensor v) { return layer(q, v); });
  for (const auto& [rows, queries, keys] : {std::tuple{1, 1, 1}, std::tuple{3, 2, 5}, std::tuple{64, 3, 2}}) {
    const Array q = pattern({rows, queries, 4}, 1);
    const Array v = pattern({rows, keys, 5}, 2);
    const F got = floats(attend(q, v));
    D expected;
    for (std::int64_t row = 0; row < rows; ++row) {
      const D all_q = doubles(q);
      const D all_v = doubles(v);
      const D one =
          host({all_q.begin() + row * queries * 4, all_q.begin() + (row + 1) * queries * 4},
               {all_v.begin() + row * keys * 5, all_v.begin() + (row + 1) * keys * 5}, weights_of(layer), 2, all_see);
      expected.insert(expected.end(), one.begin(), one.end());
    }
    CHECK(difference(Array(got, {rows, queries, 4}), expected) < 1e-5);
  }
  // Keys apart from values: with the values' own as the keys it is the same.
  const auto with_key = function([&](Tensor q, Tensor v) { return layer(q, v, {.key = v}); });
  const Array q = pattern({2, 3, 4}, 1);
  const Array v = pattern({2, 5, 5}, 2);
  CHECK(with_key(q, v) == attend(q, v));
  const auto other_key = function([&](Tensor a, Tensor b) { return layer(a, b, {.key = b * 2}); });
  CHECK_FALSE(other_key(q, v) == attend(q, v));
}

TEST_CASE("multi-head attention: masks and padding") {
  const MultiHeadAttention layer(2, 2);
  const MultiHeadAttention causal(2, 2, {.causal = true});
  build(layer, f32(batch, length("T"), 3));
  fill(layer);
  build(causal, f32(batch, length("T"), 3));
  copy_weights(layer, causal);
  const Array x = pattern({1, 3, 3}, 1);
  const auto expected = [&](const auto& sees) { return host(doubles(x), doubles(x), weights_of(layer), 2, sees); };
  const auto run = [&](AttentionCall call) { return function([&](Tensor in) { return layer(in, in, call); })(x); };
  CHECK(difference(function([&](Tensor in) { return causal(in); })(x),
                   expected([](std::size_t i, std::size_t j) { return j <= i; })) < 1e-5);
  const auto with = [&](const Array& mask, auto make_call) {
    return function([&](Tensor in, Tensor of_mask) { return layer(in, in, make_call(of_mask)); })(x, mask);
  };
  const auto first_two = [](std::size_t, std::size_t j) { return j < 2; };
  CHECK(difference(with(bools({1, 1, 0}, {1, 3}), [](Tensor m) { return AttentionCall{.key_mask = m}; }),
                   expected(first_two)) < 1e-5);
  CHECK(difference(with(bools({1, 1, 0}, {3}), [](Tensor m) { return AttentionCall{.mask = m}; }),
                   expected(first_two)) < 1e-5);
  const auto not_self = [](std::size_t i, std::size_t j) { return i != j; };
  const std::vector<int> others{0, 1, 1, 1, 0, 1, 1, 1, 0};
  CHECK(difference(with(bools(others, {1, 3, 3}), [](Tensor m) { return AttentionCall{.mask = m}; }),
                   expected(not_self)) < 1e-5);
  CHECK(difference(with(bools(others, {1, 1, 3, 3}), [](Tensor m) { return AttentionCall{.mask = m}; }),
                   expected(not_self)) < 1e-5);
  // A padded query gets the bias of the output.
  const F padded = floats(with(bools({1, 1, 0}, {1, 3}), [](Tensor m) { return AttentionCall{.query_mask = m}; }));
  const F bias = floats(layer.variables()[7].value());
  for (std::size_t i = 0; i < 3; ++i) CHECK(padded[6 + i] == bias[i]);
  CHECK(difference(Array(F(padded.begin(), padded.begin() + 6), {6}), [&] {
          D all = expected([](std::size_t, std::size_t) { return true; });
          all.resize(6);
          return all;
        }()) < 1e-5);
  CHECK(run({}).sizes() == x.sizes());
}

TEST_CASE("multi-head attention: derivatives by the input and all weights") {
  const MultiHeadAttention layer(2, 2, {.causal = true});
  build(layer, f32(batch, length("T"), 3));
  fill(layer);
  for (const std::int64_t rows : {1, 3}) {
    const auto loss = [&](const Doubles& at) {
      double sum = 0;
      const std::vector<D> weights(at.begin() + 1, at.end());
      for (std::int64_t row = 0; row < rows; ++row) {
        const D x(at[0].begin() + row * 9, at[0].begin() + (row + 1) * 9);
        for (const double y : host(x, x, weights, 2, [](std::size_t i, std::size_t j) { return j <= i; }))
          sum += std::tanh(y);
      }
      return sum;
    };
    check_derivatives(
        f32(batch, length("T"), 3), pattern({rows, 3, 3}, 1), layer.variables(),
        [&](const Tensor& x) { return reduce_sum(tanh(layer(x))); }, loss);
  }
}

TEST_CASE("multi-head attention drops weights in training alone, and is saved and loaded") {
  const MultiHeadAttention layer(2, 4, {.dropout = 0.5});
  const auto train = function("train", {f32(batch, 6, 8)}, [&](Tensor x) { return layer(x, Mode::kTrain); });
  const auto evaluate = function("evaluate", {f32(batch, 6, 8)}, [&](Tensor x) { return layer(x, Mode::kEvaluate); });
  const Array x = pattern({2, 6, 8});
  CHECK_FALSE(train(x) == train(x));
  const Array expected = evaluate(x);
  CHECK(evaluate(x) == expected);
  const TemporaryFolder folder;
  save_weights(layer, folder.path() / "attention.safetensors");
  const MultiHeadAttention other(2, 4);
  build(other, f32(batch, 6, 8));
  load_weights(other, folder.path() / "attention.safetensors");
  CHECK(function([&](Tensor in) { return other(in); })(x) == expected);
}

TEST_CASE("multi-head attention: errors") {
  CHECK(thrown([] { MultiHeadAttention(0, 4); }) ==
        here("multi_head_attention: expected at least one head of a width of at least 1, got 0 of width 4"));
  CHECK(thrown([] { MultiHeadAttention(2, 4, {.value_width = -1}); }) ==
        here("multi_head_attention: expected widths of at least 0, got a value width of -1 and an output width of 0"));
  CHECK(thrown([] { MultiHeadAttention(2, 4, {.dropout = 1}); }) ==
        here("multi_head_attention: expected a dropout of at least 0 and below 1, got 1"));
  CHECK(traced({f32(batch, 3, 4), f32(batch, 5, 4)},
               [](Tensor x, Tensor k) { return MultiHeadAttention(2, 4)(x, x, {.key = k}); }) ==
        here("multi_head_attention: expected as many keys as values, the axis before the last, got the query "
             "f32[B,3,4], the value f32[B,3,4] and the key f32[B,5,4]"));
  CHECK(traced({f32(2, 3, 4), f32(5, 3, 4)}, [](Tensor x, Tensor v) { return MultiHeadAttention(2, 4)(x, v); }) ==
        here("multi_head_attention: expected the same axes before the last two, got the query f32[2,3,4], the value "
             "f32[5,3,4] and the key f32[5,3,4]"));
  CHECK(traced({i32(batch, 3)}, [](Tensor x) { return MultiHeadAttention(2, 4)(x); }) ==
        here("multi_head_attention: expected f32[...,positions,width], got the query i32[B,3], the value i32[B,3] and "
             "the key i32[B,3]"));
  CHECK(traced({f32(batch, 3, 4), bool_(batch, 4)}, [](Tensor x, Tensor m) {
          return MultiHeadAttention(2, 4)(x, x, {.key_mask = m});
        }) == here("multi_head_attention: expected a key mask of bool[B,3], got bool[B,4]"));
  CHECK(traced({f32(batch, 3, 4), f32(batch, 3, 3)}, [](Tensor x, Tensor m) {
          return MultiHeadAttention(2, 4)(x, x, {.mask = m});
        }) == here("multi_head_attention: expected a mask of bools that broadcasts to [B,3,3], got f32[B,3,3]"));
  CHECK(traced({f32(batch, 3, 4)}, [](Tensor x) { return MultiHeadAttention(2, 4, {.dropout = 0.1})(x); }) ==
        here("multi_head_attention: it has dropout, so it needs a Mode: call it with Mode::kTrain in a training step, "
             "and with Mode::kEvaluate elsewhere"));
  const MultiHeadAttention layer(2, 4);
  build(layer, f32(batch, 3, 5));
  CHECK(traced({f32(batch, 3, 6)}, [&](Tensor x) { return layer(x); }) ==
        here("multi_head_attention: \"multi_head_attention_0/query/kernel\" is f32[5,2,4] from the first call, but "
             "f32[B,3,6] needs [6,2,4]"));
}

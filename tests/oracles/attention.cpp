// Attention over [batch, heads, positions, depth], and a transformer.
#include <fmt/format.h>

#include <cstdio>

#include "tests/oracles/functions.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

Program attention(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const std::string scale = oracle.attributes.text("scale", "1/sqrt(d)");
    if (scale != "1/sqrt(d)") throw CannotSay("scale " + scale);
    AttentionOptions options{.causal = oracle.attributes.flag("causal")};
    if (const Tensor* keep = in.find("keep")) options.mask = *keep;
    return scaled_dot_product_attention(in["q_"], in["k_"], in["v_"], options);
  });
}

Tensor normalized(const Tensor& x, const Variable& scale, const Variable& shift) {
  const Tensor centered = x - reduce_mean(x, -1, {.keepdims = true});
  return centered * rsqrt(reduce_mean(square(centered), -1, {.keepdims = true}) + 1e-5) * scale + shift;
}

/// A pre-norm block: x plus the mixed heads, then x plus the perceptron.
Tensor transformer_block(const Weights& w, const std::string& layer, const Tensor& x, std::int64_t heads) {
  const auto weight = [&](const std::string& name) { return w[layer + name]; };
  const auto dense = [&](const Tensor& y, const std::string& name) {
    return matmul(y, weight(name)) + weight(name + "_b");
  };
  const Dim rows = x.shape()[0];
  const Dim positions = x.shape()[1];
  const std::int64_t width = x.shape()[2].size;
  const Tensor qkv = dense(normalized(x, weight("ln1_g"), weight("ln1_b")), "qkv");
  const auto part = [&](std::int64_t i) {
    const Tensor columns = slice(qkv, {0, 0, i * width}, {-1, -1, width});
    return transpose(reshape(columns, {rows, positions, heads, width / heads}), {0, 2, 1, 3});
  };
  const Tensor mixed = scaled_dot_product_attention(part(0), part(1), part(2), {.causal = true});
  const Tensor y = x + dense(reshape(transpose(mixed, {0, 2, 1, 3}), x.shape()), "proj");
  return y + dense(gelu(dense(normalized(y, weight("ln2_g"), weight("ln2_b")), "up"), Gelu::kTanh), "down");
}

Program gpt(const Oracle& oracle) {
  expect_words(oracle, "model",
               "GPT-2: pre-norm blocks (epsilon 1e-5), gelu with tanh, tied embedding, learned positions");
  const std::string words = oracle.attributes.text("optimizer");
  AdamWOptions options{.epsilon_place = AdamEpsilon::kPyTorch};
  double decay = 0;
  if (std::sscanf(words.c_str(), "AdamW %lf, betas %lf %lf, eps %lf, weight decay %lf on all", &options.learning_rate,
                  &options.beta_1, &options.beta_2, &options.epsilon, &decay) != 5) {
    throw CannotSay(fmt::format("optimizer: {}", words));
  }
  options.weight_decay = decay;
  const AdamW adam(options);
  const auto step = [&](const Weights& w, const Tensors& in) {
    const auto layers = static_cast<int>(oracle.attributes.number("layers"));
    const auto heads = static_cast<std::int64_t>(oracle.attributes.number("heads"));
    oracle.attributes.number("width");  // given by the weights
    Tensor x = gather(w["wte"], in["x"]) + w["wpe"];
    for (int i = 0; i < layers; ++i) x = transformer_block(w, fmt::format("{}.", i), x, heads);
    const Tensor last = normalized(x, w["lnf_g"], w["lnf_b"]);
    const Tensor rows = reshape(last, {-1, last.shape()[2]});
    const Tensor logits = matmul(rows, w["wte"], {.transpose_b = true});
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, reshape(in["y"], {-1})));
    Results results = weight_gradients(oracle, loss, w);
    results.emplace_back("loss", loss);
    const std::vector<Variable> all = w.all();
    adam.apply(gradients(loss, all), all);
    return results;
  };
  return training(oracle, {.steps = static_cast<int>(oracle.attributes.number("steps", 1)), .step = step});
}

}  // namespace

void add_attention(Builders& builders) {
  builders["attention"] = attention;
  builders["attention_masked"] = attention;
  builders["gpt"] = gpt;
}

}  // namespace sluice::oracles

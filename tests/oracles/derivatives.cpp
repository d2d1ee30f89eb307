// Derivatives of derivatives.
#include <cmath>
#include <optional>

#include "tests/oracles/functions.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

struct Derivatives {
  std::vector<std::string> names;
  std::vector<Tensor> weights;
  std::vector<Tensor> gradients;
};

Derivatives of_weights(const Oracle& oracle, const Tensor& loss, const Tensors& in) {
  Derivatives all;
  for (const auto& [name, array] : oracle.with_prefix("in.w.")) {
    all.names.push_back(name);
    all.weights.push_back(in["w." + name]);
  }
  all.gradients = gradients(loss, Targets(all.weights));
  return all;
}

Results with_gradients(const Oracle& oracle, const Tensor& loss, const Tensors& in) {
  const Derivatives d = of_weights(oracle, loss, in);
  Results results{{"out.loss", loss}};
  for (std::size_t i = 0; i < d.names.size(); ++i) results.emplace_back("grad.w." + d.names[i], d.gradients[i]);
  return results;
}

/// Returns the loss, its gradients, and the Hessian-vector product: the gradient of the gradient's product with a
/// direction.
Results with_hessian(const Oracle& oracle, const Tensor& loss, const Tensors& in) {
  const Derivatives d = of_weights(oracle, loss, in);
  Results results{{"out.loss", loss}};
  std::optional<Tensor> along;
  for (std::size_t i = 0; i < d.names.size(); ++i) {
    results.emplace_back("grad.w." + d.names[i], d.gradients[i]);
    const Tensor part = reduce_sum(d.gradients[i] * in["v." + d.names[i]]);
    along = along ? *along + part : part;
  }
  const std::vector<Tensor> products = gradients(*along, Targets(d.weights));
  for (std::size_t i = 0; i < d.names.size(); ++i) results.emplace_back("out.hv." + d.names[i], products[i]);
  return results;
}

Program hessian_vector_mlp(const Oracle& oracle) {
  expect_words(oracle, "model", "tanh(x w1 + b1) w2, sparse softmax cross-entropy");
  return function_of(oracle, [&](const Tensors& in) {
    const Tensor logits = matmul(tanh(matmul(in["x"], in["w.w1"]) + in["w.b1"]), in["w.w2"]);
    return with_hessian(oracle, reduce_mean(sparse_softmax_cross_entropy(logits, in["y"])), in);
  });
}

Program hessian_vector_attention(const Oracle& oracle) {
  expect_words(oracle, "model", "sum(softmax(q k^T / sqrt(n)) v * (x - mean) / (std + 1e-3) * g)");
  return function_of(oracle, [&](const Tensors& in) {
    const Tensor& x = in["x"];
    const Tensor q = matmul(x, in["w.q"]);
    const Tensor k = matmul(x, in["w.k"]);
    const Tensor v = matmul(x, in["w.v"]);
    const Tensor mixed = scaled_dot_product_attention(q, k, v);
    const Tensor centered = x - reduce_mean(x, -1, {.keepdims = true});
    const Tensor deviation = sqrt(reduce_mean(square(centered), -1, {.keepdims = true}));
    return with_hessian(oracle, reduce_sum(mixed * (centered / (deviation + 1e-3)) * in["w.g"]), in);
  });
}

Program hessian_vector_conv(const Oracle& oracle) {
  expect_words(oracle, "model", "conv 3x3, softplus, conv 3x3, mean over space, sparse softmax cross-entropy");
  expect_words(oracle, "padding", "SAME");  // of both; the stride is that of the first
  return function_of(oracle, [&](const Tensors& in) {
    const ConvOptions options{.strides = static_cast<std::int64_t>(oracle.attributes.number("stride", 1)),
                              .padding = Padding::same()};
    const Tensor h = softplus(conv2d(in["x"], in["w.w1"], options));
    const Tensor logits = global_average_pool(conv2d(h, in["w.w2"], {.padding = Padding::same()}));
    return with_hessian(oracle, reduce_mean(sparse_softmax_cross_entropy(logits, in["y"])), in);
  });
}

// The derivatives of u at each x are those of the sum over all x, because rows are independent.
Program pinn(const Oracle& oracle) {
  expect_words(oracle, "model",
               "u(x) = tanh(tanh(x w1 + b1) w2 + b2) w3; mean((u'' + x u' + sin u)^2) + u(0)^2 + (u'(0) - 1)^2");
  return function_of(oracle, [&](const Tensors& in) {
    const auto u = [&](const Tensor& x) {
      const Tensor h = tanh(reshape(x, {-1, 1}) * in["w.w1"] + in["w.b1"]);
      return reshape(matmul(tanh(matmul(h, in["w.w2"]) + in["w.b2"]), in["w.w3"]), x.shape());
    };
    const auto derivative = [](const Tensor& y, const Tensor& x) { return gradients(reduce_sum(y), {x})[0]; };
    const Tensor& x = in["x"];
    const Tensor y = u(x);
    const Tensor first = derivative(y, x);
    const Tensor second = derivative(first, x);
    const Tensor residual = reduce_mean(square(second + x * first + sin(y)));
    const Tensor zero = full({1}, 0.0);
    const Tensor at_zero = u(zero);
    const Tensor slope = derivative(at_zero, zero);
    const Tensor loss = residual + reduce_sum(square(at_zero)) + reduce_sum(square(slope - 1));
    return with_gradients(oracle, loss, in);
  });
}

}  // namespace

void add_derivatives(Builders& builders) {
  builders["hessian_vector_mlp"] = hessian_vector_mlp;
  builders["hessian_vector_attention"] = hessian_vector_attention;
  builders["hessian_vector_conv"] = hessian_vector_conv;
  builders["pinn"] = pinn;
}

}  // namespace sluice::oracles

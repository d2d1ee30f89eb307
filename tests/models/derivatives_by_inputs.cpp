// Models whose loss has derivatives with respect to the inputs.
#include <algorithm>

#include "tests/models/model.h"

namespace sluice::models {

namespace {

/// The derivative of each row of y with respect to the same row of x: rows are independent.
Tensor derivative(const Tensor& y, const Tensor& x) { return gradients(reduce_sum(y), {x})[0]; }

Array as_f64(const Array& array) {
  Array wide(DType::kF64, array.sizes());
  std::ranges::copy(array.data<float>(), wide.data<double>().begin());
  return wide;
}

}  // namespace

Model physics_informed(std::int64_t width, Dim rows) {
  MLP u(Dense(width, tanh), Dense(width, tanh), Dense(1));
  Adam adam({.learning_rate = 1e-3});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const Tensor& x = in[0];
    const Tensor y = u(x);
    const Tensor first = derivative(y, x);
    const Tensor residual = reduce_mean(square(derivative(first, x) + x * first + y));
    const Tensor zero = full({1, 1}, 0.0);
    const Tensor at_zero = u(zero);
    const Tensor start = reduce_sum(square(at_zero)) + reduce_sum(square(derivative(at_zero, zero) - 1));
    const Tensor loss = residual + start;
    adam.apply(gradients(loss, u.trainable_variables()), u.trainable_variables());
    return {loss, residual};
  };
  return {{f32(rows, 1).named("x")}, step};
}

Model option_pricing(std::int64_t width, Dim rows) {
  constexpr std::int64_t kInputs = 5;  // spot, strike, rate, volatility, time
  const Variable w1("w1", as_f64(glorot_uniform(kInputs, width)));
  const Variable b1("b1", Array(DType::kF64, {width}));
  const Variable w2("w2", as_f64(glorot_uniform(width, 50)));
  const Variable b2("b2", Array(DType::kF64, {50}));
  const Variable w3("w3", as_f64(glorot_uniform(50, 1)));
  Adam adam({.learning_rate = 1e-3});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const Tensor& x = in[0];
    const auto softplus = [](const Tensor& z) { return sigmoid_cross_entropy(z, zeros_like(z)); };
    const Tensor price = matmul(softplus(matmul(softplus(matmul(x, w1) + b1), w2) + b2), w3);
    const Tensor loss = mean_squared_error(price, in[1]) + mean_squared_error(derivative(price, x), in[2]);
    const std::vector<Variable> all{w1, b1, w2, b2, w3};
    adam.apply(gradients(loss, all), all);
    return {loss};
  };
  const TensorSpec x = f64(rows, kInputs);
  return {{x.named("x").range(0, 1), f64(rows, 1).named("price"), x.named("greeks")}, step};
}

}  // namespace sluice::models

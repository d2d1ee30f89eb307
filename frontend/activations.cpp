#include "sluice/activations.h"

#include <limits>
#include <numbers>

#include "frontend/broadcasting.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"

namespace sluice {

namespace {

/// x, but the lowest finite number for -inf: times 0 that is -0, and not NaN.
Tensor finite_below(const Tensor& x) {
  return maximum(x, x.dtype() == DType::kF64 ? std::numeric_limits<double>::lowest()
                                             : static_cast<double>(std::numeric_limits<float>::lowest()));
}

}  // namespace

// Selects instead of maximum and abs, whose derivatives at 0 would add up to 0 or 1 and not to 1/2.
Tensor softplus(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("softplus", x);
  const Tensor above = x > 0;
  return select(above, x, 0) + log1p(exp(select(above, -x, x)));
}

Tensor log_sigmoid(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("log_sigmoid", x);
  return -softplus(-x);
}

Tensor softsign(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("softsign", x);
  return x / (1 + select(x < 0, -x, x));
}

Tensor silu(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("silu", x);
  return finite_below(x) * sigmoid(x);
}

Tensor hard_silu(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("hard_silu", x);
  return finite_below(x) * hard_sigmoid(x);
}

Tensor mish(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("mish", x);
  return finite_below(x) * tanh(softplus(x));
}

Tensor gelu(const Arg& x, Gelu how) {
  const Scope scope(x.where());
  detail::expect_floats("gelu", x);
  if (how == Gelu::kExact) return 0.5 * finite_below(x) * erfc(x * -(1 / std::numbers::sqrt2));
  // At 10, tanh is 1 in every dtype; the cube of larger numbers might overflow.
  const Tensor near_zero = clip_by_value(x, -10, 10);
  const Tensor inner = near_zero + 0.044715 * (near_zero * square(near_zero));
  return 0.5 * finite_below(x) * (1 + tanh(std::numbers::sqrt2 * std::numbers::inv_sqrtpi * inner));
}

// The exponential function sees no large number, whose derivative the select would have to discard.
Tensor elu(const Arg& x, double alpha) {
  const Scope scope(x.where());
  detail::expect_floats("elu", x);
  return select(x > 0, x, alpha * expm1(minimum(x, 0)));
}

Tensor selu(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("selu", x);
  return 1.0507009873554804934 * elu(x, 1.6732632423543772848);
}

Tensor leaky_relu(const Arg& x, double negative_slope) {
  const Scope scope(x.where());
  detail::expect_floats("leaky_relu", x);
  return select(x > 0, x, negative_slope * x);
}

}  // namespace sluice

#pragma once

#include "sluice/tensor.h"

// Activations besides relu, relu6, tanh, sigmoid and hard_sigmoid of sluice/elementwise.h. They take floats of any
// shape and work element by element, in one kernel with what produces their operand. Formulas and defaults are Keras's;
// a layer takes each as its activation, as in Dense(64, gelu). All throw Error at the user's line for other dtypes.
namespace sluice {

/// log(1 + exp(x)), without overflow.
Tensor softplus(const Arg& x);
/// log(sigmoid(x)), without overflow.
Tensor log_sigmoid(const Arg& x);
/// x / (1 + |x|).
Tensor softsign(const Arg& x);
/// x sigmoid(x), also known as swish; -0 at -inf.
Tensor silu(const Arg& x);
/// x relu6(x + 3) / 6, also known as hard swish.
Tensor hard_silu(const Arg& x);
/// x tanh(softplus(x)); -0 at -inf.
Tensor mish(const Arg& x);

/// How gelu is computed.
enum class Gelu : std::uint8_t {
  kExact,  ///< x Phi(x), Phi the distribution function of the normal distribution; by erfc, accurate in both tails
  kTanh,   ///< 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), as GPT-2 has it
};
/// The Gaussian error linear unit; -0 at -inf.
Tensor gelu(const Arg& x, Gelu how);
inline Tensor gelu(const Arg& x) { return gelu(x, Gelu::kExact); }

/// x above 0, alpha (exp(x) - 1) elsewhere; alpha is 1 by default.
Tensor elu(const Arg& x, double alpha);
inline Tensor elu(const Arg& x) { return elu(x, 1); }
/// elu with alpha = 1.6733, times 1.0507 (Klambauer et al. 2017).
Tensor selu(const Arg& x);
/// x above 0, negative_slope x elsewhere; by default 0.2 as in Keras, where PyTorch has 0.01.
Tensor leaky_relu(const Arg& x, double negative_slope);
inline Tensor leaky_relu(const Arg& x) { return leaky_relu(x, 0.2); }

}  // namespace sluice

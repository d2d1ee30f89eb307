#pragma once

#include "sluice/sluice.h"

// Functions that the DSL lacks, composed of those that it has, as a user would compose them.
namespace sluice::oracles {

Tensor softplus(const Arg& x);
Tensor sine(const Arg& x);
Tensor cosine(const Arg& x);
Tensor arctangent(const Arg& x);
/// The nearest integer; ties go to the even one.
Tensor round_to_even(const Arg& x);
Tensor leaky_relu(const Arg& x, double alpha);
/// clip_by_value with derivative 0 at both bounds.
Tensor clip_inside(const Arg& x, double low, double high);
Tensor gelu_tanh(const Arg& x);

/// x where `mask` holds, else 0.
Tensor masked(const Tensor& mask, const Arg& x);

}  // namespace sluice::oracles

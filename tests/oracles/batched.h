#pragma once

#include "frontend/sluice.h"

// Products of more than two axes, made of products of matrices, as a user would make them.
namespace sluice::oracles {

/// x[..., i] of a dense layer: the last axis of x times w, whatever stands before it.
Tensor times_matrix(const Tensor& x, const Tensor& w);
/// The product of the last two axes, with the axes before them broadcast: a matrix product each.
Tensor batched_matmul(const Tensor& a, const Tensor& b, MatmulOptions options = {});

}  // namespace sluice::oracles

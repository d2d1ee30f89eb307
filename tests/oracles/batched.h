#pragma once

#include "sluice/sluice.h"

// Products of more than two axes, made of products of matrices, as a user would make them.
namespace sluice::oracles {

/// x[..., i] of a dense layer: the last axis of x times w, whatever stands before it.
Tensor times_matrix(const Tensor& x, const Tensor& w);
/// The product of the last two axes, with the axes before them broadcast: a matrix product each.
Tensor batched_matmul(const Tensor& a, const Tensor& b, MatmulOptions options = {});

/// softmax(q k^T / sqrt(depth)) v. A query gives 0 if it sees no key.
Tensor attend(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& visible);
/// [queries, keys]: each query sees the keys up to its own position.
Tensor causal_mask(Dim queries, Dim keys);

}  // namespace sluice::oracles

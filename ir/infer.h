#pragma once

#include <vector>

#include "ir/op.h"

// The inference functions that ops.def names. Each gets operands whose number, attributes and dtypes already fit the
// op's row, and gives the types of the results or throws Error.
namespace sluice::ir {

using Types = std::vector<Type>;

Types infer_typed(const InferContext& c);
Types infer_constant(const InferContext& c);
Types infer_iota(const InferContext& c);
Types infer_batch_size(const InferContext& c);
Types infer_binary(const InferContext& c);
Types infer_unary(const InferContext& c);
Types infer_comparison(const InferContext& c);
Types infer_select(const InferContext& c);
Types infer_cast(const InferContext& c);
Types infer_matmul(const InferContext& c);
Types infer_transpose(const InferContext& c);
Types infer_reshape(const InferContext& c);
Types infer_broadcast(const InferContext& c);
Types infer_concat(const InferContext& c);
Types infer_slice(const InferContext& c);
Types infer_pad(const InferContext& c);
Types infer_one_hot(const InferContext& c);
Types infer_gather(const InferContext& c);
Types infer_scatter_add(const InferContext& c);
Types infer_reduce(const InferContext& c);
Types infer_argmax(const InferContext& c);
Types infer_random(const InferContext& c);
Types infer_gradient(const InferContext& c);
Types infer_fused(const InferContext& c);

}  // namespace sluice::ir

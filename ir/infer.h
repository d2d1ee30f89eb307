#pragma once

#include <vector>

#include "sluice/ir/op.h"

// The inference functions that ops.def names. Each receives operands whose number, attributes and dtypes already fit
// the op's row, and returns the types of the results or throws Error.
namespace sluice::ir {

using Types = std::vector<Type>;

inline constexpr int kMaxRank = 32;  ///< as NumPy's
inline constexpr std::int64_t kMaxElements = std::int64_t{1}
                                             << 48;  ///< so that no count of elements or bytes overflows
inline constexpr int kMaxBodyDepth = 16;             ///< of nodes with bodies in bodies of such nodes

/// Throws Error that begins with `what` unless all sizes can be at least 0, and rank and number of elements (with all
/// symbols 1) keep to the limits above.
void check_shape(std::string_view what, const Shape& shape);

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
Types infer_attention(const InferContext& c);
Types infer_attention_gradient(const InferContext& c);
Types infer_transpose(const InferContext& c);
Types infer_reshape(const InferContext& c);
Types infer_broadcast(const InferContext& c);
Types infer_concat(const InferContext& c);
Types infer_slice(const InferContext& c);
Types infer_pad(const InferContext& c);
Types infer_windows(const InferContext& c);
Types infer_add_windows(const InferContext& c);
Types infer_one_hot(const InferContext& c);
Types infer_gather(const InferContext& c);
Types infer_scatter(const InferContext& c);
Types infer_reduce(const InferContext& c);
Types infer_argmax(const InferContext& c);
Types infer_is_first_max(const InferContext& c);
Types infer_argsort(const InferContext& c);
Types infer_recurrence(const InferContext& c);
Types infer_random(const InferContext& c);
Types infer_gradient(const InferContext& c);
Types infer_custom_gradient(const InferContext& c);
Types infer_fused(const InferContext& c);

}  // namespace sluice::ir

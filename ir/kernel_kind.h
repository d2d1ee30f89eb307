#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "sluice/ir/graph.h"

// The contract between the pass `fuse` and the backend on the body of a `fused` node. `fuse` makes bodies of these
// kinds, a node carries the kind of its body as an attribute, the verifier checks it, and the backend reads it.
//
//   loop    every result has one shape S; inside are elementwise and random ops of shape S, and cheap ops that make a
//           value of shape S on the fly: `broadcast` of a parameter (perhaps through a `reshape` that adds or drops
//           axes of size 1) or of a cheap number, `iota`, `one_hot` and
//           `is_first_max` of a parameter or a cheap number, and `windows` of a parameter. Cheap numbers
//           are scalar constants, `batch_size`, and what is computed of these alone. Or also `add_windows` that give
//           S, of parameters or of loops that nothing else reads.
//   matmul  one matmul of two parameters, and a loop over its shape that takes the product in. Results: any of its
//           values, and perhaps the reduce_sum over axis 0 of the second factor, if that is not transposed. Or the
//           rhs is computed for the matmul alone, by elementwise ops that are not costly, transposes and slices
//           (can_feed_rhs), kMostRhsMembers at most, of parameters and of what loops make on the fly. Either
//           operand may be the `windows` of a parameter, for the matmul alone (packable_windows).
//   reduce  a loop over S, without add_windows, whose only readers are one or more reductions (reduce_sum, reduce_max,
//           reduce_min, argmax) over the same axes of S; these are the results.
//   rows    reductions over the last axis of S, loops over S and over S without that axis (or with size 1 there), and
//           what leads from one to the other: `reshape` that adds or drops the last axis of size 1, `broadcast` along
//           it, `one_hot`. Some node reads a reduction. Results: any of its values.
//   argsort one argsort of a parameter, along an axis of a static size, and the slice of its first places, at least
//           one, which is the result.
//   attention
//           one attention or attention_gradient, with reshapes, transposes and slices of parameters as its operands and
//           the same of its results, which may be parts of one result (attention_body in ir/attention.h).
//
// A body has at least two nodes that compute, and at most kMostMembers beside those that every reader recomputes.
namespace sluice::ir {

/// A body has at most this many nodes beside those that every reader recomputes. Code generation takes twice as long
/// for the same work in kernels of 512 nodes, and three times as long in kernels of 1,024.
inline constexpr std::size_t kMostMembers = 128;

/// Returns whether a node may take part in computing the rhs of a product, element by element while its panels are
/// packed: it computes little for each element, or moves elements without looking for them. Broadcasts of parameters
/// and cheap numbers may also take part.
bool can_feed_rhs(const Node& node);
/// Returns the windows that a matmul may pack for its operand `i`, which are the operand itself or reshaped to it, if
/// it has such: the matmul is of rank 2, does not transpose the operand, and a row of it is one window. Else null.
const Node* packable_windows(const Graph& graph, const Node& matmul, std::size_t i);
/// A rhs is computed by at most so many nodes: each element once for each thread and panel.
inline constexpr std::size_t kMostRhsMembers = 8;

/// Returns how many nodes it takes to recompute a scalar from constants and the batch size; 0 if it cannot be made of
/// these alone, or takes too many. `sizes` has those of the nodes before.
std::size_t cheap_size(const Node& node, const std::vector<std::size_t>& sizes);

/// Returns whether `slice` takes the first places of an argsort, whose other places its kernel need not find.
bool is_first_places(const Graph& graph, const Node& slice);

/// The kinds that a body may be of.
inline constexpr KernelKind kBodyKinds[] = {KernelKind::kLoop, KernelKind::kMatmul,  KernelKind::kReduce,
                                            KernelKind::kRows, KernelKind::kArgsort, KernelKind::kAttention};
std::optional<KernelKind> parse_body_kind(std::string_view name);

/// Returns the kind that a body is of. Throws Error, saying what breaks the rules, if it is of none.
KernelKind classify_body(const Graph& body);
std::optional<KernelKind> find_body_kind(const Graph& body);  ///< the same, or nothing

/// Throws Error unless a fused node with these attributes has the kind that its body is of, or none if that is of none.
void check_kernel_kind(const Attributes& fused);

/// Throws Error, at the line of the node and saying what breaks the rules, if a fused node of `graph` has no kind.
void check_bodies(const Graph& graph);

/// Returns the kind of the kernel that a node becomes, a fused one or one that stays alone.
KernelKind kernel_kind(const Node& node);

}  // namespace sluice::ir

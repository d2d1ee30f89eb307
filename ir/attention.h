#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// An attention or attention_gradient by its parts.
struct AttentionParts {
  bool backward = false;
  bool causal = false;
  double scale = 1;
  Dim queries;
  Dim keys;
  std::int64_t depth = 0;           ///< of a query and a key
  std::int64_t width = 0;           ///< of a value
  std::optional<std::size_t> mask;  ///< which operand
};

AttentionParts attention_parts(const Graph& graph, const Node& node);

inline bool is_attention(const Node& node) { return node.op == Op::kAttention || node.op == Op::kAttentionGradient; }

/// The way in which an operand or a result lies in a parameter or a result of a body, which is dense.
struct AttentionView {
  std::size_t place = 0;     ///< which parameter or result of the body
  Dim offset = 0;            ///< of the first element
  std::vector<Dim> strides;  ///< elements between neighbors along each axis
};

/// Returns how `value` lies in `base`, of which reshapes, transposes and slices make it, if it has strides there.
std::optional<AttentionView> view_of(const Graph& graph, Value value, Value base);

/// A body of kind attention: its node, where operands are read and where results are stored.
struct AttentionBody {
  const Node* node = nullptr;
  std::vector<AttentionView> operands;
  std::vector<AttentionView> results;
};

/// Returns the parts of a body, which has
/// - one attention or attention_gradient;
/// - whose operands are parameters, or reshaped, transposed and sliced of them so that rows remain rows: elements of
///   the last axis are neighbors, and rows are a number apart; the mask and the logarithms are parameters;
/// - and results that are its results, or reshaped and transposed likewise, concatenated, or padded and added so that
///   each element is one of theirs. Each result of the node is in one of the body, whole.
/// Nothing for other bodies.
std::optional<AttentionBody> attention_body(const Graph& body);

}  // namespace sluice::ir

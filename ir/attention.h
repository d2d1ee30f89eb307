#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

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

inline AttentionParts attention_parts(const Graph& graph, const Node& node) {
  const Shape& q = graph.type(node.operands[0]).shape;
  const Shape& v = graph.type(node.operands[2]).shape;
  const int rank = q.rank();
  AttentionParts parts;
  parts.backward = node.op == Op::kAttentionGradient;
  parts.causal = node.attributes.flag(Attr::kCausal);
  parts.scale = std::get<Array>(*node.attributes.find(Attr::kScale)).item<double>();
  parts.queries = q[rank - 2];
  parts.keys = v[rank - 2];
  parts.depth = q[rank - 1].size;
  parts.width = v[rank - 1].size;
  const std::size_t mask = parts.backward ? 6 : 3;
  if (node.operands.size() > mask) parts.mask = mask;
  return parts;
}

}  // namespace sluice::ir

#include "sluice/ir/cost.h"

#include <algorithm>

#include "ir/matmul.h"

namespace sluice::ir {

namespace {

double elements(const Type& type, const Bindings& bindings) {
  double count = 1;
  for (const Dim dim : type.shape) count *= static_cast<double>(dim.at(bindings));
  return count;
}

double bytes(const Type& type, const Bindings& bindings) {
  return elements(type, bindings) * static_cast<double>(size_of(type.dtype));
}

/// Two products of queries and keys, or the five of the gradient; with `causal`, of about half of the keys.
double attention_flops(const Graph& graph, const Node& node, const Bindings& bindings) {
  const Shape& q = graph.type(node.operands[0]).shape;
  const Shape& v = graph.type(node.operands[2]).shape;
  const auto size = [&](const Shape& shape, int from_last) {
    return static_cast<double>(shape[shape.rank() - from_last].at(bindings));
  };
  Shape rows = q;
  rows[q.rank() - 1] = 1;
  const double scores = elements({DType::kF32, rows}, bindings) * size(v, 2);
  const bool backward = node.op == Op::kAttentionGradient;
  const double products = backward ? 3 * size(q, 1) + 2 * size(v, 1) : size(q, 1) + size(v, 1);
  return 2 * scores * products / (node.attributes.flag(Attr::kCausal) ? 2 : 1);
}

double flops(const Graph& graph, const Node& node, const Bindings& bindings) {
  const auto operand = [&](std::size_t i) { return elements(graph.type(node.operands[i]), bindings); };
  const auto result = [&] { return elements(node.types.front(), bindings); };
  if (node.op == Op::kFused) return cost(node.attributes.body(), bindings).flops;
  if (node.op == Op::kMatmul) {
    const Dim k = matmul_sizes(node, graph.type(node.operands[0])).k;
    return 2 * result() * elements({DType::kF32, Shape{k}}, bindings);
  }
  if (node.op == Op::kAttention || node.op == Op::kAttentionGradient) return attention_flops(graph, node, bindings);
  if (node.op == Op::kScatterAdd) return operand(2);
  if (node.op == Op::kLinearRecurrence) return 2 * result();
  if (node.op == Op::kCumsum) return result();
  if (node.op == Op::kCast || node.op == Op::kStopGradient) return 0;
  if (info(node.op).has(kElementwise)) return result();
  if (info(node.op).has(kReduction) || node.op == Op::kAddWindows) return operand(0);
  return 0;
}

bool computes(const Node& node) { return !info(node.op).has(kInput) && node.op != Op::kConstant; }

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  flops += other.flops;
  bytes += other.bytes;
  return *this;
}

Cost cost(const Graph& graph, const Node& node, const Bindings& bindings) {
  Cost cost;
  if (!computes(node)) return cost;
  cost.flops = flops(graph, node, bindings);
  for (const Value operand : node.operands) cost.bytes += bytes(graph.type(operand), bindings);
  for (const Type& type : node.types) cost.bytes += bytes(type, bindings);
  return cost;
}

Cost cost(const Graph& graph, const Bindings& bindings) {
  Cost sum;
  for (const Node& node : graph.nodes()) sum += cost(graph, node, bindings);
  return sum;
}

std::size_t node_count(const Graph& graph) {
  return static_cast<std::size_t>(
      std::ranges::count_if(graph.nodes(), [](const Node& node) { return !info(node.op).has(kInput); }));
}

}  // namespace sluice::ir

#include "sluice/ir/cost.h"

#include <algorithm>

#include "ir/matmul.h"

namespace sluice::ir {

namespace {

double elements(const Type& type, std::int64_t batch_size) {
  double count = 1;
  for (const Dim dim : type.shape) {
    count *= static_cast<double>(dim.size) * (dim.batch ? static_cast<double>(batch_size) : 1.0);
  }
  return count;
}

double bytes(const Type& type, std::int64_t batch_size) {
  return elements(type, batch_size) * static_cast<double>(size_of(type.dtype));
}

double flops(const Graph& graph, const Node& node, std::int64_t batch_size) {
  const auto operand = [&](std::size_t i) { return elements(graph.type(node.operands[i]), batch_size); };
  const auto result = [&] { return elements(node.types.front(), batch_size); };
  if (node.op == Op::kFused) return cost(node.attributes.body(), batch_size).flops;
  if (node.op == Op::kMatmul) {
    const Dim k = matmul_sizes(node, graph.type(node.operands[0])).k;
    return 2 * result() * elements({DType::kF32, Shape{k}}, batch_size);
  }
  if (node.op == Op::kScatterAdd) return operand(2);
  if (node.op == Op::kCast || node.op == Op::kStopGradient) return 0;
  if (info(node.op).has(kElementwise)) return result();
  if (info(node.op).has(kReduction)) return operand(0);
  return 0;
}

bool computes(const Node& node) { return !info(node.op).has(kInput) && node.op != Op::kConstant; }

}  // namespace

Cost& Cost::operator+=(const Cost& other) {
  flops += other.flops;
  bytes += other.bytes;
  return *this;
}

Cost cost(const Graph& graph, const Node& node, std::int64_t batch_size) {
  Cost cost;
  if (!computes(node)) return cost;
  cost.flops = flops(graph, node, batch_size);
  for (const Value operand : node.operands) cost.bytes += bytes(graph.type(operand), batch_size);
  for (const Type& type : node.types) cost.bytes += bytes(type, batch_size);
  return cost;
}

Cost cost(const Graph& graph, std::int64_t batch_size) {
  Cost sum;
  for (const Node& node : graph.nodes()) sum += cost(graph, node, batch_size);
  return sum;
}

std::size_t node_count(const Graph& graph) {
  return static_cast<std::size_t>(
      std::ranges::count_if(graph.nodes(), [](const Node& node) { return !info(node.op).has(kInput); }));
}

}  // namespace sluice::ir

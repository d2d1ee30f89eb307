#include "backend/often_zero.h"

#include <algorithm>
#include <memory>

namespace sluice::backend {

namespace {

using Marks = std::vector<std::vector<bool>>;

/// `parameters`: the same of the graph's parameters.
Marks marks_of(const ir::Graph& graph, const std::vector<bool>& parameters) {
  Marks marks;
  for (const ir::Node& node : graph.nodes()) marks.emplace_back(node.types.size(), false);
  const auto mark = [&](ir::Value value) { return marks[value.node][value.result]; };
  for (std::size_t i = 0; i < parameters.size(); ++i) marks[graph.parameters()[i].value.node][0] = parameters[i];
  for (std::uint32_t index = 0; index < graph.nodes().size(); ++index) {
    const ir::Node& node = graph.node(index);
    if (node.op == ir::Op::kFused) {
      const auto& body = node.attributes.body();
      std::vector<bool> operands;
      for (const ir::Value operand : node.operands) operands.push_back(mark(operand));
      const Marks inside = marks_of(body, operands);
      for (std::size_t r = 0; r < node.types.size(); ++r)
        marks[index][r] = inside[body.results()[r].node][body.results()[r].result];
      continue;
    }
    const ir::OpInfo& row = ir::info(node.op);
    if (row.has(ir::kMakesZeros) || (row.has(ir::kKeepsZeros) && std::ranges::any_of(node.operands, mark)))
      marks[index].assign(node.types.size(), true);
  }
  return marks;
}

}  // namespace

Marks often_zero(const ir::Graph& graph) { return marks_of(graph, std::vector<bool>(graph.parameters().size(), true)); }

}  // namespace sluice::backend

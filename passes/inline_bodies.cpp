#include "passes/inline_bodies.h"

#include <vector>

#include "passes/rebuild.h"

namespace sluice::passes {

ir::Graph inline_other_bodies(const ir::Graph& graph) {
  const std::vector<bool> live = live_nodes(graph);
  Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    if (!live[i]) continue;
    const ir::Node& node = graph.node(i);
    if (node.op != ir::Op::kFused || node.attributes.kernel_kind()) {
      rebuild.copy(i);
      continue;
    }
    rebuild.builder().set_origins(node.origins);
    const ir::Graph body = inline_other_bodies(node.attributes.body());  // nested at most kMaxBodyDepth deep
    const std::vector<ir::Value> results = rebuild.builder().append(body, rebuild.operands(i));
    for (std::uint32_t r = 0; r < results.size(); ++r) rebuild.map({i, r}, results[r]);
  }
  return std::move(rebuild).finish();
}

}  // namespace sluice::passes

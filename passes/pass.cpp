#include "passes/pass.h"

#include <chrono>
#include <utility>

#include "ir/node_error.h"
#include "ir/suggest.h"
#include "passes/cse.h"
#include "passes/differentiate.h"
#include "passes/expand_attention.h"
#include "passes/fuse.h"
#include "passes/rebuild.h"
#include "passes/rewrite.h"
#include "sluice/error.h"

namespace sluice::passes {

namespace {

constexpr Pass kPasses[] = {
    {"differentiate", "expands `gradient` nodes into ordinary ops", differentiate, true},
    {"canonicalize", "applies the value-preserving rewrite rules until none matches", canonicalize},
    {"cse", "merges equal nodes", cse},
    {"fuse", "groups nodes into `fused` nodes, each of which becomes one kernel", fuse},
    {"expand_attention", "replaces attention and its gradient by products and softmax", expand_attention},
    {"dce", "removes nodes that no result and no update needs", remove_dead, true},
};

/// The first `gradient` node of the graph or of a fused body in it, or null.
const ir::Node* find_gradient(const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) {
    if (node.op == ir::Op::kGradient) return &node;
    if (node.op != ir::Op::kFused) continue;
    if (const ir::Node* const inner = find_gradient(node.attributes.body())) return inner;
  }
  return nullptr;
}

void check_accepts(const Pass& pass, const ir::Graph& graph) {
  if (pass.accepts_gradient) return;
  const ir::Node* const node = find_gradient(graph);
  if (node == nullptr) return;
  throw ir::node_error(node->origins,
                       fmt::format("pass '{}': graph @{} still has a `gradient` node; run 'differentiate' first",
                                   pass.name, graph.name()));
}

/// A pass that creates an invalid graph is a bug in Sluice, not the user's mistake.
void check_result(const Pass& pass, const ir::Graph& graph) {
  try {
    ir::verify(graph);
  } catch (const Error& error) {
    SLUICE_UNREACHABLE("pass '{}' made an invalid graph: {}", pass.name, error.what());
  }
}

}  // namespace

std::span<const Pass> all_passes() { return kPasses; }

const Pass& find_pass(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Pass& pass : kPasses) {
    if (pass.name == name) return pass;
    names.push_back(pass.name);
  }
  fail("there is no pass '{}'{}", name, did_you_mean(name, names));
}

std::vector<Pass> find_passes(std::span<const std::string_view> names) {
  std::vector<Pass> passes;
  for (const std::string_view name : names) passes.push_back(find_pass(name));
  return passes;
}

ir::Graph run_passes(ir::Graph graph, std::span<const Pass> passes, const PassOptions& options) {
  ir::verify(graph);
  if (options.on_stage) options.on_stage("traced", graph);
  for (const Pass& pass : passes) {
    check_accepts(pass, graph);
    const auto start = std::chrono::steady_clock::now();
    graph = pass.run(graph);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    check_result(pass, graph);
    if (options.on_time) options.on_time(pass.name, elapsed.count());
    if (options.on_stage) options.on_stage(pass.name, graph);
  }
  return graph;
}

ir::Graph run_passes(ir::Graph graph, std::span<const std::string_view> names, const PassOptions& options) {
  return run_passes(std::move(graph), find_passes(names), options);
}

}  // namespace sluice::passes

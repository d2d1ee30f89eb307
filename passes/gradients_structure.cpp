#include <set>

#include "passes/gradient_rules.h"
#include "passes/reverse_sweep.h"

// Derivatives of the ops with a body.
namespace sluice::passes {

using ir::Value;

void derive_copy(GradientContext& c, std::uint32_t first, const std::vector<Value>& results) {
  const auto end = static_cast<std::uint32_t>(c.builder.graph().nodes().size());
  std::vector<Value> variables;
  for (std::size_t i = 0; i < c.node.operands.size(); ++i) {
    if (c.wanted(i)) variables.push_back(c.operand(i));
  }
  ReverseSweep sweep(c.builder, first, end, variables);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (c.adjoints[i]) sweep.add(results[i], *c.adjoints[i]);
  }
  sweep.run();
  std::set<Value> done;  // an operand that stands for several parameters has the sum of all
  for (std::size_t i = 0; i < c.node.operands.size(); ++i) {
    const auto adjoint = c.wanted(i) ? sweep.adjoint(c.operand(i)) : std::nullopt;
    if (adjoint && done.insert(c.operand(i)).second) c.contribute(i, *adjoint);
  }
}

/// Differentiates a copy of the body with respect to its operands. The rules read values inside the copy, because
/// neither they nor cse can refer to values inside the node.
void gradient_of_kFused(GradientContext& c) {
  const auto first = static_cast<std::uint32_t>(c.builder.graph().nodes().size());
  derive_copy(c, first, c.builder.append(c.node.attributes.body(), c.node.operands));
}

/// Calls the body with the node's results, its operands x and the adjoints of its results.
void gradient_of_kCustomGradient(GradientContext& c) {
  const std::size_t results = c.node.types.size();
  std::vector<Value> arguments;
  for (std::size_t i = 0; i < results; ++i) arguments.push_back(c.result_at(i));
  for (std::size_t i = results; i < c.node.operands.size(); ++i) arguments.push_back(c.operand(i));
  for (std::size_t i = 0; i < results; ++i) arguments.push_back(c.adjoint_or_zeros(i));
  const std::vector<Value> returned = c.builder.append(c.node.attributes.body(), arguments);
  std::size_t next = 0;
  for (std::size_t i = results; i < c.node.operands.size(); ++i) {
    if (is_float(c.operand_type(i).dtype)) c.contribute(i, returned[next++]);
  }
}

}  // namespace sluice::passes

#include <set>

#include "passes/gradient_rules.h"
#include "passes/reverse_sweep.h"

// Derivatives of the ops that hold a body.
namespace sluice::passes {

using ir::Value;

/// The body's own derivative: a copy of it is derived by its operands. The copy is there for what the rules read of the
/// values inside; cse cannot look into the node to find them there.
void gradient_of_kFused(GradientContext& c) {
  const auto first = static_cast<std::uint32_t>(c.builder.graph().nodes().size());
  const std::vector<Value> results = c.builder.append(c.node.attributes.body(), c.node.operands);
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

/// What the body returns, for the results, the operands x and the adjoints of the results.
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

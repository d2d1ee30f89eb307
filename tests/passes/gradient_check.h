#pragma once

#include <functional>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::test {

/// The function of a gradient case: creates nodes from the parameters and returns a float value of any shape.
using Expression = std::function<ir::Value(ir::Builder&, const std::vector<ir::Value>&)>;

struct Operand {
  Type type;
  std::optional<ir::Range> range = {};
};

/// Returns y = sum(expression * weights), with the weights as a last parameter, and the gradient of y with respect to
/// every float parameter, not yet expanded. The first result is y.
ir::Graph gradient_graph(const std::vector<Operand>& operands, const Expression& expression);

/// Expands the gradients and compares them, in double and for batch sizes 1 and 3, with the directional derivative by
/// dual numbers and with central differences. Fails the test case if they disagree.
void check_gradient(const ir::Graph& graph);

/// Like `gradient_graph`, but y is the sum of the expression's first gradients times the weights: checks derivatives of
/// derivatives.
ir::Graph second_gradient_graph(const std::vector<Operand>& operands, const Expression& expression);

}  // namespace sluice::test

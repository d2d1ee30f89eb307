// Every graph in docs/ir.md is canonical text and computes the results shown below it, in native code as well.
#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "docs/ir/run_example.h"
#include "docs/pages/page.h"
#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "sluice/ir/text.h"
#include "sluice/runtime/executable.h"

using namespace sluice;

namespace {

/// Returns the blocks that start with a graph's first line.
std::vector<std::string> examples() {
  std::vector<std::string> graphs;
  for (const docs::Block& block : docs::read_page(SLUICE_IR_MD))
    if (block.text.starts_with("sluice-ir ")) graphs.push_back(block.text);
  return graphs;
}

bool near(const Array& x, const Array& y) {
  if (x.type() != y.type()) return false;
  return visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    for (std::size_t i = 0; i < x.data<T>().size(); ++i) {
      const auto a = static_cast<double>(x.data<T>()[i]);
      const auto b = static_cast<double>(y.data<T>()[i]);
      const bool same = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= 1e-6 * (1 + std::abs(b));
      if (!same) return false;
    }
    return true;
  });
}

/// Compares native code with the interpreter on the inputs of the examples.
void check_engines(const ir::Graph& graph) {
  std::vector<Array> inputs;
  for (const ir::Parameter& parameter : graph.parameters())
    inputs.push_back(docs::counted(graph.type(parameter.value)));
  std::vector<Array> states;
  for (const ir::State& state : graph.states()) states.push_back(docs::counted(graph.type(state.value)));
  const runtime::Variables variables = runtime::variables_for(graph, states);
  const ir::EvalResult expected = ir::evaluate(passes::differentiate(graph), inputs, states);
  std::vector<Array> results(graph.results().size());
  runtime::Executable::create(graph, variables)->run(inputs, results);
  REQUIRE(results.size() == expected.results.size());
  for (std::size_t i = 0; i < results.size(); ++i) CHECK(near(results[i], expected.results[i]));
  for (std::size_t i = 0; i < variables.size(); ++i) CHECK(near(variables[i]->value(), expected.states[i]));
}

}  // namespace

TEST_CASE("the examples of docs/ir.md are canonical and right") {
  std::set<ir::Op> shown;
  for (const std::string& block : examples()) {
    CAPTURE(block);
    const ir::Graph graph = ir::parse(block, "docs/ir.md");
    const std::string text = ir::print(graph);
    REQUIRE(block.starts_with(text));
    const std::string results = block.substr(text.size());
    if (!results.empty()) CHECK(results == docs::run_example(graph));
    check_engines(graph);
    for (const ir::Node& node : graph.nodes()) shown.insert(node.op);
  }
  CHECK(shown.size() == ir::kOpCount);
}

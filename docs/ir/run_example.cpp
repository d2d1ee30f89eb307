#include "docs/ir/run_example.h"

#include "ir/literals.h"
#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"

namespace sluice::docs {

Array counted(const Type& type) {
  Array array(type.dtype, type.shape.at(kExampleBatch));
  visit_dtype(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    int count = 0;
    for (T& element : array.data<T>()) {
      ++count;
      if constexpr (std::is_same_v<T, bool>) {
        element = count % 2 == 1;
      } else {
        element = static_cast<T>(count);
      }
    }
  });
  return array;
}

std::string run_example(const ir::Graph& graph) {
  std::string out;
  std::vector<Array> inputs;
  std::vector<Array> states;
  for (const ir::Parameter& parameter : graph.parameters()) {
    inputs.push_back(counted(graph.type(parameter.value)));
    out += fmt::format("// %{} = {}\n", parameter.name, ir::literal(inputs.back()));
  }
  for (const ir::State& state : graph.states()) {
    states.push_back(counted(graph.type(state.value)));
    out += fmt::format("// %{} = {}\n", state.name, ir::literal(states.back()));
  }
  const ir::EvalResult result = ir::evaluate(passes::differentiate(graph), inputs, states);
  for (const Array& array : result.results) out += fmt::format("// result: {}\n", ir::literal(array));
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (graph.states()[i].update) {
      out += fmt::format("// update: %{} = {}\n", graph.states()[i].name, ir::literal(result.states[i]));
    }
  }
  return out;
}

}  // namespace sluice::docs

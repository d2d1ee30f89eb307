// Dumped graphs can be run: the guide's training step, parsed from its text after each stage.
#include <doctest/doctest.h>

#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/guide/guide_model.h"

using namespace sluice;

namespace {

struct Step {
  std::vector<Array> results;  ///< loss and accuracy
  std::vector<Array> states;   ///< after the step
};

/// Runs two steps of `text` from the states of `guide`.
Step run(const std::string& text, const GuideModel& guide, const Dataset& examples, Engine engine) {
  const ir::Graph graph = ir::parse(text);
  std::vector<Array> states;
  for (const ir::State& state : graph.states()) {
    for (const Variable& variable : guide.state()) {
      if (variable.name() == state.variable) states.push_back(variable.value());
    }
  }
  const runtime::Variables variables = runtime::variables_for(graph, states);
  const auto executable = runtime::Executable::create(graph, variables, {.engine = engine});
  Step step{.results = std::vector<Array>(2), .states = {}};
  for (const Batch& b : examples.batches(kBatch)) {
    executable->run(std::vector{b.input(), b.target()}, step.results);
  }
  for (const auto& variable : variables) step.states.push_back(variable->value());
  return step;
}

}  // namespace

TEST_CASE("the text of every stage runs and means the same") {
  const Dataset examples = guide_examples(kBatch + kRaggedBatch);
  const GuideModel guide(1);
  const Step expected = run(guide.train_step.dump("traced"), guide, examples, Engine::kReference);
  REQUIRE(expected.states.size() == 21);  // w, b with m and v, three powers and rates

  std::vector<std::string_view> stages{"traced"};
  for (const std::string_view pass : passes::default_pipeline()) stages.push_back(pass);
  for (const std::string_view stage : stages) {
    const std::string text = guide.train_step.dump(stage);
    for (const Engine engine : {Engine::kJit, Engine::kReference}) {
      INFO(std::string(stage), engine == Engine::kJit ? " in native code" : " in the interpreter");
      const Step got = run(text, guide, examples, engine);
      CHECK(relative_norm(got.results[0], expected.results[0]) < 1e-5);
      CHECK(got.results[1] == expected.results[1]);
      REQUIRE(got.states.size() == expected.states.size());
      for (std::size_t i = 0; i < got.states.size(); ++i) {
        if (got.states[i].dtype() == DType::kF64) {
          CHECK(got.states[i] == expected.states[i]);  // the powers of Adam's betas
        } else {
          CHECK(relative_norm(got.states[i], expected.states[i]) < 1e-4);
        }
      }
    }
  }
}

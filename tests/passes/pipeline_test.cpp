#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "ir/kernel_kind.h"
#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "passes/pass.h"
#include "tests/passes/agreement.h"
#include "tests/passes/kernels.h"
#include "tests/passes/mlp_graph.h"
#include "tests/support/random_arrays.h"

namespace {

using namespace sluice;

ir::Graph run_one(const passes::Pass& pass, const ir::Graph& graph) {
  const std::array<std::string_view, 1> names{pass.name};
  return passes::run_passes(graph, names);
}

TEST_CASE("the default pipeline keeps the meaning of a training step") {
  const ir::Graph traced = test::mlp_train_step({6, 5, 3});
  const ir::Graph before = passes::differentiate(traced);
  const ir::Graph after = passes::run_passes(traced, passes::default_pipeline());
  ir::check_bodies(after);
  for (const std::int64_t batch_size : {1, 3, 64}) {
    const std::vector<Array> inputs = test::random_parameters(before, batch_size, 3);
    const std::vector<Array> states = test::random_states(before, 4);
    const ir::EvalResult expected = ir::evaluate(before, inputs, states);
    const ir::EvalResult result = ir::evaluate(after, inputs, states);
    CHECK(test::same_values(result.results, expected.results));
    CHECK(test::same_values(result.states, expected.states));
  }
}

TEST_CASE("a training step becomes few kernels") {
  const ir::Graph graph = passes::run_passes(test::mlp_train_step({7, 5, 3}), passes::default_pipeline());
  CHECK(std::ranges::all_of(test::kernels(graph),
                            [&](std::uint32_t node) { return graph.node(node).op == ir::Op::kFused; }));
  CHECK(test::kernels(graph).size() == 17);
}

TEST_CASE("every pass changes nothing in its second run") {
  for (const passes::Pass& pass : passes::all_passes()) {
    CAPTURE(pass.name);
    const ir::Graph once = run_one(pass, passes::differentiate(test::mlp_train_step({6, 5, 3})));
    CHECK(ir::equal_structure(run_one(pass, once), once));
    for (std::uint64_t seed = 500; seed < 550; ++seed) {
      CAPTURE(seed);
      const ir::Graph graph = run_one(pass, test::random_graph(seed, 40));
      CHECK(ir::equal_structure(run_one(pass, graph), graph));
    }
  }
}

TEST_CASE("after the default pipeline every body is of a kind that the backend supports") {
  for (std::uint64_t seed = 600; seed < 800; ++seed) {
    CAPTURE(seed);
    const ir::Graph graph = passes::run_passes(test::random_graph(seed, 60), passes::default_pipeline());
    REQUIRE_NOTHROW(ir::check_bodies(graph));
  }
}

}  // namespace

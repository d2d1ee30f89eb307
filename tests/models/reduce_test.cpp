// Bugs planted in a GAN's training step, which the reducer must bring down to a readable size.
#include "tools/check/reduce.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>

#include "passes/rewrite.h"
#include "tests/models/model.h"
#include "tests/tools/mutate.h"
#include "tests/tools/mutations.h"

namespace {

using namespace sluice;

constexpr std::size_t kMostNodes = 12;  // inputs included
constexpr double kMostSeconds = 60;     // of one core

ir::Graph gan_step() {
  const models::Model gan = models::gan(300, 8);
  detail::FunctionCore core("gan", gan.signature, gan.signature.size(), gan.step, std::source_location::current());
  return core.graph();
}

std::optional<ir::Value> swap_operands_of_sub(passes::Rebuild& now, const ir::Graph& graph, std::uint32_t node) {
  if (graph.node(node).op != ir::Op::kSub) return std::nullopt;
  const std::vector<ir::Value> operands = now.operands(node);
  return now.builder().add(ir::Op::kSub, {operands[1], operands[0]}, {}, graph.node(node).origins);
}

/// Finds the bug that `options` introduce, reduces it, and checks that the result is small and fails in the same way.
ir::Graph reduced(const tools::FullCheckOptions& options, std::string_view stage) {
  const ir::Graph graph = gan_step();
  REQUIRE(graph.nodes().size() > 300);
  const passes::CheckReport report = tools::check_graph(graph, options);
  REQUIRE(report.difference);
  INFO(passes::to_string(*report.difference));
  REQUIRE(report.difference->stage == stage);
  const std::clock_t start = std::clock();
  const ir::Graph small = tools::reduce(graph, *report.difference, options);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(small.nodes().size() <= kMostNodes);
  CHECK(seconds < kMostSeconds);
  const passes::CheckReport again = tools::check_graph(small, options);
  REQUIRE(again.difference);
  CHECK(again.difference->stage == stage);
  MESSAGE(small.nodes().size(), " of ", graph.nodes().size(), " nodes in ", seconds, " s");
  return small;
}

bool has_op(const ir::Graph& graph, ir::Op op) {
  return std::ranges::any_of(graph.nodes(), [&](const ir::Node& node) { return node.op == op; });
}

TEST_CASE("a wrong epilogue of wide products") {
  tools::FullCheckOptions options;
  options.passes.batch_sizes = {1};
  options.passes.seed = 2;  // with which no activation of the correct step is too close to 0 to be decided
  options.engine.plan = test::plans_with([](backend::Plan& plan) {
    for (backend::KernelPlan& kernel : plan.kernels) {
      const bool wide = std::ranges::any_of(kernel.body->results(), [&](ir::Value result) {
        const Shape& shape = kernel.body->type(result).shape;
        return shape.rank() == 2 && shape[1].size > 48;
      });
      if (kernel.product() == nullptr || !wide) continue;
      kernel.body = std::make_shared<ir::Graph>(test::changed(*kernel.body, swap_operands_of_sub));
    }
  });
  const ir::Graph small = reduced(options, "jit");
  CHECK(has_op(small, ir::Op::kMatmul));
  CHECK(has_op(small, ir::Op::kSub));
}

TEST_CASE("a barrier missing from a plan") {
  tools::FullCheckOptions options;
  options.passes.batch_sizes = {1};
  options.passes.seed = 2;  // with which no activation of the correct step is too close to 0 to be decided
  options.engine.plan = test::plans_with([](backend::Plan& plan) {
    for (backend::KernelPlan& kernel : plan.kernels) kernel.barrier_before = false;
  });
  reduced(options, "plan");
}

TEST_CASE("a wrong rule of a pass") {
  constexpr auto kSwapped = [](const ir::Graph& graph) {
    return test::changed(passes::canonicalize(graph), swap_operands_of_sub);
  };
  tools::FullCheckOptions options;
  options.passes.batch_sizes = {1};
  options.passes.seed = 2;  // with which no activation of the correct step is too close to 0 to be decided
  options.passes.pipeline = test::with_mutated("canonicalize", kSwapped);
  CHECK(has_op(reduced(options, "canonicalize"), ir::Op::kSub));
}

}  // namespace

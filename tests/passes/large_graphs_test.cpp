// Large graphs: passes take near-linear time and no stack, and kernels are bounded.
#include "tests/support/large_graphs.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>

#include "ir/kernel_kind.h"
#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/passes/agreement.h"
#include "tests/support/cpu_time.h"

using namespace sluice;

namespace {

ir::Graph compile(const ir::Graph& graph) { return passes::run_passes(graph, passes::default_pipeline()); }

double seconds(const ir::Graph& graph) {
  return test::least_cpu_time([&] { compile(graph); });
}

}  // namespace

TEST_CASE("four times the nodes take less than ten times as long") {
  for (const test::LargeGraph& family : test::large_graphs()) {
    CAPTURE(family.name);
    const double small = seconds(family.make(1500));
    const double large = seconds(family.make(6000));
    CHECK(large < 10 * small + 0.02);  // quadratic would be 16 times
  }
}

TEST_CASE("kernels of large graphs are bounded, and mean the same") {
  for (const test::LargeGraph& family : test::large_graphs()) {
    CAPTURE(family.name);
    const ir::Graph graph = passes::run_passes(family.make(1000), std::vector<std::string_view>{"differentiate"});
    const ir::Graph fused = passes::run_passes(graph, std::vector<std::string_view>{"fuse"});
    CHECK_NOTHROW(ir::check_bodies(fused));  // among the rules is how many nodes a body has
    CHECK(test::same_bits(graph, fused, 1));
    CHECK(ir::equal_structure(passes::run_passes(fused, std::vector<std::string_view>{"fuse"}), fused));
  }
}

TEST_CASE("a long chain becomes few kernels") {
  const ir::Graph fused = compile(test::large_graphs()[0].make(1280));
  const auto kernels = std::ranges::count(fused.nodes(), ir::Op::kFused, &ir::Node::op);
  CHECK(kernels < 40);  // 1,280 nodes forward and about twice as many backward
}

TEST_CASE("a chain of 100,000 nodes needs no deep stack") {
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, std::size_t{256} * 1024) == 0);
  std::size_t nodes = 0;
  const auto work = [](void* result) -> void* {
    const ir::Graph graph = test::large_graphs()[0].make(40000);
    passes::PassOptions options;
    options.on_stage = [&](std::string_view, const ir::Graph& stage) {
      *static_cast<std::size_t*>(result) = std::max(*static_cast<std::size_t*>(result), stage.nodes().size());
    };
    const ir::Graph fused = passes::run_passes(graph, passes::default_pipeline(), options);
    ir::verify(ir::parse(ir::print(fused)));
    return nullptr;
  };
  pthread_t thread{};
  REQUIRE(pthread_create(&thread, &attributes, work, &nodes) == 0);
  REQUIRE(pthread_join(thread, nullptr) == 0);
  pthread_attr_destroy(&attributes);
  CHECK(nodes > 100000);
}

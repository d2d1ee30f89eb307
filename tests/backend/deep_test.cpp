// Graphs of many ops on a thread with little stack: nothing recurses through a graph.
#include <doctest/doctest.h>
#include <pthread.h>

#include <algorithm>
#include <exception>
#include <functional>

#include "ir/reference/interpreter.h"
#include "sluice/ir/graph.h"

namespace sluice {
namespace {

constexpr std::size_t kStack = 256 << 10;

/// Runs `work` on a thread with a stack of kStack bytes.
void on_small_stack(const std::function<void()>& work) {
  struct Job {
    const std::function<void()>& work;
    std::exception_ptr error;
  } job{work, nullptr};
  const auto run = [](void* argument) -> void* {
    Job& own = *static_cast<Job*>(argument);
    try {
      own.work();
    } catch (...) {
      own.error = std::current_exception();
    }
    return nullptr;
  };
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, kStack) == 0);
  pthread_t thread{};
  REQUIRE(pthread_create(&thread, &attributes, run, &job) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  if (job.error) std::rethrow_exception(job.error);
}

/// x + y - x + y - x ...: each op depends on the one before.
ir::Graph chain_of(int ops) {
  const Type type{DType::kF32, {8}};
  const auto emit = [&](ir::Builder& b) {
    const ir::Value x = b.parameter("x", type);
    const ir::Value y = b.parameter("y", type);
    ir::Value value = x;
    for (int i = 0; i < ops; ++i) value = b(i % 2 == 0 ? ir::Op::kAdd : ir::Op::kSub, {value, i % 2 == 0 ? y : x});
    b.set_results({value});
  };
  ir::Builder body("chain");
  emit(body);
  ir::Builder b("fused_chain");
  const std::vector<ir::Value> operands{b.parameter("x", type), b.parameter("y", type)};
  const auto shared = std::make_shared<const ir::Graph>(std::move(body).finish());
  b.set_results({b.fused(operands, shared)});
  return std::move(b).finish();
}

TEST_CASE("the interpreter takes a chain of 20,000 ops on a small stack") {
  const ir::Graph graph = chain_of(20000);
  const std::vector<Array> inputs(2, Array({1.F, 2.F, 3.F, 4.F, 5.F, 6.F, 7.F, 8.F}, {8}));
  on_small_stack([&] {
    const Array result = ir::evaluate(graph, inputs, {}).results[0];
    CHECK(std::ranges::equal(result.data<float>(), inputs[0].data<float>()));
  });
}

}  // namespace
}  // namespace sluice

// Steps in several threads at once, while variables are read and assigned and the team is resized. Worth running under
// ThreadSanitizer.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "backend/compile.h"
#include "ir/random_arrays.h"
#include "runtime/execution/jit_executable.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "sluice/loaded_model.h"
#include "sluice/runtime/executable.h"
#include "sluice/runtime/variable_locks.h"

using namespace sluice;
using runtime::Engine;
using runtime::Executable;
using runtime::Variables;

namespace {

constexpr Engine kEngines[] = {Engine::kJit, Engine::kReference};

/// A perceptron whose kernels are worth dividing at B = 256 and not at B = 1.
ir::Graph classifier(std::int64_t width) {
  return ir::parse(fmt::format(R"(sluice-ir 1
graph @classify(%x: f32[B,64]) state(%w: f32[64,{0}] "w", %v: f32[{0},10] "v") {{
  %0: f32[B,{0}] = matmul %x, %w
  %1: f32[B,{0}] = tanh %0
  %2: f32[B,10] = matmul %1, %v
  return %2
}}
)",
                               width));
}

/// Returns w + 1, and the difference of w's elements, which is 0 except in half a step.
constexpr const char* kAdvance = R"(sluice-ir 1
graph @advance() state(%w: f32[65536] "weight") {
  %0: f32[] = constant {value=1}
  %1: f32[65536] = broadcast %0 {shape=[65536]}
  %2: f32[65536] = add %w, %1
  %3: f32[] = reduce_max %w {axes=[0]}
  %4: f32[] = reduce_min %w {axes=[0]}
  %5: f32[] = sub %3, %4
  update %w = %2
  return %5
}
)";

/// Runs all of `work` concurrently, each in its own thread.
template <typename... Work>
void at_once(Work... work) {
  std::vector<std::thread> threads;
  (threads.emplace_back(work), ...);
  for (std::thread& thread : threads) thread.join();
}

Variables random_variables(const ir::Graph& graph) { return runtime::variables_for(graph, random_states(graph, 1)); }

}  // namespace

TEST_CASE("one executable called from four threads gives each its own results, bit for bit") {
  const ir::Graph graph = classifier(130);
  for (const Engine engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    const auto executable = Executable::create(graph, random_variables(graph), {.engine = engine});
    const int calls = engine == Engine::kJit ? 200 : 5;
    std::atomic<int> wrong{0};
    const auto caller = [&](std::uint64_t seed) {
      return [&, seed] {
        std::vector<Array> outputs(1);
        for (const std::int64_t b : {1, 7, 256}) {
          const std::vector<Array> inputs = random_parameters(graph, b, seed);
          std::vector<Array> expected(1);
          executable->run(inputs, expected);
          for (int i = 0; i < calls; ++i) {
            executable->run(inputs, outputs);
            if (!(outputs[0] == expected[0])) ++wrong;
          }
        }
      };
    };
    at_once(caller(1), caller(2), caller(3), caller(4));
    CHECK(wrong == 0);
  }
}

TEST_CASE("a loaded model called from several threads predicts the same as alone") {
  const ir::Graph graph = classifier(48);
  const LoadedModel model(SavedModel{.graph = graph, .weights = random_states(graph, 1), .output_names = {"logits"}});
  const std::vector<Array> inputs = random_parameters(graph, 100, 1);
  const Array expected = model.run(inputs)[0];
  std::atomic<int> wrong{0};
  const auto caller = [&] {
    for (int i = 0; i < 200; ++i) {
      if (!(model.run(inputs)[0] == expected)) ++wrong;
    }
  };
  at_once(caller, caller, caller, caller);
  CHECK(wrong == 0);
}

TEST_CASE("steps without shared variables do not wait for each other") {
  // The step of `slow` ends only after that of `fast`: each is a kernel that waits for the other.
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[B]) state(%w: f32[] "w") {
  %0: f32[B] = broadcast %w {shape=[B]}
  %1: f32[B] = add %x, %0
  return %1
}
)");
  static std::atomic<int> arrived;
  static std::atomic<int> missed;
  arrived = 0;
  missed = 0;
  const backend::KernelFunction meet = [](std::byte* const*, const std::int64_t*, std::byte*, std::int64_t,
                                          std::int64_t) {
    ++arrived;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (arrived < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    if (arrived < 2) ++missed;
  };
  const backend::Plan plan = backend::plan_graph(graph);
  const auto program = std::make_shared<const backend::Program>(
      plan, std::vector<backend::KernelFunction>(plan.kernels.size(), meet), nullptr);
  const std::vector<Array> inputs = random_parameters(graph, 3, 1);
  const auto step_of = [&](Executable& executable) {
    return [&] {
      std::vector<Array> outputs(1);
      executable.run(inputs, outputs);
    };
  };
  SUBCASE("two executables that share a variable which neither writes") {
    const Variables variables = random_variables(graph);
    const auto first = runtime::make_jit_executable(graph, variables, program);
    const auto second = runtime::make_jit_executable(graph, variables, program);
    at_once(step_of(*first), step_of(*second));
  }
  SUBCASE("one executable") {
    const auto only = runtime::make_jit_executable(graph, random_variables(graph), program);
    at_once(step_of(*only), step_of(*only));
  }
  CHECK(arrived == 2);
  CHECK(missed == 0);
}

TEST_CASE("nobody sees half of a step, even while the team is resized") {
  const runtime::KeepDefaultThreads keep;
  const ir::Graph advance_graph = ir::parse(kAdvance);
  for (const bool share_all : {false, true}) {
    CAPTURE(share_all);
    const Variables variables = runtime::variables_for(advance_graph, std::vector{Array(DType::kF32, {65536})});
    const runtime::ExecutableOptions options{.share_all_kernels = share_all};
    const auto advance = Executable::create(advance_graph, variables, options);
    const auto second = Executable::create(advance_graph, variables, options);
    std::atomic<int> torn{0};
    std::atomic<bool> stops{false};
    constexpr int kSteps = 150;
    const auto steps = [&](Executable& executable) {
      return [&] {
        std::vector<Array> outputs(1);
        for (int i = 0; i < kSteps; ++i) {
          executable.run({}, outputs);
          if (outputs[0].item<float>() != 0) ++torn;
        }
      };
    };
    std::thread resizes([&] {
      for (int i = 0; !stops; ++i) runtime::set_default_threads(1 + i % 4);
    });
    const auto reads = [&] {
      for (int i = 0; i < kSteps; ++i) {
        const Array value = variables[0]->value();
        if (value.data<float>().front() != value.data<float>().back()) ++torn;
      }
    };
    at_once(steps(*advance), steps(*second), reads);
    stops = true;
    resizes.join();
    CHECK(torn == 0);
    CHECK(variables[0]->value().data<float>()[0] == 2 * kSteps);
  }
}

TEST_CASE("an assignment is atomic for steps in other threads, and is not lost") {
  const ir::Graph graph = ir::parse(kAdvance);
  const Variables variables = runtime::variables_for(graph, std::vector{Array(DType::kF32, {65536})});
  const auto advance = Executable::create(graph, variables, {});
  std::atomic<int> torn{0};
  constexpr float kFar = 1e6F;  // more than all steps add up to
  const auto steps = [&] {
    std::vector<Array> outputs(1);
    for (int i = 0; i < 100; ++i) {
      advance->run({}, outputs);
      if (outputs[0].item<float>() != 0) ++torn;
    }
  };
  const auto assigns = [&] {
    Array value(DType::kF32, {65536});
    for (int i = 1; i <= 50; ++i) {
      for (float& element : value.data<float>()) element = kFar * static_cast<float>(i);
      variables[0]->assign(value);
      if (variables[0]->value().data<float>()[7] < kFar * static_cast<float>(i)) ++torn;
    }
  };
  at_once(steps, assigns);
  CHECK(torn == 0);
  CHECK(variables[0]->value().data<float>()[0] >= 50 * kFar);
}

TEST_CASE("a variable that is two states of a graph, of which one is written, is locked for writing") {
  for (const char* const updated : {"v", "w"}) {
    CAPTURE(updated);
    const ir::Graph graph = ir::parse(fmt::format(R"(sluice-ir 1
graph @f() state(%v: f32[] "v", %w: f32[] "w") {{
  %0: f32[] = add %v, %w
  update %{} = %0
  return %0
}}
)",
                                                  updated));
    const auto variable = runtime::variables_for(ir::parse(kAdvance), std::vector{Array(DType::kF32, {65536})})[0];
    const runtime::VariableLocks locks(graph, {variable, variable});
    std::atomic<bool> read{false};
    locks.lock();
    std::thread reader([&] {
      static_cast<void>(variable->value());
      read = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(!read);
    locks.unlock();
    reader.join();
    CHECK(read);
  }
}

TEST_CASE("executables that use the same variables in another order do not deadlock") {
  const ir::Graph forth = ir::parse(R"(sluice-ir 1
graph @forth() state(%a: f32[64] "a", %b: f32[64] "b") {
  %0: f32[64] = add %a, %b
  update %a = %0
  return
}
)");
  const ir::Graph back = ir::parse(R"(sluice-ir 1
graph @back() state(%b: f32[64] "b", %a: f32[64] "a") {
  %0: f32[64] = add %a, %b
  update %b = %0
  return
}
)");
  const Variables variables = runtime::variables_for(forth, random_states(forth, 1));
  const auto first = Executable::create(forth, variables, {});
  const auto second = Executable::create(back, {variables[1], variables[0]}, {});
  const auto steps = [](Executable& executable) {
    return [&] {
      for (int i = 0; i < 2000; ++i) executable.run({}, {});
    };
  };
  at_once(steps(*first), steps(*second));
}

TEST_CASE("executables are created and destroyed while others run") {
  const ir::Graph graph = classifier(32);
  const Variables variables = random_variables(graph);
  const std::vector<Array> inputs = random_parameters(graph, 256, 1);
  std::vector<Array> expected(1);
  const auto stays = Executable::create(graph, variables, {});
  stays->run(inputs, expected);
  std::atomic<int> wrong{0};
  const auto comes_and_goes = [&] {
    for (int i = 0; i < 3; ++i) {
      std::vector<Array> outputs(1);
      Executable::create(graph, variables, {})->run(inputs, outputs);
      if (!(outputs[0] == expected[0])) ++wrong;
    }
  };
  const auto runs = [&] {
    std::vector<Array> outputs(1);
    for (int i = 0; i < 300; ++i) {
      stays->run(inputs, outputs);
      if (!(outputs[0] == expected[0])) ++wrong;
    }
  };
  at_once(comes_and_goes, comes_and_goes, runs);
  CHECK(wrong == 0);
}

TEST_CASE("a step of small kernels wakes no thread, and one of large kernels forks once") {
  const runtime::KeepDefaultThreads keep;
  runtime::set_default_threads(2);
  const ir::Graph graph = classifier(130);
  const auto executable = Executable::create(graph, random_variables(graph), {});
  const auto all = Executable::create(graph, random_variables(graph), {.share_all_kernels = true});
  const auto forks_of = [&](Executable& called, std::int64_t b) {
    const std::vector<Array> inputs = random_parameters(graph, b, 1);
    std::vector<Array> outputs(1);
    const std::uint64_t before = runtime::default_team().forks();
    for (int i = 0; i < 10; ++i) called.run(inputs, outputs);
    return runtime::default_team().forks() - before;
  };
  CHECK(forks_of(*executable, 1) == 0);
  CHECK(forks_of(*executable, 32) == 0);
  CHECK(forks_of(*all, 1) == 10);
  // If this machine is so busy that threads start late, steps run on one thread for a while.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  std::uint64_t large = 0;
  while (large == 0 && std::chrono::steady_clock::now() < deadline) large = forks_of(*executable, 20000);
  CHECK(large >= 1);
  CHECK(large <= 10);
}

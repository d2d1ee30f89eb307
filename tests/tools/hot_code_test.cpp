// Sampling of program counters, and the instructions of kernels that samples fall on.
#include "tools/code/hot_code.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "backend/target.h"
#include "passes/pass.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/passes/mlp_graph.h"
#include "tests/support/sanitized.h"
#include "tests/support/skip.h"
#include "tools/code/instructions.h"
#include "tools/code/sampler.h"

using namespace sluice;
using namespace sluice::tools;

namespace {

using Clock = std::chrono::steady_clock;

// Two functions that spin without calling anything.
[[gnu::noinline]] void spin_here(const std::atomic<bool>& stops) {
  while (!stops.load(std::memory_order_relaxed)) {
  }
}
[[gnu::noinline]] void spin_there(const std::atomic<bool>& stops) {
  long turns = 0;
  while (!stops.load(std::memory_order_relaxed)) ++turns;
  static std::atomic<long> seen;
  seen = turns;
}

std::ptrdiff_t count_in(const std::vector<std::uintptr_t>& addresses, void (*function)(const std::atomic<bool>&)) {
  constexpr std::uintptr_t kMostBytes = 512;
  const auto begin = reinterpret_cast<std::uintptr_t>(function);
  return std::ranges::count_if(addresses, [&](std::uintptr_t at) { return at >= begin && at < begin + kMostBytes; });
}

/// A graph and its kernels' code.
struct Compiled {
  explicit Compiled(const ir::Graph& graph)
      : traced(graph),
        plan(backend::make_plan(passes::run_passes(graph, passes::default_pipeline(), {}), backend::host_target())),
        code(code_of_kernels(plan)) {}

  ir::Graph traced;
  backend::Plan plan;
  std::vector<KernelCode> code;
};

ir::Graph product() {
  return ir::parse(R"(sluice-ir 1
graph @product(%x: f32[B,512], %w: f32[512,512]) {
  %0: f32[B,512] = matmul %x, %w
  return %0
}
)");
}

/// Returns the lines of the innermost loop around a line: from a label before it to a jump back to that label.
std::vector<TracedLine> loop_around(const std::vector<TracedLine>& assembly, std::size_t line) {
  for (std::size_t begin = line + 1; begin-- > 0;) {
    const std::string& label = assembly[begin].text;
    if (label.empty() || label.front() == ' ') continue;
    const std::string name = label.substr(0, label.find(':'));
    for (std::size_t end = line; end < assembly.size(); ++end) {
      const std::string& text = assembly[end].text;
      if (text.starts_with("    j") && text.ends_with(" " + name))
        return {assembly.begin() + static_cast<std::ptrdiff_t>(begin),
                assembly.begin() + static_cast<std::ptrdiff_t>(end) + 1};
    }
  }
  return {};
}

}  // namespace

TEST_CASE("samples are instructions that threads were at") {
#ifdef SLUICE_SANITIZED
  return test::skip("sanitizers deliver signals late");
#endif
  std::atomic<bool> stops = false;
  std::jthread other(spin_there, std::cref(stops));
  std::jthread timer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    stops = true;
  });
  Sampler sampler(100000);
  spin_here(stops);
  const std::vector<std::uintptr_t> addresses = sampler.stop();
  CHECK(addresses.size() > 20);
  CHECK(count_in(addresses, spin_here) > 10);
  CHECK(count_in(addresses, spin_there) > 10);
  CHECK(sampler.stop().empty());
}

TEST_CASE("a sampler keeps as many samples as there is room for, and leaves the signal as it was") {
  struct sigaction before {};
  sigaction(SIGPROF, nullptr, &before);
  for (int turn = 0; turn < 50; ++turn) {
    std::atomic<bool> stops = false;
    Sampler sampler(3);
    std::jthread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      stops = true;
    });
    spin_here(stops);
    CHECK(sampler.stop().size() <= 3);
  }
  struct sigaction after {};
  sigaction(SIGPROF, nullptr, &after);
  const bool as_before = after.sa_handler == before.sa_handler;
  CHECK(as_before);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));  // a signal that is still pending would end the process
}

TEST_CASE("every instruction of a training step's assembly is found in its machine code") {
  const Compiled step(test::mlp_train_step({70, 33, 5}));
  for (std::size_t k = 0; k < step.code.size(); ++k) {
    CAPTURE(step.code[k].name);
    const auto found =
        instructions_of(step.code[k].object, backend::kernel_symbol(k), step.code[k].assembly, backend::host_target());
    REQUIRE(found);
    REQUIRE(found->offsets.size() == step.code[k].assembly.size());
    CHECK(std::ranges::is_sorted(found->offsets));
    CHECK(found->offsets.back() < found->end);
    const auto entry = std::ranges::find_if(
        step.code[k].assembly, [&](const TracedLine& line) { return line.text == backend::kernel_symbol(k) + ":"; });
    REQUIRE(entry != step.code[k].assembly.end());
    const auto after = static_cast<std::size_t>(entry - step.code[k].assembly.begin()) + 1;
    CHECK(found->offsets[after] == 0);
  }
}

TEST_CASE("assembly of another kernel does not match") {
  const Compiled step(test::mlp_train_step({70, 33, 5}));
  CHECK_FALSE(
      instructions_of(step.code[1].object, backend::kernel_symbol(1), step.code[0].assembly, backend::host_target()));
  CHECK_FALSE(instructions_of({}, backend::kernel_symbol(0), step.code[0].assembly, backend::host_target()));
}

TEST_CASE("the hottest instruction of a product is in its inner loop, on one thread and on several") {
#ifdef SLUICE_SANITIZED
  return test::skip("sanitizers deliver signals late");
#endif
  const Compiled made(product());
  Bindings sizes;
  sizes.set(kBatchSymbol, 128);
  const runtime::KeepDefaultThreads keep;
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    runtime::set_default_threads(threads);
    const std::vector<HotCode> hot = sample_kernels(made.traced, made.plan, made.code, sizes, 0.7);
    REQUIRE(hot.size() == 1);
    CHECK(hot[0].samples > 50);
    const std::vector<std::int64_t>& of_line = hot[0].of_line;
    REQUIRE(of_line.size() == made.code[0].assembly.size());
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < of_line.size(); ++i) {
      sum += of_line[i];
      if (of_line[i] > 0) CHECK(made.code[0].assembly[i].text.front() == ' ');  // not a label
    }
    CHECK(sum == hot[0].samples);
    const auto hottest = static_cast<std::size_t>(std::ranges::max_element(of_line) - of_line.begin());
    INFO(made.code[0].assembly[hottest].text);
#if defined(__x86_64__)
    const std::vector<TracedLine> loop = loop_around(made.code[0].assembly, hottest);
    REQUIRE_FALSE(loop.empty());
    CHECK(std::ranges::count_if(loop, [](const TracedLine& line) { return line.text.find("fma") != line.text.npos; }) >=
          8);
#endif
  }
}

// `sluice explain`, as a user runs it.
#include <regex>

#include "backend/plan.h"
#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

Outcome explain(const std::string& arguments, const std::string& environment = "") {
  return run_sluice("explain " + arguments, environment);
}

/// The text on standard input.
Outcome explain_text(const std::string& text, const std::string& arguments = "") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "graph.ir", text);
  return explain(fmt::format("- {} < '{}'", arguments, file.string()));
}

bool has(const Outcome& outcome, std::string_view words) { return contains(outcome.out, words); }

constexpr const char* kDense = R"(sluice-ir 1
graph @dense(%x: f32[B,40]) state(%w: f32[40,24] "w", %b: f32[24] "b") {
  %0: f32[B,24] = matmul %x, %w
  %1: f32[B,24] = broadcast %b {shape=[B,24]}
  %2: f32[B,24] = add %0, %1
  %3: f32[B,24] = relu %2
  %4: f32[24] = reduce_sum %3 {axes=[0]}
  update %b = %4
  return %3
}
)";

}  // namespace

TEST_CASE("each kernel shows where it comes from, what it does, and why it is separate from its neighbor") {
  const Outcome outcome = explain_text(kDense, "--batch 16");
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  CHECK(has(outcome, "@dense with B = 16: 2 kernels"));
  CHECK(has(outcome, "matmul_add_relu_0"));
  CHECK(has(outcome, "lines   <stdin>:3-6\n"));
  CHECK(has(outcome, "ops     matmul, broadcast, add, relu\n"));
  CHECK(has(outcome, "apart   from 0, relu to reduce_sum: a reduction cannot ride on a product's store\n"));
  // 2*16*40*24 for the product, 16*24 each for add and relu; x, w, b and the result.
  CHECK(has(outcome, "31.5 k   8.03 k"));
}

TEST_CASE("the memory plan has every buffer, and the program's peak") {
  const Outcome outcome = explain_text(kDense, "--batch 16");
  CHECK(std::regex_search(outcome.out, std::regex("b0 +parameter +x +f32\\[B,40\\] +- +2560  0-0\n")));
  CHECK(std::regex_search(outcome.out, std::regex("state +b +f32\\[24\\] +- +96  1-1 \\(in place\\)\n")));
  CHECK(std::regex_search(outcome.out, std::regex(" 2560  parameters\n")));
  CHECK(std::regex_search(outcome.out, std::regex(" 3936  states\n")));
  CHECK(std::regex_search(outcome.out, std::regex(" 1536  results\n")));

  // The plan's totals are what the runtime allocates: memory_of.
  const ir::Graph fused = passes::run_passes(ir::parse(kDense), passes::default_pipeline());
  const backend::Plan plan = backend::make_plan(fused, backend::host_target());
  const backend::Memory memory = backend::memory_of(plan, 16, 3);
  CHECK(memory.scratch() == 3 * memory.scratch_stride);
  REQUIRE(plan.arenas.size() <= 1);
  CHECK(memory.growing_arena == (plan.arenas.empty() ? 0 : 16 * plan.arenas[0].bytes.size));
  const Outcome three = explain(fmt::format("'{}' --batch 16", training_step().string()), "SLUICE_NUM_THREADS=3");
  CHECK(has(three, "for each of 3 threads"));
}

/// Returns the number before `what` below the buffers.
std::int64_t bytes_of(const Outcome& outcome, const std::string& what) {
  std::smatch found;
  REQUIRE(std::regex_search(outcome.out, found, std::regex("\n +([0-9]+)  " + what)));
  return std::stoll(found[1]);
}

TEST_CASE("the peak includes the arrays and the runtime's memory") {
  const ir::Graph traced = ir::parse(text_of(training_step()));
  const backend::Plan plan =
      backend::make_plan(passes::run_passes(traced, passes::default_pipeline()), backend::host_target());
  for (const int batch_size : {1, 17, 128}) {
    const Outcome outcome =
        explain(fmt::format("'{}' --batch {}", training_step().string(), batch_size), "SLUICE_NUM_THREADS=2");
    const backend::Memory memory = backend::memory_of(plan, batch_size, 2);
    CHECK(bytes_of(outcome, "temporaries of static size") == memory.static_arena);
    CHECK(bytes_of(outcome, "temporaries that grow") == memory.growing_arena);
    CHECK(bytes_of(outcome, "scratch") == memory.scratch());
    std::int64_t arrays = 0;
    for (const char* kind : {"parameters", "states", "results", "constants"}) arrays += bytes_of(outcome, kind);
    CHECK(arrays > batch_size * 784);
    CHECK(bytes_of(outcome, "peak") == arrays + memory.total());
    // Each temporary has its own place during its lifetime.
    for (const backend::Buffer& buffer : plan.buffers) {
      if (buffer.kind != backend::BufferKind::kTemporary || buffer.last_use < 0) continue;
      const std::string offset = std::regex_replace(to_string(buffer.offset), std::regex("\\*"), "\\*");
      const std::string lifetime = fmt::format("temporary .* {} +{}  {}-{}\n", offset, buffer.bytes.at(batch_size),
                                               buffer.first_use, buffer.last_use);
      CAPTURE(lifetime);
      CHECK(std::regex_search(outcome.out, std::regex(lifetime)));
    }
  }
}

TEST_CASE("measured kernels have their time and share of the peak") {
  const Outcome outcome = explain_text(kDense, "--batch 16 --measure --repeat 3");
  CHECK(outcome.status == 0);
  CHECK(has(outcome, "measured for"));
  CHECK(std::regex_search(outcome.out, std::regex("matmul_add_relu_0 .* us +[0-9]+%\n")));
  CHECK(has(outcome, "all kernels, one by one"));
}

TEST_CASE("the training step is explained, with a reason for every pair of neighbors") {
  const std::string file = training_step().string();
  const Outcome outcome = explain(fmt::format("'{}'", file));
  CHECK(outcome.status == 0);
  CHECK(has(outcome, "@train_step with B = 128"));
  CHECK(has(outcome, "a product reads its operands from memory"));
  CHECK(has(outcome, "a reduction ends a kernel"));
  CHECK(std::regex_search(outcome.out, std::regex("lines   \\S*examples/mnist_mlp\\.cpp:\\d+\n")));
  CHECK(std::regex_search(outcome.out, std::regex("; gradient of \\S*examples/mnist_mlp\\.cpp:\\d+")));
  CHECK_FALSE(has(outcome, ".ir:"));
  CHECK(std::regex_search(outcome.out, std::regex("cast_div_0 .* memory +[0-9.]+ us\n")));
  CHECK(std::regex_search(outcome.out, std::regex("matmul_add_relu_1 .* arithmetic +[0-9.]+ us\n")));
  CHECK(has(outcome, "adam_0/dense_0/w/m"));
  CHECK_FALSE(has(outcome, "another kernel took it first"));
}

TEST_CASE("wrong arguments are reported") {
  CHECK(explain("no-such-file.ir").err == "sluice: no-such-file.ir: cannot be read: No such file or directory\n");
  CHECK(explain_text(kDense, "--batch 0").status != 0);
}

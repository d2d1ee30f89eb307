// Products skip zeros of their lhs, which changes no result, wherever zeros, infinities and NaNs are.
#include <fmt/format.h>

#include <cstring>
#include <limits>

#include "backend/compile.h"
#include "passes/pass.h"
#include "runtime/execution/jit_executable.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

struct Result {
  std::vector<Array> results;
  std::vector<Array> states;
};

ir::Graph parse(const std::string& text) { return ir::parse("sluice-ir 1\n" + text); }

/// A graph's code in which at least one product skips zeros, or none of these does.
std::shared_ptr<const backend::Program> program_with(bool skipping, const ir::Graph& graph,
                                                     const std::string& features) {
  const backend::CompileOptions options{.target_features = features};
  backend::Plan plan = backend::plan_graph(graph, options);
  bool any = false;
  for (backend::KernelPlan& kernel : plan.kernels) {
    backend::ProductKernel* const product = kernel.product();
    if (product == nullptr || !product->skips_zeros) continue;
    any = true;
    product->skips_zeros = skipping;
  }
  CHECK(any);
  return backend::compile_plan(plan, options);
}

/// A compiled graph with its own variables.
class Compiled {
 public:
  explicit Compiled(const ir::Graph& graph, bool skipping = true, const std::string& features = {})
      : states_(test::random_states(graph, 7)),
        variables_(runtime::variables_for(graph, states_)),
        executable_(runtime::make_jit_executable(graph, variables_, program_with(skipping, graph, features),
                                                 {.target_features = features})),
        results_(graph.results().size()) {}

  /// Always starts from the same states.
  Result run(const std::vector<Array>& inputs) {
    for (std::size_t i = 0; i < states_.size(); ++i) variables_[i]->assign(states_[i]);
    Result result{results_, {}};
    executable_->run(inputs, result.results);
    for (const auto& variable : variables_) result.states.push_back(variable->value());
    return result;
  }

 private:
  std::vector<Array> states_;
  runtime::Variables variables_;
  std::shared_ptr<runtime::Executable> executable_;
  const std::vector<Array> results_;
};

bool same_bits(const Array& a, const Array& b) {
  return a.type() == b.type() && std::memcmp(a.bytes(), b.bytes(), a.byte_count()) == 0;
}

/// Sets all but about one in `keep` elements to 0, some of these to -0; if `keep` is 0, all of them.
void thin_out(Array& array, std::uint64_t keep) {
  visit_dtype(array.dtype(), [&]<typename T>(T) {
    std::uint64_t state = 1;
    for (T& x : array.data<T>()) {
      state = state * 6364136223846793005 + 1442695040888963407;
      if (keep == 0 || (state >> 33) % keep != 0)
        x = static_cast<T>(std::is_floating_point_v<T> && state % 3 == 0 ? -0.0 : 0.0);
    }
  });
}

/// Compares with the interpreter, with the same kernels without skipping zeros, and with other numbers of threads.
void check(const std::string& text, const std::vector<std::int64_t>& batches, double tolerance = 2e-6) {
  const ir::Graph graph = parse(text);
  CAPTURE(text);
  const std::vector<Array> states = test::random_states(graph, 7);
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    Compiled skipping(graph, true, features);
    Compiled plain(graph, false, features);
    for (const std::int64_t batch_size : batches) {
      CAPTURE(batch_size);
      for (const std::uint64_t keep : {0U, 1U, 2U, 30U}) {
        CAPTURE(keep);
        std::vector<Array> inputs = test::random_parameters(graph, batch_size, 1);
        if (keep != 1) thin_out(inputs[0], keep);
        const ir::EvalResult expected = ir::evaluate(graph, inputs, states);
        const Result skipped = skipping.run(inputs);
        const Result all = plain.run(inputs);
        runtime::set_default_threads(3);
        const Result other = skipping.run(inputs);
        runtime::set_default_threads(1);
        const auto compare = [&](const Array& x, const Array& reference, const Array& y, const Array& z) {
          CHECK(test::distance(x, reference) <= tolerance);
          CHECK(test::distance(x, y) == 0);
          CHECK(same_bits(x, z));
        };
        for (std::size_t i = 0; i < skipped.results.size(); ++i)
          compare(skipped.results[i], expected.results[i], all.results[i], other.results[i]);
        for (std::size_t i = 0; i < states.size(); ++i)
          compare(skipped.states[i], expected.states[i], all.states[i], other.states[i]);
      }
    }
  }
}

TEST_CASE("products of every orientation skip zeros") {
  for (const char* body : {
           "%a: f32[B,130], %b: f32[130,100]) {\n  %0: f32[B,100] = matmul %a, %b\n  return %0\n}",
           "%a: f32[B,67], %b: f32[149,67]) {\n  %0: f32[B,149] = matmul %a, %b {transpose_b=true}\n  return %0\n}",
           "%a: f32[B,37], %b: f32[B,100]) {\n  %0: f32[37,100] = matmul %a, %b {transpose_a=true}\n  return %0\n}",
           "%a: f32[33,B], %b: f32[100,33]) {\n  %0: f32[B,100] = matmul %a, %b {transpose_a=true, transpose_b=true}\n"
           "  return %0\n}",
           "%a: f32[50,33], %b: f32[33,B]) {\n  %0: f32[50,B] = matmul %a, %b\n  return %0\n}",
           "%a: f32[17,B], %b: f32[100,B]) {\n  %0: f32[17,100] = matmul %a, %b {transpose_b=true}\n  return %0\n}",
           "%a: f64[B,70], %b: f64[70,120]) {\n  %0: f64[B,120] = matmul %a, %b\n  return %0\n}",
           "%a: f64[B,31], %b: f64[B,99]) {\n  %0: f64[31,99] = matmul %a, %b {transpose_a=true}\n  return %0\n}",
       }) {
    check(fmt::format("graph @f({}", body), {1, 3, 64, 128, 300});
  }
}

TEST_CASE("zeros are skipped in each of many blocks of K") {
  check("graph @f(%a: f32[24,6000], %b: f32[6000,100]) {\n  %0: f32[24,100] = matmul %a, %b\n  return %0\n}", {1},
        1e-5);
}

TEST_CASE("epilogues ride on products that skip zeros") {
  check(R"(graph @layer(%x: u8[B,70] {range=[0,256)}, %w: f32[70,100], %b: f32[100]) {
  %0: f32[B,70] = cast %x {dtype=f32}
  %1: f32[B,100] = matmul %0, %w
  %2: f32[B,100] = broadcast %b {shape=[B,100]}
  %3: f32[B,100] = add %1, %2
  %4: f32[B,100] = relu %3
  return %4
})",
        {1, 3, 64, 128});
  check(
      R"(graph @adam(%x: f32[B,70], %d: f32[B,100]) state(%w: f32[70,100] "w", %m: f32[70,100] "m", %v: f32[70,100] "v" {range=[1,2)}) {
  %0: f32[70,100] = matmul %x, %d {transpose_a=true}
  %1: f32[70,100] = add %m, %0
  %2: f32[70,100] = square %0
  %3: f32[70,100] = add %v, %2
  %4: f32[70,100] = sqrt %3
  %5: f32[70,100] = div %1, %4
  %6: f32[70,100] = sub %w, %5
  update %w = %6, %m = %1, %v = %3
  return %6
})",
      {1, 3, 24, 128, 600});
}

TEST_CASE("an infinity or a NaN in the rhs reaches every sum that it belongs to, even through zeros") {
  const ir::Graph forward =
      parse("graph @f(%a: f32[B,130], %b: f32[130,150]) {\n  %0: f32[B,150] = matmul %a, %b\n  return %0\n}");
  const ir::Graph turned = parse(
      "graph @f(%a: f32[B,130], %b: f32[150,130]) {\n  %0: f32[B,150] = matmul %a, %b {transpose_b=true}\n  return "
      "%0\n}");
  const ir::Graph gradient = parse(
      "graph @f(%a: f32[B,40], %b: f32[B,150]) {\n  %0: f32[40,150] = matmul %a, %b {transpose_a=true}\n  return "
      "%0\n}");
  for (const ir::Graph* graph : {&forward, &turned, &gradient}) {
    Compiled compiled(*graph);
    for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                            std::numeric_limits<float>::quiet_NaN()}) {
      for (const std::size_t factor : {0U, 1U}) {
        for (const double where : {0.0, 0.3, 0.5, 0.7, 0.999}) {
          CAPTURE(bad);
          CAPTURE(factor);
          CAPTURE(where);
          std::vector<Array> inputs = test::random_parameters(*graph, 64, 1);
          thin_out(inputs[0], 30);
          const auto elements = inputs[factor].data<float>();
          elements[static_cast<std::size_t>(where * static_cast<double>(elements.size()))] = bad;
          const ir::EvalResult expected = ir::evaluate(*graph, inputs, {});
          const Result actual = compiled.run(inputs);
          CHECK(test::distance(actual.results[0], expected.results[0]) <= 2e-6);
        }
      }
    }
  }
}

TEST_CASE("a row has the same bits for every B and number of threads, whatever zeros are in other rows") {
  const ir::Graph graph =
      parse("graph @f(%a: f32[B,130], %b: f32[130,150]) {\n  %0: f32[B,150] = matmul %a, %b\n  return %0\n}");
  std::vector<Array> inputs = test::random_parameters(graph, 64, 1);
  thin_out(inputs[0], 30);
  // Sums of zeros only, the first of them -0 because the product underflows: later terms make it +0.
  const auto a = inputs[0].data<float>();
  std::fill(a.begin() + 16 * 130, a.begin() + 24 * 130, 0.0F);
  for (std::ptrdiff_t row = 16; row < 24; ++row) a[static_cast<std::size_t>(row * 130 + 5)] = 1e-30F;
  const auto b = inputs[1].data<float>();
  std::fill(b.begin() + 5 * 150, b.begin() + 6 * 150, -1e-30F);
  Compiled compiled(graph);
  const Array all = compiled.run(inputs).results[0];
  for (const int threads : {1, 2, 3, 4}) {
    runtime::set_default_threads(threads);
    for (const std::int64_t rows : {1, 7, 16, 17, 24, 63, 64}) {
      CAPTURE(threads);
      CAPTURE(rows);
      const std::vector<float> some(a.begin(), a.begin() + rows * 130);
      const Result part = compiled.run({Array(some, {rows, 130}), inputs[1]});
      CHECK(std::memcmp(part.results[0].bytes(), all.bytes(), part.results[0].byte_count()) == 0);
    }
  }
  runtime::set_default_threads(1);
}

TEST_CASE("a weight gradient has the same bits whichever threads give up their lists") {
  const ir::Graph graph = parse(
      "graph @f(%x: f32[B,160], %d: f32[B,96]) {\n  %0: f32[160,96] = matmul %x, %d {transpose_a=true}\n  return "
      "%0\n}");
  std::vector<Array> inputs = test::random_parameters(graph, 64, 1);
  // Four threads start at row tiles of a panel's first or second half. The first half has no zeros; the second half has
  // little else, and the last product of its sums is a -0 because it underflows.
  const auto x = inputs[0].data<float>();
  for (std::size_t k = 0; k < 64; ++k) std::fill_n(x.begin() + static_cast<std::ptrdiff_t>(k * 160 + 80), 80, 0.0F);
  std::fill_n(x.begin() + 63 * 160 + 80, 80, 1e-30F);
  const auto d = inputs[1].data<float>();
  std::fill_n(d.begin() + 63 * 96, 96, -1e-30F);
  Compiled compiled(graph);
  const Array one = compiled.run(inputs).results[0];
  for (const int threads : {2, 3, 4}) {
    CAPTURE(threads);
    runtime::set_default_threads(threads);
    const Result result = compiled.run(inputs);
    CHECK(std::memcmp(result.results[0].bytes(), one.bytes(), one.byte_count()) == 0);
  }
  runtime::set_default_threads(1);
}

TEST_CASE("operands from parameters, relu or masks are searched for zeros, weights are not") {
  const ir::Graph graph = passes::run_passes(
      parse(R"(graph @f(%x: f32[B,70]) state(%w: f32[70,100] "w", %u: f32[100,100] "u", %n: f32[100,10] "n") {
  %0: f32[B,100] = matmul %x, %w
  %1: f32[B,100] = tanh %0
  %2: f32[B,100] = matmul %1, %u
  %3: f32[B,100] = relu %2
  %4: f32[B,100] = matmul %3, %u
  %5: f32[100,100] = matmul %u, %u
  %6: f32[B,10] = matmul %3, %n
  return %4, %5, %6
})"),
      passes::default_pipeline());
  const auto skipping = [&](const backend::PlanOptions& options) {
    std::string names;
    for (const backend::KernelPlan& kernel : backend::make_plan(graph, backend::host_target(), options).kernels) {
      if (kernel.product() != nullptr && kernel.product()->skips_zeros) names += kernel.name + " ";
    }
    return names;
  };
  // A parameter (x): yes; tanh: no; relu: yes; a variable: no; a narrow product: no.
  CHECK(skipping({}) == "matmul_tanh_0 matmul_2 ");
  CHECK(skipping({.skip_zeros = false}).empty());
}

}  // namespace
}  // namespace sluice

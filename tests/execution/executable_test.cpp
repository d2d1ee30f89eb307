// Executables of both engines: what they accept, which arrays they write, and several threads that share variables.
#include "sluice/runtime/executable.h"

#include <doctest/doctest.h>

#include <array>
#include <new>
#include <thread>

#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/support/refusal.h"

using namespace sluice;
using runtime::Engine;
using runtime::Executable;

namespace {

constexpr Engine kEngines[] = {Engine::kJit, Engine::kReference};

const char* const kText = R"(sluice-ir 1
graph @f(%x: f32[B,2], %y: f32[B]) state(%w: f32[2] "weight") {
  %0: f32[B,2] = broadcast %w {shape=[B,2]}
  %1: f32[B,2] = mul %x, %0
  %2: f32[B] = reduce_sum %1 {axes=[1]}
  %3: f32[B] = add %2, %y
  %4: f32[2] = add %w, %w
  update %w = %4
  return %3
}
)";

std::shared_ptr<runtime::VariableStorage> variable(const Array& value) {
  return std::make_shared<runtime::VariableStorage>("weight", value, true);
}

std::unique_ptr<Executable> create(const char* text, runtime::Variables variables, Engine engine) {
  return Executable::create(ir::parse(text), std::move(variables), {.engine = engine});
}

Array zeros(std::vector<std::int64_t> sizes, DType dtype = DType::kF32) { return {dtype, std::move(sizes)}; }

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("an executable checks its variables") {
  for (const Engine engine : kEngines) {
    CHECK(test::refusal([&] { create(kText, {}, engine); }) == "@f: expected a variable for each of 1 states, got 0");
    CHECK(test::refusal([&] { create(kText, {variable(zeros({3}))}, engine); }) ==
          "@f: state \"weight\" is f32[2], its variable \"weight\" is f32[3]");
  }
}

TEST_CASE("inputs that do not fit are an error, and nothing has changed") {
  for (const Engine engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    const auto w = variable(Array({1.F, 10.F}, {2}));
    const auto executable = create(kText, {w}, engine);
    std::vector<Array> outputs(1);
    const auto run = [&](const std::vector<Array>& inputs) {
      return test::refusal([&] { executable->run(inputs, outputs); });
    };
    CHECK(contains(run({zeros({3, 2})}), "2"));
    CHECK(contains(run({zeros({3, 2}), zeros({3}), zeros({3})}), "2"));
    CHECK(contains(run({zeros({3, 4}), zeros({3})}), "f32[3,4]"));
    CHECK(contains(run({zeros({3, 2}), zeros({2})}), "B = 3"));
    CHECK(contains(run({zeros({6}), zeros({3})}), "f32[6]"));
    CHECK(contains(run({zeros({3, 2}, DType::kF64), zeros({3})}), "f64[3,2]"));
    CHECK(contains(run({zeros({0, 2}), zeros({0})}), "f32[0,2]"));
    std::vector<Array> none;
    std::vector<Array> two(2);
    const std::vector<Array> good{Array({1.F, 2.F, 3.F, 4.F}, {2, 2}), Array({100.F, 200.F}, {2})};
    CHECK(contains(test::refusal([&] { executable->run(good, none); }), "1 outputs, got 0"));
    CHECK(contains(test::refusal([&] { executable->run(good, two); }), "1 outputs, got 2"));
    CHECK(w->value() == Array({1.F, 10.F}, {2}));

    CHECK(run(good) == "accepted");
    CHECK(outputs[0] == Array({121.F, 243.F}, {2}));
    CHECK(w->value() == Array({2.F, 20.F}, {2}));
  }
}

TEST_CASE("an output is written in place if nobody else holds it and it fits") {
  for (const Engine engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    const auto executable = create(kText, {variable(Array({1.F, 10.F}, {2}))}, engine);
    const std::vector<Array> inputs{Array({1.F, 2.F}, {1, 2}), Array({100.F}, {1})};
    std::vector<Array> outputs{zeros({1})};
    const std::byte* const place = outputs[0].bytes();
    executable->run(inputs, outputs);
    CHECK(outputs[0].bytes() == place);
    CHECK(outputs[0].item<float>() == 121);

    const Array held = outputs[0];
    executable->run(inputs, outputs);
    CHECK(held.item<float>() == 121);
    CHECK(outputs[0].item<float>() == 142);

    outputs[0] = zeros({2}, DType::kI32);
    executable->run(inputs, outputs);
    CHECK(outputs[0] == Array({184.F}, {1}));

    outputs[0] = inputs[1];  // an input is never written
    executable->run(inputs, outputs);
    CHECK(inputs[1].item<float>() == 100);
    CHECK(outputs[0].item<float>() == 268);
  }
}

TEST_CASE("executables that share a variable run one after the other") {
  const char* const kAdvance = R"(sluice-ir 1
graph @advance() state(%w: f32[65536] "weight") {
  %0: f32[] = constant {value=1}
  %1: f32[65536] = broadcast %0 {shape=[65536]}
  %2: f32[65536] = add %w, %1
  update %w = %2
  return
}
)";
  const char* const kSpread = R"(sluice-ir 1
graph @spread() state(%w: f32[65536] "weight") {
  %0: f32[] = reduce_max %w {axes=[0]}
  %1: f32[] = reduce_min %w {axes=[0]}
  %2: f32[] = sub %0, %1
  return %2
}
)";
  constexpr int kSteps = 200;
  for (const Engine engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    const auto w = variable(zeros({65536}));
    const auto advance = create(kAdvance, {w}, engine);
    const auto spread = create(kSpread, {w}, engine);
    int torn = 0;
    std::thread writer([&] {
      for (int i = 0; i < kSteps; ++i) advance->run({}, {});
    });
    std::thread reader([&] {
      std::vector<Array> outputs(1);
      for (int i = 0; i < kSteps; ++i) {
        spread->run({}, outputs);
        if (outputs[0].item<float>() != 0) ++torn;
      }
    });
    int torn_values = 0;
    for (int i = 0; i < kSteps; ++i) {
      const Array value = w->value();
      const auto elements = value.data<float>();
      if (elements.front() != elements.back()) ++torn_values;
    }
    writer.join();
    reader.join();
    CHECK(torn == 0);
    CHECK(torn_values == 0);
    CHECK(w->value().data<float>()[0] == kSteps);
  }
}

TEST_CASE("a step that runs out of memory changes nothing, and the next one runs") {
  // Two threads, each with scratch that grows with B, divide the units of the product.
  const char* const kProduct = R"(sluice-ir 1
graph @product(%x: f32[B,200], %y: f32[200,B]) state(%w: f32[200,200] "weight") {
  %0: f32[200,200] = matmul %x, %y {transpose_a=true, transpose_b=true}
  %1: f32[200,200] = add %w, %0
  update %w = %1
  return %0
}
)";
  runtime::set_default_threads(2);
  const auto w = variable(zeros({200, 200}));
  const auto executable = create(kProduct, {w}, Engine::kJit);
  const std::vector<float> ones(400, 1.F);
  const std::vector<Array> inputs{Array(ones, {2, 200}), Array(ones, {200, 2})};
  std::vector<Array> outputs(1);
  executable->run(inputs, outputs);
  const Array expected = outputs[0].clone();
  const Array once = w->value();
  // A larger B than any machine has memory for; nobody looks at the elements.
  constexpr std::int64_t kTooLarge = std::int64_t{1} << 44;
  const auto elements = std::make_shared<std::array<float, 16>>();
  const std::vector<Array> too_large{Array::borrow(DType::kF32, {kTooLarge, 200}, elements),
                                     Array::borrow(DType::kF32, {200, kTooLarge}, elements)};
  CHECK_THROWS_WITH_AS(executable->run(too_large, outputs),
                       doctest::Contains("not enough memory with B = 17592186044416"), Error);
  CHECK(w->value() == once);
  executable->run(inputs, outputs);
  CHECK(outputs[0] == expected);
}

TEST_CASE("a profile is a step with a time for each kernel") {
  const auto profiled = variable(Array({1.F, 2.F}, {2}));
  const auto plain = variable(Array({1.F, 2.F}, {2}));
  const std::vector<Array> inputs{Array({1.F, 2.F, 3.F, 4.F}, {2, 2}), Array({5.F, 6.F}, {2})};
  std::vector<Array> outputs(1);
  std::vector<Array> expected(1);
  const std::vector<double> seconds = create(kText, {profiled}, Engine::kJit)->profile(inputs, outputs);
  create(kText, {plain}, Engine::kJit)->run(inputs, expected);
  CHECK(seconds.size() >= 2);
  for (const double s : seconds) CHECK((s >= 0 && s < 10));
  CHECK(outputs[0] == expected[0]);
  CHECK(profiled->value() == Array({2.F, 4.F}, {2}));
  const auto reference = create(kText, {plain}, Engine::kReference);
  CHECK(test::refusal([&] { reference->profile(inputs, outputs); }) ==
        "@f: the reference engine has no kernels to profile");
}

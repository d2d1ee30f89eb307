// Long sums in f32: their error does not grow with the number of terms, and their bits depend only on the shape.
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

std::vector<Array> run(const std::string& body, const std::vector<Array>& inputs, const std::string& features = {}) {
  const ir::Graph graph = ir::parse("sluice-ir 1\n" + body);
  std::vector<Array> outputs(graph.results().size());
  runtime::Executable::create(graph, {}, {.target_features = features})->run(inputs, outputs);
  return outputs;
}

void check_near(const Array& computed, double expected, double tolerance = 1e-6) {
  for (const float x : computed.data<float>()) CHECK(std::abs(x - expected) <= tolerance * expected);
}

TEST_CASE("sums of a number that is added more often than f32 can count") {
  check_near(run(R"(graph @ones() {
  %0: f32[] = constant {value=1}
  %1: f32[1000000000] = broadcast %0 {shape=[1000000000]}
  %2: f32[] = reduce_sum %1 {axes=[0]}
  return %2
})",
                 {})[0],
             1e9);
  check_near(run(R"(graph @columns() {
  %0: f32[] = constant {value=1}
  %1: f32[40000000,3] = broadcast %0 {shape=[40000000,3]}
  %2: f32[3] = reduce_sum %1 {axes=[0]}
  return %2
})",
                 {})[0],
             4e7);
}

/// Checks sums of n times `number` in every kind of kernel, plus `rest` other numbers.
void check_every_kind(const std::string& features, float number) {
  CAPTURE(features);
  CAPTURE(number);
  const auto sums_of = [&](const std::string& parameters, const std::string& sum, std::vector<std::int64_t> sizes,
                           double count, double tolerance = 1e-6) {
    CAPTURE(parameters);
    Array x(DType::kF32, std::move(sizes));
    std::ranges::fill(x.data<float>(), number);
    check_near(run("graph @f(" + parameters + ") {\n" + sum + "}\n", {x}, features)[0],
               count * static_cast<double>(number), tolerance);
  };
  constexpr std::int64_t kMany = 1000000;
  sums_of("%x: f32[B]", "  %0: f32[] = reduce_sum %x {axes=[0]}\n  return %0\n", {kMany}, kMany);
  sums_of("%x: f32[1000000]", "  %0: f32[] = reduce_sum %x {axes=[0]}\n  return %0\n", {kMany}, kMany);
  sums_of("%x: f32[B,2]", "  %0: f32[2] = reduce_sum %x {axes=[0]}\n  return %0\n", {kMany, 2}, kMany);
  sums_of("%x: f32[1000000,2]", "  %0: f32[2] = reduce_sum %x {axes=[0]}\n  return %0\n", {kMany, 2}, kMany);
  sums_of("%x: f32[B,3]", "  %0: f32[] = reduce_sum %x {axes=[0,1]}\n  return %0\n", {kMany, 3}, 3 * kMany);
  sums_of("%x: f32[B,700]", "  %0: f32[] = reduce_sum %x {axes=[0,1]}\n  return %0\n", {2000, 700}, 2000 * 700);
  sums_of("%x: f32[300,B]", "  %0: f32[] = reduce_sum %x {axes=[0,1]}\n  return %0\n", {300, 4000}, 300 * 4000);
  sums_of("%x: f32[B,3,1000]", "  %0: f32[3] = reduce_sum %x {axes=[0,2]}\n  return %0\n", {1000, 3, 1000}, kMany);
  sums_of("%x: f32[3,B]", R"(  %0: f32[3] = reduce_sum %x {axes=[1]}
  %1: f32[3,1] = reshape %0 {shape=[3,1]}
  %2: f32[3,B] = broadcast %1 {shape=[3,B]}
  %3: f32[3,B] = sub %x, %2
  return %1, %3
)",
          {3, kMany}, kMany);
  sums_of("%x: f32[B,8]", R"(  %0: f32[8] = reduce_sum %x {axes=[0]}
  %1: f32[8,8] = matmul %x, %x {transpose_a=true}
  return %0, %1
)",
          {kMany, 8}, kMany, 2e-6);  // chains of 128
}

TEST_CASE("every kind of kernel sums a million equal numbers") {
  for (const std::string& features : test::vector_targets()) {
    for (const float number : {0.1F, 0.3F, 1.7F}) check_every_kind(features, number);
  }
}

TEST_CASE("sums that overflow or contain a NaN are unchanged") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr std::int64_t kMany = 5000;
  const auto sum_of = [&](std::initializer_list<float> special) {
    Array x(DType::kF32, {kMany});
    std::ranges::copy(special, x.data<float>().begin() + 700);
    return run("graph @f(%x: f32[B]) {\n  %0: f32[] = reduce_sum %x {axes=[0]}\n  return %0\n}\n", {x})[0]
        .item<float>();
  };
  CHECK(sum_of({kInfinity}) == kInfinity);
  CHECK(sum_of({-kInfinity, 1}) == -kInfinity);
  CHECK(std::isnan(sum_of({kInfinity, 1, -kInfinity})));
  CHECK(std::isnan(sum_of({std::numeric_limits<float>::quiet_NaN()})));
  CHECK(sum_of({3e38F, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 3e38F}) == kInfinity);
}

TEST_CASE("the bits of a sum depend neither on the threads nor, where rows are summed, on their number") {
  const std::string body = R"(graph @f(%x: f32[B,5000]) {
  %0: f32[B] = reduce_sum %x {axes=[1]}
  %1: f32[5000] = reduce_sum %x {axes=[0]}
  %2: f32[] = reduce_sum %x {axes=[0,1]}
  return %0, %1, %2
})";
  constexpr std::int64_t kRows = 300;
  const ir::Graph graph = ir::parse("sluice-ir 1\n" + body);
  const std::vector<Array> inputs = test::random_parameters(graph, kRows, 3);
  const int usual = runtime::default_team().size();
  std::vector<Array> expected;
  for (const int threads : {1, 2, 3}) {
    runtime::default_team().resize(threads);
    const std::vector<Array> sums = run(body, inputs);
    if (expected.empty()) expected = sums;
    for (std::size_t i = 0; i < sums.size(); ++i)
      CHECK(std::ranges::equal(sums[i].data<float>(), expected[i].data<float>()));
  }
  runtime::default_team().resize(usual);
  for (const std::int64_t rows : {1, 7, 64}) {
    Array some(DType::kF32, {rows, 5000});
    std::ranges::copy(inputs[0].data<float>().first(static_cast<std::size_t>(rows * 5000)), some.data<float>().begin());
    const Array sums = run(body, {some})[0];
    CHECK(std::ranges::equal(sums.data<float>(), expected[0].data<float>().first(static_cast<std::size_t>(rows))));
  }
}

}  // namespace
}  // namespace sluice

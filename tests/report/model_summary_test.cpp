#include "sluice/model_summary.h"

#include <doctest/doctest.h>

#include "sluice/ir/text.h"

using namespace sluice;

namespace {

constexpr char kModel[] = R"(sluice-ir 1
graph @predict(%images: u8[B,4,4])
    state(%w: f32[16,8] "dense_0/w", %b: f32[8] "dense_0/b", %w_1: f32[8,3] "dense_1/w", %steps: i64[] "steps") {
  %0: f32[B,4,4] = cast %images {dtype=f32}
  %1: f32[B,16] = reshape %0 {shape=[B,16]}
  %2: f32[] = constant {value=255}
  %3: f32[B,16] = broadcast %2 {shape=[B,16]}
  %4: f32[B,16] = div %1, %3
  %5: f32[B,8] = matmul %4, %w
  %6: f32[B,8] = broadcast %b {shape=[B,8]}
  %7: f32[B,8] = add %5, %6
  %8: f32[B,8] = relu %7
  %9: f32[B,3] = matmul %8, %w_1
  %10: i64[B] = argmax %9 {axis=1}
  return %10
}
)";

}  // namespace

TEST_CASE("layers with their variables, outputs, parameters and flops") {
  const ModelSummary summary = model_summary(ir::parse(kModel));
  REQUIRE(summary.layers.size() == 4);
  CHECK(summary.layers[0].name == "input");
  CHECK(to_string(summary.layers[0].output.value()) == "f32[B,16]");
  CHECK(summary.layers[0].flops == 16);
  CHECK(summary.layers[1].name == "dense_0");
  CHECK(to_string(summary.layers[1].output.value()) == "f32[B,8]");
  CHECK(summary.layers[1].parameters == 16 * 8 + 8);
  CHECK(summary.layers[1].flops == 2 * 16 * 8 + 8 + 8);
  REQUIRE(summary.layers[1].variables.size() == 2);
  CHECK(summary.layers[1].variables[1].name == "b");
  CHECK(to_string(summary.layers[2].output.value()) == "f32[B,3]");  // what argmax chooses by
  CHECK(summary.layers[2].flops == 2 * 8 * 3 + 3);
  CHECK(summary.layers[3].name == "steps");
  CHECK(summary.parameters() == 136 + 24 + 1);
}

TEST_CASE("a summary as a table") {
  CHECK(to_string(model_summary(ir::parse(kModel))) ==
        R"(layer    output     variables              parameters  flops an example
input    f32[B,16]                                  0                16
dense_0  f32[B,8]   w f32[16,8], b f32[8]         136               272
dense_1  f32[B,3]   w f32[8,3]                     24                51
steps               steps i64[]                     1                 0
all                                               161               339
)");
}

TEST_CASE("numbers for people") {
  CHECK(grouped_number(905010) == "905,010");
  CHECK(grouped_number(-1234567) == "-1,234,567");
  CHECK(grouped_number(999) == "999");
  CHECK(grouped_number(-100) == "-100");
  CHECK(short_number(553.6e6) == "554 M");
  CHECK(short_number(1810) == "1.81 k");
  CHECK(short_number(12) == "12");
}

// What attention and its gradient refuse.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "sluice/error.h"
#include "sluice/ir/text.h"

namespace sluice::ir {
namespace {

struct RefusedAttention {
  std::string_view inputs;
  std::string_view node;
  std::string_view message;
};

constexpr RefusedAttention kRefusedAttention[] = {
    {"%q: f32[2,4], %k: f32[2,4], %v: f64[2,4]", "%0: f32[2,4], %1: f32[2] = attention %q, %k, %v {scale=1}",
     "attention: expected q, k and v of f32 and one rank, at least 2, got f32[2,4], f32[2,4] and f64[2,4]"},
    {"%q: f32[2,4]", "%0: f32[2,4], %1: f32[2] = attention %q, %q {scale=1}",
     "attention: expected 3 or 4 operands, got 2"},
    {"%q: f32[2,B]", "%0: f32[2,B], %1: f32[2] = attention %q, %q, %q {scale=1}",
     "attention: expected static last axes of at least 1, got f32[2,B], f32[2,B] and f32[2,B]"},
    {"%q: f32[3,2,4], %k: f32[B,2,4]", "%0: f32[3,2,4], %1: f32[3,2] = attention %q, %k, %k {scale=1}",
     "attention: expected equal axes before the last two, got f32[3,2,4], f32[B,2,4] and f32[B,2,4]"},
    {"%q: f32[2,4], %k: f32[2,5]", "%0: f32[2,5], %1: f32[2] = attention %q, %k, %k {scale=1}",
     "attention: expected q and k of the same last axis, got f32[2,4], f32[2,5] and f32[2,5]"},
    {"%q: f32[2,4], %v: f32[3,4]", "%0: f32[2,4], %1: f32[2] = attention %q, %q, %v {scale=1}",
     "attention: expected as many keys as values, got f32[2,4], f32[2,4] and f32[3,4]"},
    {"%q: f32[2,4]", "%0: f32[2,4], %1: f32[2] = attention %q, %q, %q {scale=inf}",
     "attention: expected a finite f64[] as the scale, got f64[]"},
    {"%q: f32[2,4], %m: u8[2,2]", "%0: f32[2,4], %1: f32[2] = attention %q, %q, %q, %m {scale=1}",
     "attention: expected a mask of bool or f32 whose axes are those of [2,2] or 1, got u8[2,2]"},
    {"%q: f32[2,4], %y: f32[2,4], %l: f32[1]",
     "%0: f32[2,4], %1: f32[2,4], %2: f32[2,4] = attention_gradient %q, %q, %q, %y, %l, %y {scale=1}",
     "attention_gradient: expected results f32[2,4], f32[2] and an adjoint f32[2,4], got f32[2,4], f32[1] and "
     "f32[2,4]"},
};

TEST_CASE("attention refuses what does not fit") {
  for (const auto& [inputs, node, message] : kRefusedAttention) {
    CAPTURE(node);
    std::string what = "accepted";
    try {
      parse(fmt::format("sluice-ir 1\ngraph @attention({}) {{\n  {}\n  return %0\n}}\n", inputs, node));
    } catch (const Error& error) {
      what = error.message();
    }
    CHECK(what.substr(0, what.find('\n')) == message);
  }
}

}  // namespace
}  // namespace sluice::ir

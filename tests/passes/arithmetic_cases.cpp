#include "tests/passes/rewrite_cases.h"

// Cases for the rules of rules_arithmetic.cpp and rules_folding.cpp.
namespace sluice::test {

std::vector<RewriteCase> arithmetic_cases() {
  return {
      {"c op x -> x op c", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=2.5}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = add %f1, %x",
       "%r"},
      {"c op x -> x op c", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=2.5}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = sub %f1, %x",
       "%r"},
      {"c op x -> x op c", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=2.5}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = mul %x, %f1",
       "%r"},
      {"x + 0 -> x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = add %x, %f1",
       "%r"},
      {"x + 0 -> x", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = add %x, %f1",
       "%r"},
      {"x - 0 -> x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = sub %x, %f1",
       "%r"},
      {"x - 0 -> x", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=-0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = sub %x, %f1",
       "%r"},
      {"0 - x -> -x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = sub %f1, %x",
       "%r"},
      {"0 - x -> -x", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = sub %f1, %x",
       "%r"},
      {"x * 1 -> x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = mul %x, %f1",
       "%r"},
      {"x * 1 -> x", false, "%x: f32[4], %y: f32[4]", "%r: f32[4] = mul %x, %y", "%r"},
      {"x * -1 -> -x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=-1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = mul %x, %f1",
       "%r"},
      {"x * -1 -> -x", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = mul %x, %f1",
       "%r"},
      {"x * 0 -> 0 of integers", true, "%x: i32[4]",
       "%c1: i32[] = constant {value=0}\n"
       "%f1: i32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: i32[4] = mul %x, %f1",
       "%r"},
      {"x * 0 -> 0 of integers", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = mul %x, %f1",
       "%r"},
      {"x / 1 -> x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = div %x, %f1",
       "%r"},
      {"x / 1 -> x", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = div %f1, %x",
       "%r"},
      {"x / c -> x * (1 / c) for powers of two", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=8}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = div %x, %f1",
       "%r"},
      {"x / c -> x * (1 / c) for powers of two", true, "%x: f64[4]",
       "%c1: f64[] = constant {value=-0.25}\n"
       "%f1: f64[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f64[4] = div %x, %f1",
       "%r"},
      {"x / c -> x * (1 / c) for powers of two", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=255}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = div %x, %f1",
       "%r"},
      {"x / c -> x * (1 / c) for powers of two", false, "%x: i32[4]",
       "%c1: i32[] = constant {value=8}\n"
       "%f1: i32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: i32[4] = div %x, %f1",
       "%r"},
      {"x / c -> x * (1 / c)", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=255}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = div %x, %f1",
       "%r"},
      {"x / c -> x * (1 / c)", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = div %x, %f1",
       "%r"},
      {"x ^ 1 -> x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=1}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = pow %x, %f1",
       "%r"},
      {"x ^ 1 -> x", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=3}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = pow %x, %f1",
       "%r"},
      {"x ^ 0 -> 1", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = pow %x, %f1",
       "%r"},
      {"x ^ 0 -> 1", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=0}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = pow %f1, %x",
       "%r"},
      {"x ^ 2 -> square x", true, "%x: f32[4]",
       "%c1: f32[] = constant {value=2}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = pow %x, %f1",
       "%r"},
      {"x ^ 2 -> square x", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=3}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = pow %x, %f1",
       "%r"},
      {"-(-x) -> x", true, "%x: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = neg %a",
       "%r"},
      {"-(-x) -> x", false, "%x: f32[4]",
       "%a: f32[4] = abs %x\n"
       "%r: f32[4] = neg %a",
       "%r"},
      {"x + -y -> x - y", true, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %y\n"
       "%r: f32[4] = add %x, %a",
       "%r"},
      {"x + -y -> x - y", false, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %y\n"
       "%r: f32[4] = sub %x, %a",
       "%r"},
      {"-x + y -> y - x", true, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = add %a, %y",
       "%r"},
      {"-x + y -> y - x", false, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = sub %a, %y",
       "%r"},
      {"x - -y -> x + y", true, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %y\n"
       "%r: f32[4] = sub %x, %a",
       "%r"},
      {"x - -y -> x + y", false, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = sub %a, %y",
       "%r"},
      {"-x * -y -> x * y", true, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%b: f32[4] = neg %y\n"
       "%r: f32[4] = mul %a, %b",
       "%r"},
      {"-x * -y -> x * y", false, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = mul %a, %y",
       "%r"},
      {"square -x -> square x", true, "%x: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = square %a",
       "%r"},
      {"square -x -> square x", false, "%x: f32[4]",
       "%a: f32[4] = square %x\n"
       "%r: f32[4] = neg %a",
       "%r"},
      {"square |x| -> square x", true, "%x: f32[4]",
       "%a: f32[4] = abs %x\n"
       "%r: f32[4] = square %a",
       "%r"},
      {"square |x| -> square x", false, "%x: f32[4]",
       "%a: f32[4] = relu %x\n"
       "%r: f32[4] = square %a",
       "%r"},
      {"|-x| -> |x|", true, "%x: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = abs %a",
       "%r"},
      {"|-x| -> |x|", false, "%x: f32[4]",
       "%a: f32[4] = abs %x\n"
       "%r: f32[4] = neg %a",
       "%r"},
      {"||x|| -> |x|", true, "%x: f32[4]",
       "%a: f32[4] = abs %x\n"
       "%r: f32[4] = abs %a",
       "%r"},
      {"||x|| -> |x|", false, "%x: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = abs %a",
       "%r"},
      {"relu relu x -> relu x", true, "%x: f32[4]",
       "%a: f32[4] = relu %x\n"
       "%r: f32[4] = relu %a",
       "%r"},
      {"relu relu x -> relu x", false, "%x: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[4] = relu %a",
       "%r"},
      {"maximum(x, x) -> x", true, "%x: f32[4]", "%r: f32[4] = maximum %x, %x", "%r"},
      {"maximum(x, x) -> x", false, "%x: f32[4], %y: f32[4]", "%r: f32[4] = maximum %x, %y", "%r"},
      {"minimum(x, x) -> x", true, "%x: f32[4]", "%r: f32[4] = minimum %x, %x", "%r"},
      {"minimum(x, x) -> x", false, "%x: f32[4], %y: f32[4]", "%r: f32[4] = minimum %x, %y", "%r"},
      {"op(constants) -> constant", true, "%x: f32[4]",
       "%a: f32[4] = constant {value=[0,1,-2,3]}\n"
       "%b: f32[4] = exp %a\n"
       "%r: f32[4] = mul %x, %b",
       "%r"},
      {"op(constants) -> constant", true, "%x: f32[4]",
       "%a: f32[2,2] = constant {value=[[1,2],[3,4]]}\n"
       "%b: f32[2] = reduce_sum %a {axes=[0]}\n"
       "%r: f32[2] = neg %b",
       "%r"},
      {"op(constants) -> constant", false, "%x: f32[4]",
       "%c1: f32[] = constant {value=3}\n"
       "%f1: f32[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = add %x, %f1",
       "%r"},
      {"op(constants) -> constant", false, "%x: f32[4]",
       "%k: i64[] = constant {value=3}\n"
       "%r: f32[4096] = random_uniform %k, %k {dtype=f32, shape=[4096]}",
       "%r"},
  };
}

}  // namespace sluice::test

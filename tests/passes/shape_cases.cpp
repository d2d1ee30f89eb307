#include "tests/passes/rewrite_cases.h"

// Cases for the rules of rules_shape.cpp.
namespace sluice::test {

std::vector<RewriteCase> shape_cases() {
  return {
      {"reshape x to its own shape -> x", true, "%x: f32[4]", "%r: f32[4] = reshape %x {shape=[4]}", "%r"},
      {"reshape x to its own shape -> x", false, "%x: f32[4]", "%r: f32[2,2] = reshape %x {shape=[2,2]}", "%r"},
      {"reshape reshape x -> reshape x", true, "%x: f32[B,4]",
       "%a: f32[B,2,2] = reshape %x {shape=[B,2,2]}\n"
       "%r: f32[4*B] = reshape %a {shape=[4*B]}",
       "%r"},
      {"reshape reshape x -> reshape x", false, "%x: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%r: f32[2,2] = reshape %a {shape=[2,2]}",
       "%r"},
      {"reshape broadcast of a scalar -> broadcast", true, "%s: f32[], %x: f32[B]",
       "%a: f32[B,4] = broadcast %s {shape=[B,4]}\n"
       "%r: f32[4*B] = reshape %a {shape=[4*B]}",
       "%r"},
      {"reshape broadcast of a scalar -> broadcast", false, "%x: f32[4]",
       "%a: f32[3,4] = broadcast %x {shape=[3,4]}\n"
       "%r: f32[12] = reshape %a {shape=[12]}",
       "%r"},
      {"reshape f(x) -> f(reshape x) near an input", true, "%x: u8[B,2,3]",
       "%a: f32[B,2,3] = cast %x {dtype=f32}\n"
       "%r: f32[B,6] = reshape %a {shape=[B,6]}",
       "%r"},
      {"reshape f(x) -> f(reshape x) near an input", true, "%x: f32[B,2,3]",
       "%c1: f32[] = constant {value=255}\n"
       "%f1: f32[B,2,3] = broadcast %c1 {shape=[B,2,3]}\n"
       "%a: f32[B,2,3] = div %x, %f1\n"
       "%r: f32[B,6] = reshape %a {shape=[B,6]}",
       "%r"},
      {"reshape f(x) -> f(reshape x) near an input", false, "%x: f32[2,3], %w: f32[3,2]",
       "%a: f32[2,2] = matmul %x, %w\n"
       "%b: f32[2,2] = relu %a\n"
       "%r: f32[4] = reshape %b {shape=[4]}",
       "%r"},
      {"reshape f(x) -> f(reshape x) near an input", false, "%x: f32[4], %y: f32[4]",
       "%a: f32[4] = add %x, %y\n"
       "%r: f32[2,2] = reshape %a {shape=[2,2]}",
       "%r"},
      {"reshape f(x) -> f(reshape x) near an input", false, "%x: f32[4]",
       "%a: f32[4] = neg %x\n"
       "%b: f32[2,2] = reshape %a {shape=[2,2]}\n"
       "%e: f32[2,2] = exp %b\n"
       "%r: f32[4] = exp %a",
       "%e, %r"},
      {"broadcast x to its own shape -> x", true, "%x: f32[4]", "%r: f32[4] = broadcast %x {shape=[4]}", "%r"},
      {"broadcast x to its own shape -> x", false, "%x: f32[4]", "%r: f32[1,4] = broadcast %x {shape=[1,4]}", "%r"},
      {"broadcast broadcast x -> broadcast x", true, "%x: f32[4]",
       "%a: f32[1,4] = broadcast %x {shape=[1,4]}\n"
       "%r: f32[3,4] = broadcast %a {shape=[3,4]}",
       "%r"},
      {"broadcast broadcast x -> broadcast x", false, "%x: f32[4]",
       "%a: f32[4,1] = reshape %x {shape=[4,1]}\n"
       "%r: f32[4,4] = broadcast %a {shape=[4,4]}",
       "%r"},
      {"broadcast reshape x with ones in front -> broadcast x", true, "%x: f32[4]",
       "%a: f32[1,4] = reshape %x {shape=[1,4]}\n"
       "%r: f32[3,4] = broadcast %a {shape=[3,4]}",
       "%r"},
      {"broadcast reshape x with ones in front -> broadcast x", false, "%x: f32[4]",
       "%a: f32[4,1] = reshape %x {shape=[4,1]}\n"
       "%r: f32[4,3] = broadcast %a {shape=[4,3]}",
       "%r"},
      {"broadcast constant of one element -> broadcast of a scalar", true, "%x: f32[B]",
       "%a: f32[1,1] = constant {value=[[2]]}\n"
       "%r: f32[B,4] = broadcast %a {shape=[B,4]}",
       "%r"},
      {"broadcast constant of one element -> broadcast of a scalar", false, "%x: f32[B]",
       "%a: f32[2] = constant {value=[2,3]}\n"
       "%r: f32[B,2] = broadcast %a {shape=[B,2]}",
       "%r"},
      {"broadcast iota -> iota", true, "%x: f32[B]",
       "%a: f32[4] = iota {axis=0, dtype=f32, shape=[4]}\n"
       "%r: f32[B,4] = broadcast %a {shape=[B,4]}",
       "%r"},
      {"broadcast iota -> iota", true, "%x: f32[B]",
       "%a: f32[1,4] = iota {axis=1, dtype=f32, shape=[1,4]}\n"
       "%r: f32[B,3,4] = broadcast %a {shape=[B,3,4]}",
       "%r"},
      {"broadcast iota -> iota", false, "%x: f32[B]",
       "%a: f32[1,4] = iota {axis=0, dtype=f32, shape=[1,4]}\n"
       "%r: f32[3,4] = broadcast %a {shape=[3,4]}",
       "%r"},
      {"broadcast iota -> iota", false, "%x: f32[4]", "%r: f32[3,4] = broadcast %x {shape=[3,4]}", "%r"},
      {"f(broadcast x) -> broadcast f(x)", true, "%x: f32[4]",
       "%a: f32[3,4] = broadcast %x {shape=[3,4]}\n"
       "%r: f32[3,4] = exp %a",
       "%r"},
      {"f(broadcast x) -> broadcast f(x)", true, "%x: f32[4]",
       "%a: f32[3,4] = broadcast %x {shape=[3,4]}\n"
       "%c1: f32[] = constant {value=2}\n"
       "%f1: f32[3,4] = broadcast %c1 {shape=[3,4]}\n"
       "%r: f32[3,4] = mul %a, %f1",
       "%r"},
      {"f(broadcast x) -> broadcast f(x)", true, "%x: f32[4], %y: f32[4]",
       "%a: f32[3,4] = broadcast %x {shape=[3,4]}\n"
       "%b: f32[3,4] = broadcast %y {shape=[3,4]}\n"
       "%r: f32[3,4] = mul %a, %b",
       "%r"},
      {"f(broadcast x) -> broadcast f(x)", false, "%x: f32[4], %y: f32[3,4]",
       "%a: f32[3,4] = broadcast %x {shape=[3,4]}\n"
       "%r: f32[3,4] = mul %a, %y",
       "%r"},
      {"f(broadcast x) -> broadcast f(x)", false, "%x: f32[4], %y: f32[3,1]",
       "%a: f32[3,4] = broadcast %x {shape=[3,4]}\n"
       "%b: f32[3,4] = broadcast %y {shape=[3,4]}\n"
       "%r: f32[3,4] = mul %a, %b",
       "%r"},
      {"transpose that keeps the order -> reshape", true, "%x: f32[3,1,B]",
       "%r: f32[1,3,B] = transpose %x {permutation=[1,0,2]}", "%r"},
      {"transpose that keeps the order -> reshape", true, "%x: f32[2,3]",
       "%r: f32[2,3] = transpose %x {permutation=[0,1]}", "%r"},
      {"transpose that keeps the order -> reshape", false, "%x: f32[2,3]",
       "%r: f32[3,2] = transpose %x {permutation=[1,0]}", "%r"},
      {"transpose transpose x -> transpose x", true, "%x: f32[2,3,B]",
       "%a: f32[3,B,2] = transpose %x {permutation=[1,2,0]}\n"
       "%r: f32[B,3,2] = transpose %a {permutation=[1,0,2]}",
       "%r"},
      {"transpose transpose x -> transpose x", false, "%x: f32[2,3]",
       "%a: f32[2,3] = neg %x\n"
       "%r: f32[3,2] = transpose %a {permutation=[1,0]}",
       "%r"},
  };
}

}  // namespace sluice::test

#include "tests/passes/rewrite_cases.h"

// Cases for the rules of rules_structure.cpp.
namespace sluice::test {

std::vector<RewriteCase> structure_cases() {
  return {
      {"matmul(transpose a, b) -> matmul{transpose_a}(a, b)", true, "%x: f32[3,B], %w: f32[3,2]",
       "%a: f32[B,3] = transpose %x {permutation=[1,0]}\n"
       "%r: f32[B,2] = matmul %a, %w",
       "%r"},
      {"matmul(transpose a, b) -> matmul{transpose_a}(a, b)", true, "%x: f32[B,3], %w: f32[3,2]",
       "%a: f32[3,B] = transpose %x {permutation=[1,0]}\n"
       "%r: f32[B,2] = matmul %a, %w {transpose_a=true}",
       "%r"},
      {"matmul(transpose a, b) -> matmul{transpose_a}(a, b)", false, "%x: f32[3,2], %w: f32[3,2]",
       "%b: f32[2,3] = transpose %w {permutation=[1,0]}\n"
       "%r: f32[3,3] = matmul %x, %b",
       "%r"},
      {"matmul(a, transpose b) -> matmul{transpose_b}(a, b)", true, "%x: f32[B,3], %w: f32[2,3]",
       "%a: f32[3,2] = transpose %w {permutation=[1,0]}\n"
       "%r: f32[B,2] = matmul %x, %a",
       "%r"},
      {"matmul(a, transpose b) -> matmul{transpose_b}(a, b)", true, "%x: f32[B,3], %w: f32[3,2]",
       "%a: f32[2,3] = transpose %w {permutation=[1,0]}\n"
       "%r: f32[B,2] = matmul %x, %a {transpose_b=true}",
       "%r"},
      {"matmul(a, transpose b) -> matmul{transpose_b}(a, b)", false, "%x: f32[3,2], %w: f32[3,2]",
       "%a: f32[2,3] = transpose %x {permutation=[1,0]}\n"
       "%r: f32[2,2] = matmul %a, %w",
       "%r"},
      {"transpose matmul(a, b) -> matmul{transpose_a, transpose_b}(b, a)", true, "%x: f32[B,3], %w: f32[2,3]",
       "%a: f32[B,2] = matmul %x, %w {transpose_b=true}\n"
       "%r: f32[2,B] = transpose %a {permutation=[1,0]}",
       "%r"},
      {"transpose matmul(a, b) -> matmul{transpose_a, transpose_b}(b, a)", false, "%x: f32[B,3], %w: f32[3,2]",
       "%a: f32[B,2] = matmul %x, %w\n"
       "%r: f32[2,B] = transpose %a {permutation=[1,0]}",
       "%r, %a"},
      {"reduce_sum over axes of size 1 -> reshape", true, "%x: f32[1,B,1]", "%r: f32[B] = reduce_sum %x {axes=[0,2]}",
       "%r"},
      {"reduce_sum over axes of size 1 -> reshape", false, "%x: f32[1,B,2]", "%r: f32[B] = reduce_sum %x {axes=[0,2]}",
       "%r"},
      {"reduce_sum reduce_sum x -> reduce_sum x of integers", true, "%x: i32[B,3,4]",
       "%a: i32[3,4] = reduce_sum %x {axes=[0]}\n"
       "%r: i32[3] = reduce_sum %a {axes=[1]}",
       "%r"},
      {"reduce_sum reduce_sum x -> reduce_sum x of integers", false, "%x: f32[B,3,4]",
       "%a: f32[3,4] = reduce_sum %x {axes=[0]}\n"
       "%r: f32[3] = reduce_sum %a {axes=[1]}",
       "%r"},
      {"reduce_sum reduce_sum x -> reduce_sum x", true, "%x: f32[B,3,4,2]",
       "%a: f32[B,4,2] = reduce_sum %x {axes=[1]}\n"
       "%r: f32[4] = reduce_sum %a {axes=[0,2]}",
       "%r"},
      {"reduce_sum reduce_sum x -> reduce_sum x", false, "%x: f32[B,3,4]",
       "%a: f32[B,4] = reduce_max %x {axes=[1]}\n"
       "%r: f32[4] = reduce_sum %a {axes=[0]}",
       "%r"},
      {"reduce_max over axes of size 1 -> reshape", true, "%x: f32[1,B,1]", "%r: f32[B] = reduce_max %x {axes=[0,2]}",
       "%r"},
      {"reduce_max over axes of size 1 -> reshape", false, "%x: f32[1,B,2]", "%r: f32[B] = reduce_max %x {axes=[0,2]}",
       "%r"},
      {"reduce_max reduce_max x -> reduce_max x", true, "%x: f32[B,3,4,2]",
       "%a: f32[B,4,2] = reduce_max %x {axes=[1]}\n"
       "%r: f32[4] = reduce_max %a {axes=[0,2]}",
       "%r"},
      {"reduce_max reduce_max x -> reduce_max x", false, "%x: f32[B,3,4]",
       "%a: f32[B,4] = reduce_min %x {axes=[1]}\n"
       "%r: f32[4] = reduce_max %a {axes=[0]}",
       "%r"},
      {"reduce_min over axes of size 1 -> reshape", true, "%x: f32[1,B,1]", "%r: f32[B] = reduce_min %x {axes=[0,2]}",
       "%r"},
      {"reduce_min over axes of size 1 -> reshape", false, "%x: f32[1,B,2]", "%r: f32[B] = reduce_min %x {axes=[0,2]}",
       "%r"},
      {"reduce_min reduce_min x -> reduce_min x", true, "%x: f32[B,3,4,2]",
       "%a: f32[B,4,2] = reduce_min %x {axes=[1]}\n"
       "%r: f32[4] = reduce_min %a {axes=[0,2]}",
       "%r"},
      {"reduce_min reduce_min x -> reduce_min x", false, "%x: f32[B,3,4]",
       "%a: f32[B,4] = reduce_sum %x {axes=[1]}\n"
       "%r: f32[4] = reduce_min %a {axes=[0]}",
       "%r"},
      {"slice of all -> x", true, "%x: f32[4]", "%r: f32[4] = slice %x {axis=0, start=0, limit=4}", "%r"},
      {"slice of all -> x", false, "%x: f32[4]", "%r: f32[3] = slice %x {axis=0, start=0, limit=3}", "%r"},
      {"slice slice x -> slice x", true, "%x: f32[8]",
       "%a: f32[5] = slice %x {axis=0, start=2, limit=7}\n"
       "%r: f32[2] = slice %a {axis=0, start=1, limit=3}",
       "%r"},
      {"slice slice x -> slice x", false, "%x: f32[8,8]",
       "%a: f32[5,8] = slice %x {axis=0, start=2, limit=7}\n"
       "%r: f32[5,2] = slice %a {axis=1, start=1, limit=3}",
       "%r"},
      {"pad by nothing -> x", true, "%x: f32[4]", "%r: f32[4] = pad %x {axis=0, low=0, high=0}", "%r"},
      {"pad by nothing -> x", false, "%x: f32[4]", "%r: f32[5] = pad %x {axis=0, low=1, high=0}", "%r"},
      {"concat of one -> x", true, "%x: f32[4]", "%r: f32[4] = concat %x {axis=0}", "%r"},
      {"concat of one -> x", false, "%x: f32[4], %y: f32[4]", "%r: f32[8] = concat %x, %y {axis=0}", "%r"},
  };
}

}  // namespace sluice::test

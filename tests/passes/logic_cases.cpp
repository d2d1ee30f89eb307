#include "tests/passes/rewrite_cases.h"

// Cases for the rules of rules_logic.cpp.
namespace sluice::test {

std::vector<RewriteCase> logic_cases() {
  return {
      {"select(true, x, y) -> x", true, "%p: bool[4], %x: f32[4], %y: f32[4]",
       "%c1: bool[] = constant {value=true}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = select %f1, %x, %y",
       "%r"},
      {"select(true, x, y) -> x", false, "%p: bool[4], %x: f32[4], %y: f32[4]",
       "%c1: bool[] = constant {value=false}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = select %f1, %x, %y",
       "%r"},
      {"select(true, x, y) -> x", false, "%p: bool[4], %x: f32[4], %y: f32[4]", "%r: f32[4] = select %p, %x, %y", "%r"},
      {"select(false, x, y) -> y", true, "%p: bool[4], %x: f32[4], %y: f32[4]",
       "%c1: bool[] = constant {value=false}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = select %f1, %x, %y",
       "%r"},
      {"select(false, x, y) -> y", false, "%p: bool[4], %x: f32[4], %y: f32[4]",
       "%c1: bool[] = constant {value=true}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: f32[4] = select %f1, %x, %y",
       "%r"},
      {"select(false, x, y) -> y", false, "%p: bool[4], %x: f32[4], %y: f32[4]", "%r: f32[4] = select %p, %x, %y",
       "%r"},
      {"select(c, x, x) -> x", true, "%p: bool[4], %x: f32[4], %y: f32[4]", "%r: f32[4] = select %p, %x, %x", "%r"},
      {"select(c, x, x) -> x", false, "%p: bool[4], %x: f32[4], %y: f32[4]", "%r: f32[4] = select %p, %x, %y", "%r"},
      {"select(not c, x, y) -> select(c, y, x)", true, "%p: bool[4], %x: f32[4], %y: f32[4]",
       "%q: bool[4] = logical_not %p\n"
       "%r: f32[4] = select %q, %x, %y",
       "%r"},
      {"select(not c, x, y) -> select(c, y, x)", false, "%p: bool[4], %x: f32[4], %y: f32[4]",
       "%r: f32[4] = select %p, %x, %y", "%r"},
      {"x and true -> x", true, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=true}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_and %p, %f1",
       "%r"},
      {"x and true -> x", false, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=false}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_and %p, %f1",
       "%r"},
      {"x and false -> false", true, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=false}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_and %p, %f1",
       "%r"},
      {"x and false -> false", false, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=true}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_and %p, %f1",
       "%r"},
      {"x and x -> x", true, "%p: bool[4], %q: bool[4]", "%r: bool[4] = logical_and %p, %p", "%r"},
      {"x and x -> x", false, "%p: bool[4], %q: bool[4]", "%r: bool[4] = logical_and %p, %q", "%r"},
      {"x or false -> x", true, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=false}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_or %p, %f1",
       "%r"},
      {"x or false -> x", false, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=true}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_or %p, %f1",
       "%r"},
      {"x or true -> true", true, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=true}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_or %p, %f1",
       "%r"},
      {"x or true -> true", false, "%p: bool[4], %q: bool[4]",
       "%c1: bool[] = constant {value=false}\n"
       "%f1: bool[4] = broadcast %c1 {shape=[4]}\n"
       "%r: bool[4] = logical_or %p, %f1",
       "%r"},
      {"x or x -> x", true, "%p: bool[4], %q: bool[4]", "%r: bool[4] = logical_or %p, %p", "%r"},
      {"x or x -> x", false, "%p: bool[4], %q: bool[4]", "%r: bool[4] = logical_or %p, %q", "%r"},
      {"not not x -> x", true, "%p: bool[4], %q: bool[4]",
       "%a: bool[4] = logical_not %p\n"
       "%r: bool[4] = logical_not %a",
       "%r"},
      {"not not x -> x", false, "%p: bool[4], %q: bool[4]",
       "%a: bool[4] = logical_and %p, %q\n"
       "%r: bool[4] = logical_not %a",
       "%r"},
      {"not (x == y) -> x != y", true, "%x: f32[4], %y: f32[4]",
       "%a: bool[4] = equal %x, %y\n"
       "%r: bool[4] = logical_not %a",
       "%r"},
      {"not (x == y) -> x != y", false, "%x: f32[4], %y: f32[4]",
       "%a: bool[4] = less %x, %y\n"
       "%r: bool[4] = logical_not %a",
       "%r"},
      {"not (x != y) -> x == y", true, "%x: f32[4], %y: f32[4]",
       "%a: bool[4] = not_equal %x, %y\n"
       "%r: bool[4] = logical_not %a",
       "%r"},
      {"not (x != y) -> x == y", false, "%x: f32[4], %y: f32[4]",
       "%a: bool[4] = greater_equal %x, %y\n"
       "%r: bool[4] = logical_not %a",
       "%r"},
      {"cast x to its own dtype -> x", true, "%x: f32[4]", "%r: f32[4] = cast %x {dtype=f32}", "%r"},
      {"cast x to its own dtype -> x", false, "%x: f32[4]", "%r: f64[4] = cast %x {dtype=f64}", "%r"},
      {"cast of a cast that loses nothing -> cast", true, "%x: u8[4]",
       "%a: i32[4] = cast %x {dtype=i32}\n"
       "%r: f32[4] = cast %a {dtype=f32}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", true, "%x: f32[4]",
       "%a: f64[4] = cast %x {dtype=f64}\n"
       "%r: f32[4] = cast %a {dtype=f32}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", true, "%x: i32[4]",
       "%a: f64[4] = cast %x {dtype=f64}\n"
       "%r: i64[4] = cast %a {dtype=i64}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", true, "%x: bool[4]",
       "%a: u8[4] = cast %x {dtype=u8}\n"
       "%r: f64[4] = cast %a {dtype=f64}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", true, "%x: i32[4]",
       "%a: i64[4] = cast %x {dtype=i64}\n"
       "%r: u8[4] = cast %a {dtype=u8}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", false, "%x: f64[4]",
       "%a: f32[4] = cast %x {dtype=f32}\n"
       "%r: f64[4] = cast %a {dtype=f64}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", false, "%x: i32[4]",
       "%a: f32[4] = cast %x {dtype=f32}\n"
       "%r: f64[4] = cast %a {dtype=f64}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", false, "%x: i32[4]",
       "%a: f64[4] = cast %x {dtype=f64}\n"
       "%r: u8[4] = cast %a {dtype=u8}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", false, "%x: i64[4]",
       "%a: i32[4] = cast %x {dtype=i32}\n"
       "%r: i64[4] = cast %a {dtype=i64}",
       "%r"},
      {"cast of a cast that loses nothing -> cast", false, "%x: f32[4]",
       "%a: bool[4] = cast %x {dtype=bool}\n"
       "%r: f32[4] = cast %a {dtype=f32}",
       "%r"},
      {"stop_gradient x -> x", true, "%x: f32[4]", "%r: f32[4] = stop_gradient %x", "%r"},
      {"stop_gradient x -> x", false, "%x: f32[4]", "%r: f32[4] = neg %x", "%r"},
  };
}

}  // namespace sluice::test

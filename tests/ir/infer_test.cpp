// Tests what each op accepts, and the exact message of each rejection. Rows are text: parse compares the types on the
// binders with inference.
#include "ir/infer.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "sluice/error.h"
#include "sluice/ir/graph.h"
#include "sluice/ir/text.h"
#include "tests/support/float_functions.h"

using namespace sluice;
using namespace sluice::ir;

namespace {

struct Accepted {
  std::string_view inputs;
  std::string_view node;
};

constexpr Accepted kAccepted[] = {
    {"", "%0: f32[] = constant {value=1}"},
    {"", "%0: f32[0,5] = constant {value=[]}"},
    {"%x: f32[B]", "%0: i64[] = batch_size"},
    {"%x: f32[B]", "%0: u8[2*B,3] = iota {axis=1, dtype=u8, shape=[2*B,3]}"},
    {"%x: f32[B,4], %y: f32[B,4]", "%0: f32[B,4] = add %x, %y"},
    {"%x: u8[], %y: u8[]", "%0: u8[] = sub %x, %y"},
    {"%x: i32[3*B]", "%0: i32[3*B] = mul %x, %x"},
    {"%x: i64[0]", "%0: i64[0] = div %x, %x"},
    {"%x: f64[2]", "%0: f64[2] = pow %x, %x"},
    {"%x: u8[2]", "%0: u8[2] = maximum %x, %x"},
    {"%x: f32[2]", "%0: f32[2] = minimum %x, %x"},
    {"%x: u8[2]", "%0: u8[2] = neg %x"},
    {"%x: i32[2]", "%0: i32[2] = abs %x"},
    {"%x: i64[2]", "%0: i64[2] = relu %x"},
    {"%x: u8[2]", "%0: u8[2] = square %x"},
    {"%x: i32[2]", "%0: i32[2] = sign %x"},
    {"%x: bool[B]", "%0: bool[B] = equal %x, %x"},
    {"%x: u8[B]", "%0: bool[B] = not_equal %x, %x"},
    {"%x: f32[B]", "%0: bool[B] = less %x, %x"},
    {"%x: f64[B]", "%0: bool[B] = less_equal %x, %x"},
    {"%x: i32[B]", "%0: bool[B] = greater %x, %x"},
    {"%x: i64[B]", "%0: bool[B] = greater_equal %x, %x"},
    {"%x: bool[B]", "%0: bool[B] = logical_and %x, %x"},
    {"%x: bool[B]", "%0: bool[B] = logical_or %x, %x"},
    {"%x: bool[B]", "%0: bool[B] = logical_not %x"},
    {"%c: bool[B], %x: u8[B]", "%0: u8[B] = select %c, %x, %x"},
    {"%c: bool[B]", "%0: bool[B] = select %c, %c, %c"},
    {"%x: bool[B,2]", "%0: f64[B,2] = cast %x {dtype=f64}"},
    {"%x: bool[B]", "%0: bool[B] = stop_gradient %x"},
    {"%x: f32[B,3], %y: f32[3,5]", "%0: f32[B,5] = matmul %x, %y"},
    {"%x: f64[B,3], %y: f64[B,5]", "%0: f64[3,5] = matmul %x, %y {transpose_a=true}"},
    {"%x: f32[B,3], %y: f32[5,3]", "%0: f32[B,5] = matmul %x, %y {transpose_b=true}"},
    {"%x: f32[3,B], %y: f32[5,3]", "%0: f32[B,5] = matmul %x, %y {transpose_a=true, transpose_b=true}"},
    {"%x: f32[2,0]", "%0: f32[2,2] = matmul %x, %x {transpose_b=true}"},
    {"%x: f32[B,7,3,4], %y: f32[B,7,4,5]", "%0: f32[B,7,3,5] = matmul %x, %y"},
    {"%x: f64[2,3,B], %y: f64[2,5,3]", "%0: f64[2,B,5] = matmul %x, %y {transpose_a=true, transpose_b=true}"},
    {"%q: f32[B,T,4], %k: f32[B,5,4], %v: f32[B,5,2], %m: bool[1,T,1]",
     "%0: f32[B,T,2], %1: f32[B,T] = attention %q, %k, %v, %m {causal=true, scale=0.5}"},
    {"%q: f32[T,4], %k: f32[0,4], %v: f32[0,2], %y: f32[T,2], %l: f32[T]",
     "%0: f32[T,4], %1: f32[0,4], %2: f32[0,2] = attention_gradient %q, %k, %v, %y, %l, %y {scale=-1}"},
    {"%x: u8[B,2,3]", "%0: u8[3,B,2] = transpose %x {permutation=[2,0,1]}"},
    {"%x: u8[]", "%0: u8[] = transpose %x {permutation=[]}"},
    {"%x: f32[B,6]", "%0: f32[3,2*B] = reshape %x {shape=[3,2*B]}"},
    {"%x: f32[]", "%0: f32[1,1] = reshape %x {shape=[1,1]}"},
    {"%x: f32[0,3]", "%0: f32[7,0] = reshape %x {shape=[7,0]}"},
    {"%x: f32[B,1]", "%0: f32[2,B,3] = broadcast %x {shape=[2,B,3]}"},
    {"%x: f32[1], %y: f32[B]", "%0: f32[B] = broadcast %x {shape=[B]}"},
    {"%x: f32[1]", "%0: f32[0] = broadcast %x {shape=[0]}"},
    {"%x: f32[B,1], %y: f32[B,0]", "%0: f32[B,2] = concat %x, %y, %x {axis=1}"},
    {"%x: bool[3]", "%0: bool[3] = concat %x {axis=0}"},
    {"%x: f32[B,9]", "%0: f32[B,1] = slice %x {axis=1, limit=9, start=8}"},
    {"%x: f32[B,0]", "%0: f32[B,5] = pad %x {axis=1, high=3, low=2}"},
    {"%x: u8[B]", "%0: f32[B,10] = one_hot %x {depth=10, dtype=f32}"},
    {"%x: f32[B,2,3]", "%0: bool[B,2,3] = is_first_max %x {axes=[1,2]}"},
    {"%x: f32[B,7,5]", "%0: f32[B,3,2,5] = windows %x {axis=1, dilations=[1], padding=[0,0], sizes=[2], strides=[2]}"},
    {"%x: f32[B,T]", "%0: f32[B,T-2,3] = windows %x {axis=1, dilations=[2], padding=[1,1], sizes=[3], strides=[1]}"},
    {"%x: f32[2*T+3]", "%0: f32[T+1,2] = windows %x {axis=0, dilations=[1], padding=[0,0], sizes=[2], strides=[2]}"},
    {"%x: f32[2*T-1]", "%0: f32[T-1,2] = windows %x {axis=0, dilations=[1], padding=[0,0], sizes=[2], strides=[2]}"},
    {"%x: i32[B,4,2]",
     "%0: i32[B,5] = add_windows %x {axis=1, dilations=[1], padding=[0,0], shape=[B,5], sizes=[2], strides=[1]}"},
    {"%t: f32[5,2], %i: i32[B,3]", "%0: f32[B,3,2] = gather %t, %i"},
    {"%t: bool[B], %i: u8[]", "%0: bool[] = gather %t, %i"},
    {"%t: f32[5,2], %i: i32[B,3], %r: f32[B,3,2]", "%0: f32[5,2] = scatter_add %t, %i, %r"},
    {"%t: bool[5,2], %i: i32[B,3], %r: bool[B,3,2]", "%0: bool[5,2] = scatter %t, %i, %r"},
    {"%x: u8[B,3]", "%0: u8[B,3] = cumsum %x {axis=0, reverse=true}"},
    {"%x: f32[3]", "%0: f32[3] = linear_recurrence %x, %x {axis=0}"},
    {"%x: f32[B,3,2]", "%0: f32[3] = reduce_sum %x {axes=[0,2]}"},
    {"%x: f32[0]", "%0: f32[] = reduce_sum %x {axes=[0]}"},
    {"%x: u8[B]", "%0: u8[] = reduce_max %x {axes=[0]}"},
    {"%x: f32[0,3]", "%0: f32[0] = reduce_min %x {axes=[1]}"},
    {"%x: u8[B,3]", "%0: i64[B,3] = argsort %x {descending=true}"},
    {"%x: f32[B,3]", "%0: i64[3] = argmax %x {axis=0}"},
    {"%k: i64[], %x: f32[B]", "%0: f32[B,2] = random_uniform %k, %k {dtype=f32, shape=[B,2]}"},
    {"%k: i64[]", "%0: f64[] = random_normal %k, %k {dtype=f64, shape=[]}"},
    {"%y: f32[], %v: f64[B,2]", "%0: f64[B,2], %1: f32[] = gradient %y, %v, %y"},
    {"%x: f32[B]", "%0: f32[B], %1: f32[B] = fused(%a: f32[B] = %x) { return %a, %a }"},
    {"%x: f32[B], %i: i32[]",
     "%0: f32[B] = custom_gradient(%y: f32[B] = %x, %x: f32[B] = %x, %i: i32[] = %i, %dy: f32[B]) { return %dy }"},
    {"%i: i32[B], %x: f32[]",
     "%0: i32[B] = custom_gradient(%y: i32[B] = %i, %x: f32[] = %x, %dy: i32[B]) { return %x }"},
    {"", "%0: f32[] = fused() { %0: f32[] = constant {value=2} return %0 }"},
};

struct Refused {
  std::string_view inputs;
  std::string_view node;
  std::string_view message;
};

constexpr Refused kRefused[] = {
    {"%x: f32[2]", "%0: i64[] = batch_size %x", "batch_size: expected 0 operands, got 1"},
    {"%x: f32[2]", "%0: f32[2] = neg", "neg: expected 1 operand, got 0"},
    {"%x: f32[2]", "%0: f32[2] = neg %x, %x", "neg: expected 1 operand, got 2"},
    {"%x: f32[2]", "%0: f32[2] = select %x, %x", "select: expected 3 operands, got 2"},
    {"%x: bool[2]", "%0: bool[2] = add %x, %x", "add: takes numbers, got bool[2]"},
    {"%x: i32[2]", "%0: i32[2] = pow %x, %x", "pow: takes floats, got i32[2]"},
    {"%x: f32[2]", "%0: f32[2] = logical_and %x, %x", "logical_and: takes bools, got f32[2]"},
    {"%x: f32[2]", "%0: f32[2] = logical_not %x", "logical_not: takes bools, got f32[2]"},
    {"%x: bool[2]", "%0: bool[2] = relu %x", "relu: takes numbers, got bool[2]"},
    {"%x: bool[2]", "%0: bool[2] = less %x, %x", "less: takes numbers, got bool[2]"},
    {"%x: u8[2]", "%0: u8[2] = sqrt %x", "sqrt: takes floats, got u8[2]"},
    {"%x: f32[2], %y: f32[3]", "%0: f32[2] = add %x, %y", "add: operands have different types: f32[2] and f32[3]"},
    {"%x: f32[2], %y: f64[2]", "%0: f32[2] = mul %x, %y", "mul: operands have different types: f32[2] and f64[2]"},
    {"%x: f32[B], %y: f32[2*B]", "%0: f32[B] = sub %x, %y", "sub: operands have different types: f32[B] and f32[2*B]"},
    {"%x: f32[2], %y: f32[1,2]", "%0: bool[2] = equal %x, %y",
     "equal: operands have different types: f32[2] and f32[1,2]"},
    {"", "%0: f32[3] = iota {axis=1, dtype=f32, shape=[3]}", "iota: axis 1 is outside of [3]"},
    {"", "%0: f32[] = iota {axis=0, dtype=f32, shape=[]}", "iota: axis 0 is outside of []"},
    {"", "%0: bool[3] = iota {axis=0, dtype=bool, shape=[3]}", "iota: counts in numbers, got bool"},
    {"", "%0: f32[3] = iota {axis=0, shape=[3]}", "iota: attribute 'dtype' is missing"},
    {"%c: f32[2], %x: f32[2]", "%0: f32[2] = select %c, %x, %x", "select: the condition is bool, got f32[2]"},
    {"%c: bool[2], %x: f32[2], %y: f64[2]", "%0: f32[2] = select %c, %x, %y",
     "select: operands have different types: f32[2] and f64[2]"},
    {"%c: bool[], %x: f32[2]", "%0: f32[2] = select %c, %x, %x",
     "select: condition and branches have different shapes: bool[] and f32[2]"},
    {"%x: f32[2,3,4], %y: f32[4,5]", "%0: f32[2,3,5] = matmul %x, %y",
     "matmul: operands are of one rank, at least 2, got f32[2,3,4] and f32[4,5]"},
    {"%x: f32[2]", "%0: f32[] = matmul %x, %x", "matmul: operands are of one rank, at least 2, got f32[2] and f32[2]"},
    {"%x: f32[2,7,3,4], %y: f32[2,8,4,5]", "%0: f32[2,7,3,5] = matmul %x, %y",
     "matmul: batch sizes differ: axis 1 of f32[2,7,3,4] is 7, axis 1 of f32[2,8,4,5] is 8"},
    {"%x: f32[2,3,4], %y: f32[2,5,3]", "%0: f32[2,3,3] = matmul %x, %y {transpose_b=true}",
     "matmul: inner sizes differ: axis 2 of f32[2,3,4] is 4, axis 2 of f32[2,5,3] is 3"},
    {"%x: f32[2,B,3], %y: f32[2,T,3]", "%0: f32[2,B,3] = matmul %x, %y",
     "matmul: inner sizes differ: axis 2 of f32[2,B,3] is 3, axis 1 of f32[2,T,3] is T"},
    {"%x: f32[2,3], %y: f64[3,5]", "%0: f32[2,5] = matmul %x, %y",
     "matmul: operands have different element types: f32[2,3] and f64[3,5]"},
    {"%x: i32[2,2]", "%0: i32[2,2] = matmul %x, %x", "matmul: takes floats, got i32[2,2]"},
    {"%x: f32[B,3], %y: f32[4,5]", "%0: f32[B,5] = matmul %x, %y",
     "matmul: inner sizes differ: axis 1 of f32[B,3] is 3, axis 0 of f32[4,5] is 4"},
    {"%x: f32[B,3], %y: f32[3,5]", "%0: f32[B,5] = matmul %x, %y {transpose_a=true}",
     "matmul: inner sizes differ: axis 0 of f32[B,3] is B, axis 0 of f32[3,5] is 3"},
    {"%x: f32[3,B], %y: f32[4,5]", "%0: f32[B,5] = matmul %x, %y {transpose_a=true, transpose_b=true}",
     "matmul: inner sizes differ: axis 0 of f32[3,B] is 3, axis 1 of f32[4,5] is 5"},
    {"%x: f32[B,3]", "%0: f32[B,3] = matmul %x, %x {transpose_a=true, transpose_b=true}",
     "matmul: inner sizes differ: axis 0 of f32[B,3] is B, axis 1 of f32[B,3] is 3"},
    {"%x: f32[2000000000,1]", "%0: f32[2,2] = matmul %x, %x {transpose_b=true}",
     "matmul: [2000000000,2000000000] has too many elements"},
    {"%x: f32[2,3]", "%0: f32[2,3] = transpose %x {permutation=[0]}",
     "transpose: [0] is not a permutation of the axes of f32[2,3]"},
    {"%x: f32[2,3]", "%0: f32[2,3] = transpose %x {permutation=[0,0]}",
     "transpose: [0,0] is not a permutation of the axes of f32[2,3]"},
    {"%x: f32[2,3]", "%0: f32[2,3] = transpose %x {permutation=[1,2]}",
     "transpose: [1,2] is not a permutation of the axes of f32[2,3]"},
    {"%x: f32[2,3]", "%0: f32[2,3] = transpose %x {permutation=[0,1,2]}",
     "transpose: [0,1,2] is not a permutation of the axes of f32[2,3]"},
    {"%x: f32[2,3]", "%0: f32[2,3] = transpose %x {permutation=[-1,0]}",
     "transpose: [-1,0] is not a permutation of the axes of f32[2,3]"},
    {"%x: f32[2,3]", "%0: f32[5] = reshape %x {shape=[5]}", "reshape: f32[2,3] has 6 elements, [5] would have 5"},
    {"%x: f32[B,3]", "%0: f32[3] = reshape %x {shape=[3]}", "reshape: f32[B,3] has 3*B elements, [3] would have 3"},
    {"%x: f32[B,3]", "%0: f32[2,B] = reshape %x {shape=[2,B]}",
     "reshape: f32[B,3] has 3*B elements, [2,B] would have 2*B"},
    {"%x: f32[B,3]", "%0: f32[3] = broadcast %x {shape=[3]}", "broadcast: f32[B,3] does not broadcast to [3]"},
    {"%x: f32[B,3]", "%0: f32[B,4] = broadcast %x {shape=[B,4]}", "broadcast: f32[B,3] does not broadcast to [B,4]"},
    {"%x: f32[B]", "%0: f32[2*B] = broadcast %x {shape=[2*B]}", "broadcast: f32[B] does not broadcast to [2*B]"},
    {"%x: f32[2]", "%0: f32[4] = broadcast %x {shape=[4]}", "broadcast: f32[2] does not broadcast to [4]"},
    {"", "%0: f32[4] = concat {axis=0}", "concat: expected at least one operand"},
    {"%x: f32[2]", "%0: f32[4] = concat %x, %x {axis=1}", "concat: axis 1 is outside of f32[2]"},
    {"%x: f32[2]", "%0: f32[4] = concat %x, %x {axis=-1}", "concat: axis -1 is outside of f32[2]"},
    {"%x: f32[B,2], %y: f32[B,3]", "%0: f32[2*B,2] = concat %x, %y {axis=0}",
     "concat: operands differ in more than axis 0: f32[B,2] and f32[B,3]"},
    {"%x: f32[2,3], %y: f32[2,4]", "%0: f32[4,3] = concat %x, %y {axis=0}",
     "concat: operands differ in more than axis 0: f32[2,3] and f32[2,4]"},
    {"%x: f32[2], %y: f32[2,4]", "%0: f32[4] = concat %x, %y {axis=0}",
     "concat: operands differ in more than axis 0: f32[2] and f32[2,4]"},
    {"%x: f32[2], %y: f64[2]", "%0: f32[4] = concat %x, %y {axis=0}",
     "concat: operands differ in more than axis 0: f32[2] and f64[2]"},
    {"%x: f32[281474976710656]", "%0: f32[4] = concat %x, %x {axis=0}",
     "concat: [562949953421312] has too many elements"},
    {"%x: f32[2]", "%0: f32[] = slice %x {axis=0, limit=1, start=1}",
     "slice: [1,1) is not a range within axis 0 of f32[2]"},
    {"%x: f32[2]", "%0: f32[] = slice %x {axis=0, limit=3, start=0}",
     "slice: [0,3) is not a range within axis 0 of f32[2]"},
    {"%x: f32[2]", "%0: f32[] = slice %x {axis=0, limit=1, start=-1}",
     "slice: [-1,1) is not a range within axis 0 of f32[2]"},
    {"%x: f32[B,2]", "%0: f32[B,2] = slice %x {axis=0, limit=B+1, start=1}",
     "slice: [1,B+1) is not a range within axis 0 of f32[B,2]"},
    {"%x: f32[T,2]", "%0: f32[1,2] = slice %x {axis=0, limit=T-2, start=T-1}",
     "slice: [T-1,T-2) is not a range within axis 0 of f32[T,2]"},
    {"%x: f32[]", "%0: f32[] = slice %x {axis=0, limit=1, start=0}", "slice: axis 0 is outside of f32[]"},
    {"%x: f32[2]", "%0: f32[1] = pad %x {axis=0, high=-1, low=0}", "pad: low and high are at least 0, got 0 and -1"},
    {"%x: f32[2]", "%0: f32[1] = pad %x {axis=0, high=9223372036854775807, low=9223372036854775807}",
     "pad: too many elements: low 9223372036854775807, high 9223372036854775807"},
    {"%x: f32[2]", "%0: f32[1] = pad %x {axis=0, high=281474976710656, low=0}",
     "pad: [281474976710658] has too many elements"},
    {"%x: f32[B]", "%0: f32[B,10] = one_hot %x {depth=10, dtype=f32}", "one_hot: indices are integers, got f32[B]"},
    {"%x: u8[B]", "%0: f32[B,0] = one_hot %x {depth=0, dtype=f32}", "one_hot: depth is at least 1, got 0"},
    {"%x: u8[9999999]", "%0: f32[9999999] = one_hot %x {depth=999999999, dtype=f32}",
     "one_hot: [9999999,999999999] has too many elements"},
    {"%t: f32[5,2], %i: f32[3]", "%0: f32[3,2] = gather %t, %i", "gather: indices are integers, got f32[3]"},
    {"%t: f32[], %i: i32[3]", "%0: f32[3] = gather %t, %i", "gather: the table has rows, got f32[]"},
    {"%t: f32[0,2], %i: i32[3]", "%0: f32[3,2] = gather %t, %i", "gather: the table has no row: f32[0,2]"},
    {"%t: f32[5,2], %i: f32[3], %r: f32[3,2]", "%0: f32[5,2] = scatter_add %t, %i, %r",
     "scatter_add: indices are integers, got f32[3]"},
    {"%t: f32[5,2], %i: i32[3], %r: f32[3,4]", "%0: f32[5,2] = scatter %t, %i, %r",
     "scatter: expected rows of type f32[3,2] for f32[5,2] and indices i32[3], got f32[3,4]"},
    {"%t: f32[5,2], %i: i32[3], %r: f64[3,2]", "%0: f32[5,2] = scatter_add %t, %i, %r",
     "scatter_add: expected rows of type f32[3,2] for f32[5,2] and indices i32[3], got f64[3,2]"},
    {"%t: bool[5], %i: i32[3], %r: bool[3]", "%0: bool[5] = scatter_add %t, %i, %r",
     "scatter_add: adds numbers, got bool[5]"},
    {"%t: f32[], %i: i32[3], %r: f32[3]", "%0: f32[] = scatter_add %t, %i, %r",
     "scatter_add: the table has no row: f32[]"},
    {"%x: bool[2]", "%0: bool[] = reduce_max %x {axes=[0]}", "reduce_max: takes numbers, got bool[2]"},
    {"%x: f32[2,3]", "%0: f32[] = reduce_sum %x {axes=[1,0]}",
     "reduce_sum: axes are ascending and different, got [1,0]"},
    {"%x: f32[2,3]", "%0: f32[] = reduce_sum %x {axes=[1,1]}",
     "reduce_sum: axes are ascending and different, got [1,1]"},
    {"%x: f32[2,3]", "%0: f32[] = reduce_sum %x {axes=[2]}", "reduce_sum: axis 2 is outside of f32[2,3]"},
    {"%x: f32[2,3]", "%0: f32[] = reduce_sum %x {axes=[-1]}", "reduce_sum: axis -1 is outside of f32[2,3]"},
    {"%x: f32[2,0]", "%0: f32[2] = reduce_max %x {axes=[1]}", "reduce_max: no element along axis 1 of f32[2,0]"},
    {"%x: f32[2,0]", "%0: f32[2] = reduce_min %x {axes=[1]}", "reduce_min: no element along axis 1 of f32[2,0]"},
    {"%x: f32[2,3]", "%0: i64[2] = argmax %x {axis=2}", "argmax: axis 2 is outside of f32[2,3]"},
    {"%x: f32[2,0]", "%0: i64[2] = argmax %x {axis=1}", "argmax: no element along axis 1 of f32[2,0]"},
    {"%x: bool[2,0]", "%0: i64[2] = argmax %x {axis=1}", "argmax: takes numbers, got bool[2,0]"},
    {"%k: i32[]", "%0: f32[2] = random_uniform %k, %k {dtype=f32, shape=[2]}",
     "random_uniform: key and counter are i64[], got i32[]"},
    {"%k: i64[1]", "%0: f32[2] = random_normal %k, %k {dtype=f32, shape=[2]}",
     "random_normal: key and counter are i64[], got i64[1]"},
    {"%k: i64[]", "%0: i32[2] = random_uniform %k, %k {dtype=i32, shape=[2]}", "random_uniform: makes floats, got i32"},
    {"", "%0: f32[] = gradient", "gradient: expected y and what to derive it by, got nothing"},
    {"%x: f32[]", "%0: i64[] = argsort %x", "argsort: expected an axis, got f32[]"},
    {"%x: bool[2]", "%0: i64[2] = argsort %x", "argsort: takes numbers, got bool[2]"},
    {"%x: f32[B,2]", "%0: bool[B,2] = is_first_max %x {axes=[0]}",
     "is_first_max: axis 0 of f32[B,2] has no static size"},
    {"%x: f32[B,2]", "%0: bool[B,2] = is_first_max %x {axes=[1,1]}",
     "is_first_max: axes are ascending and different, got [1,1]"},
    {"%x: f32[2,300]", "%0: bool[2,300] = is_first_max %x {axes=[1]}",
     "is_first_max: compares at most 256 elements, got axes [1] of f32[2,300]"},
    {"%x: f32[2,9000]",
     "%0: f32[2,1000,8001] = windows %x {axis=1, dilations=[1], padding=[0,0], sizes=[8001], strides=[1]}",
     "windows: a window has at most 4096 cells, got sizes [8001]"},
    {"%x: f32[2,4]", "%0: f32[2,3,2] = windows %x {axis=2, dilations=[1], padding=[0,0], sizes=[2], strides=[1]}",
     "windows: its 1 sizes from axis 2 on reach outside of f32[2,4]"},
    {"%x: f32[2,4]", "%0: f32[2,3,2] = windows %x {axis=1, dilations=[1], padding=[0,0], sizes=[], strides=[1]}",
     "windows: expected the size of at least one axis"},
    {"%x: f32[2,4]", "%0: f32[2,3,2] = windows %x {axis=1, dilations=[1], padding=[0], sizes=[2], strides=[1]}",
     "windows: expected a stride and a dilation for each of the sizes [2], and padding before and after, got [1], [1] "
     "and [0]"},
    {"%x: f32[2,4]", "%0: f32[2,3,2] = windows %x {axis=1, dilations=[1], padding=[0,0], sizes=[2], strides=[0]}",
     "windows: sizes, strides and dilations are from 1 to 2^31, got 0"},
    {"%x: f32[2,4]",
     "%0: f32[2,3,2] = windows %x {axis=1, dilations=[1], padding=[0,5000000000], sizes=[2], strides=[1]}",
     "windows: padding is from -2^31 to 2^31, got 5000000000"},
    {"%x: f32[2,4]", "%0: f32[2,1,3] = windows %x {axis=1, dilations=[2], padding=[0,0], sizes=[3], strides=[1]}",
     "windows: axis 1 of f32[2,4]: a window of 3 with dilation 2 does not fit 4"},
    {"%x: f32[2,4]", "%0: f32[2,1,3] = windows %x {axis=1, dilations=[1], padding=[-1,-1], sizes=[3], strides=[1]}",
     "windows: axis 1 of f32[2,4]: a window of 3 does not fit 4 padded by -1 and -1"},
    {"%x: f32[B]", "%0: f32[B,3] = windows %x {axis=0, dilations=[1], padding=[0,0], sizes=[3], strides=[2]}",
     "windows: axis 0 of f32[B]: the number of windows at stride 2 is no sum of products of symbols"},
    {"%x: f32[3,2]",
     "%0: f32[5] = add_windows %x {axis=0, dilations=[1], padding=[0,0], shape=[5], sizes=[2], strides=[1]}",
     "add_windows: the windows over f32[5] are f32[4,2], got f32[3,2]"},
    {"%y: f32[]", "%0: f32[] = gradient %y", "gradient: expected y and what to derive it by, got only y"},
    {"%y: f32[2]", "%0: f32[2] = gradient %y, %y", "gradient: y is a float scalar, got f32[2]"},
    {"%y: i32[]", "%0: i32[] = gradient %y, %y", "gradient: y is a float scalar, got i32[]"},
    {"%y: f32[], %v: u8[]", "%0: u8[] = gradient %y, %v", "gradient: derives by floats, got u8[]"},
    {"%x: f32[2]", "%0: f32[3] = fused(%a: f32[3] = %x) { return %a }",
     "fused: operand 0 is f32[2], the body takes f32[3]"},
    {"%x: f32[2]", "%0: f32[2] = fused(%a: f32[2] = %x) { return }", "fused: a body has results, got none"},
    {"%x: f32[2]", "%0: f32[2] = custom_gradient(%y: f32[2] = %x, %x: f32[2] = %x) { return %x }",
     "custom_gradient: the body takes 2 values for 2 operands; expected more parameters than operands, one for the "
     "adjoint of each y, and fewer y than operands"},
    {"%x: f32[2]", "%0: f32[2] = custom_gradient(%y: f32[2] = %x, %dy: f32[2]) { return }",
     "custom_gradient: the body takes 2 values for 1 operand; expected more parameters than operands, one for the "
     "adjoint of each y, and fewer y than operands"},
    {"%x: f32[2]", "%0: f32[2] = custom_gradient(%y: f32[3] = %x, %x: f32[2] = %x, %dy: f32[2]) { return %x }",
     "custom_gradient: operand 0 is f32[2], the body takes f32[3]"},
    {"%x: f32[2]", "%0: f32[2] = custom_gradient(%y: f32[2] = %x, %x: f32[2] = %x, %dy: f32[]) { return %x }",
     "custom_gradient: the adjoint of operand 0 is f32[2], the body takes f32[]"},
    {"%x: f32[2], %i: i32[]",
     "%0: f32[2] = custom_gradient(%y: f32[2] = %x, %i: i32[] = %i, %x: f32[2] = %x, %dy: f32[2]) { return }",
     "custom_gradient: the body returns 0 values, expected one for each of the 1 floats among x"},
    {"%x: f32[2], %i: i32[]",
     "%0: f32[2] = custom_gradient(%y: f32[2] = %x, %i: i32[] = %i, %x: f32[2] = %x, %dy: f32[2]) { return %i }",
     "custom_gradient: the body's result 0 is i32[], expected f32[2], the type of operand 2"},
};

std::string text_of(std::string_view inputs, std::string_view node) {
  return fmt::format("sluice-ir 1\ngraph @f({}) {{\n  {}\n  return\n}}\n", inputs, node);
}

/// Returns the message with which parse rejects the node, without location and caret.
std::string refusal(std::string_view inputs, std::string_view node) {
  try {
    parse(text_of(inputs, node));
  } catch (const Error& error) {
    return error.message().substr(0, error.message().find('\n'));
  }
  return "accepted";
}

std::string refusal(Op op, const std::vector<Type>& operands, const Attributes& attributes) {
  try {
    infer(op, operands, attributes);
  } catch (const Error& error) {
    CHECK_FALSE(error.location().known());
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("every op accepts what its row says") {
  std::set<std::string_view> names{"parameter", "state"};
  for (const auto& [inputs, node] : kAccepted) {
    CHECK(refusal(inputs, node) == "accepted");
    const std::string text = print(parse(text_of(inputs, node)));
    CHECK(print(parse(text)) == text);
    const std::string_view op = node.substr(node.find("= ") + 2);
    names.insert(op.substr(0, op.find_first_of(" (")));
  }
  for (const test::FloatFunction& function : test::float_functions()) {
    for (const Type& x : {Type{DType::kF32, {batch, 2}}, Type{DType::kF64, {}}})
      CHECK(infer(function.op, {{x}}, {}) == Types{x});
    names.insert(to_string(function.op));
  }
  for (int i = 0; i < kOpCount; ++i) CHECK_MESSAGE(names.contains(to_string(static_cast<Op>(i))), i);
}

TEST_CASE("every op rejects what does not fit") {
  for (const auto& [inputs, node, message] : kRefused) CHECK(refusal(inputs, node) == message);
}

TEST_CASE("attributes are checked against the op's row") {
  const Type x{DType::kF32, {2}};
  CHECK(refusal(Op::kNeg, {x}, {{Attr::kAxis, std::int64_t{0}}}) == "neg: has no attribute 'axis'");
  CHECK(refusal(Op::kArgmax, {x}, {}) == "argmax: attribute 'axis' is missing");
  CHECK(refusal(Op::kArgmax, {x}, {{Attr::kAxis, true}}) == "argmax: attribute 'axis' has a value of the wrong kind");
  CHECK(refusal(Op::kFused, {}, {{Attr::kBody, std::shared_ptr<const Graph>()}}) ==
        "fused: attribute 'body' has a value of the wrong kind");
  CHECK(refusal(Op::kMatmul, {{DType::kF32, {2, 2}}, {DType::kF32, {2, 2}}}, {{Attr::kTransposeA, false}}) ==
        "accepted");
}

TEST_CASE("inputs have valid shapes") {
  const auto input = [](Op op, const Shape& shape) {
    return refusal(op, {}, {{Attr::kDType, DType::kF32}, {Attr::kShape, shape}});
  };
  CHECK(input(Op::kParameter, {batch, 3}) == "accepted");
  CHECK(input(Op::kParameter, {0}) == "accepted");
  CHECK(input(Op::kParameter, {batch, batch, length("T") - 1}) == "accepted");
  CHECK(input(Op::kParameter, {1 - batch - length("T")}) == "parameter: [-B-T+1] has a size that is not valid");
  CHECK(input(Op::kParameter, {-1}) == "parameter: [-1] has a size that is not valid");
  CHECK(input(Op::kParameter, {Dim(0, batch.batch)}) == "parameter: [0*B] has a size that is not valid");
  CHECK(input(Op::kState, {batch}) == "state: a variable has a static shape, got [B]");
  CHECK(input(Op::kState, {kMaxElements}) == "accepted");
  CHECK(input(Op::kState, {kMaxElements, 2}) == "state: [281474976710656,2] has too many elements");
  CHECK(input(Op::kState, {0, kMaxElements, 2}) == "state: [0,281474976710656,2] has too many elements");
  CHECK(input(Op::kState, Shape(std::vector<Dim>(kMaxRank, 1))) == "accepted");
  CHECK(input(Op::kState, Shape(std::vector<Dim>(kMaxRank + 1, 1))) == "state: expected at most 32 axes, got 33");
}

// Misuse of ops: each mistake has its own message, at the user's line.
#include <doctest/doctest.h>

#include "tests/frontend/misuse.h"

using namespace sluice;

TEST_CASE("shapes that do not broadcast") {
  CHECK(traced({f32(2, 3), f32(2)}, [](Tensor x, Tensor y) { return x + y; }) ==
        here("add: shapes do not broadcast: f32[2,3] and f32[2]"));
  CHECK(traced({f32(batch, 3), f32(4, 1)}, [](Tensor x, Tensor y) { return x * y; }) ==
        here("mul: shapes do not broadcast: f32[B,3] and f32[4,1]"));
  CHECK(traced({bool_(2), f32(3)}, [](Tensor c, Tensor x) { return select(c, x, 0); }) ==
        here("select: shapes do not broadcast: bool[2], f32[3] and f32[]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return broadcast_to(x, {3, 3});
        }) == here("broadcast: f32[2,3] does not broadcast to [3,3]"));
}

TEST_CASE("element types are never promoted") {
  CHECK(traced({f32(2), i32(2)}, [](Tensor x, Tensor y) { return x - y; }) ==
        here("sub: operands have different element types: f32[2] and i32[2]; convert with cast"));
  CHECK(traced({i32(2)}, [](Tensor x) { return x * 0.5; }) ==
        here("mul: the number 0.5 does not fit the element type i32 of its tensor"));
  CHECK(traced({u8(2)}, [](Tensor x) { return x + 256; }) ==
        here("add: the number 256 does not fit the element type u8 of its tensor"));
  CHECK(traced({f32(2)}, [](Tensor x) { return x == true; }) ==
        here("equal: the number true does not fit the element type f32 of its tensor"));
  CHECK(traced({bool_(2)}, [](Tensor x) { return x & 1; }) ==
        here("logical_and: the number 1 does not fit the element type bool of its tensor"));
  CHECK(traced({i32(2)}, [](Tensor x) { return exp(x); }) == here("exp: takes floats, got i32[2]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return logical_not(x); }) == here("logical_not: takes bools, got f32[2]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return select(x, x, x); }) ==
        here("select: the condition is bool, got f32[2]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return select(1, x, x); }) ==
        here("select: expected a bool tensor as the condition, got a number"));
  CHECK(traced({}, [] { return maximum(1, 2); }) == here("maximum: expected at least one tensor, got numbers only"));
  CHECK(traced({i32(2)}, [](Tensor x) { return reduce_mean(x); }) ==
        here("reduce_mean: expected floats, got i32[2]; convert with cast"));
}

TEST_CASE("/ takes only floats, so bytes / 255 is not mistaken for a number from 0 to 1") {
  const std::string advice = "; convert with cast, or use truncatediv, which drops what is behind the point";
  CHECK(traced({u8(batch, 784)}, [](Tensor x) { return x / 255; }) ==
        here("div: takes floats, got u8[B,784]" + advice));
  CHECK(traced({i64(2)}, [](Tensor x) { return divide(1, x); }) == here("div: takes floats, got i64[2]" + advice));
  CHECK(traced({i32(2), i32(2)}, [](Tensor x, Tensor y) { return x / y; }) ==
        here("div: takes floats, got i32[2]" + advice));
  CHECK(traced({f32(2)}, [](Tensor x) { return truncatediv(x, 2); }) ==
        here("truncatediv: takes integers, got f32[2]; use / for floats"));
}

TEST_CASE("products whose axes do not fit") {
  CHECK(traced({f32(2, 3, 4), f32(3, 4, 5)}, [](Tensor x, Tensor y) { return matmul(x, y); }) ==
        here("matmul: batch axes do not broadcast: axis 0 of f32[2,3,4] is 2, axis 0 of f32[3,4,5] is 3"));
  CHECK(traced({f32(7, 2, 3, 4), f32(3, 4, 5)}, [](Tensor x, Tensor y) { return matmul(x, y); }) ==
        here("matmul: batch axes do not broadcast: axis 1 of f32[7,2,3,4] is 2, axis 0 of f32[3,4,5] is 3"));
  CHECK(traced({f32(batch, 3, 4), f32(batch, 5, 3)}, [](Tensor x, Tensor y) {
          return matmul(x, y, {.transpose_b = true});
        }) == here("matmul: inner sizes differ: axis 2 of f32[B,3,4] is 4, axis 2 of f32[B,5,3] is 3"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return matmul(reduce_sum(x), x); }) ==
        here("matmul: operand a has no axes, it is f32[]"));
  CHECK(traced({f32(3), f32(2, 3)}, [](Tensor x, Tensor y) { return matmul(y, x, {.transpose_b = true}); }) ==
        here("matmul: transpose_b expects a matrix, got f32[3]"));
  CHECK(traced({f32(3), i32(3)}, [](Tensor x, Tensor y) { return matmul(x, y); }) ==
        here("matmul: takes floats, got i32[3]"));
  CHECK(traced({f32(3), f64(3)}, [](Tensor x, Tensor y) { return matmul(x, y); }) ==
        here("matmul: operands have different element types: f32[3] and f64[3]; convert with cast"));

  CHECK(traced({f32(2, 3), f32(4, 3)}, [](Tensor x, Tensor y) { return tensordot(x, y, 1); }) ==
        here("tensordot: sizes differ: axis 1 of f32[2,3] is 3, axis 0 of f32[4,3] is 4"));
  CHECK(traced({f32(2, 3), f32(3)}, [](Tensor x, Tensor y) { return tensordot(x, y, 2); }) ==
        here("tensordot: expected a number of axes from 0 to the 1 of f32[3], got 2"));
  CHECK(traced({f32(2, 3), f32(3)}, [](Tensor x, Tensor y) {
          return tensordot(x, y, {0, 1}, {0});
        }) == here("tensordot: expected as many axes of a as of b, got 2 and 1"));
  CHECK(traced({f32(2, 3), f32(3, 3)}, [](Tensor x, Tensor y) {
          return tensordot(x, y, {1, -1}, {0, 1});
        }) == here("tensordot: axis 1 of f32[2,3] is named twice"));
  CHECK(traced({f32(2, 3), f32(3)}, [](Tensor x, Tensor y) { return tensordot(x, y, {2}, {0}); }) ==
        here("tensordot: axis 2 is outside of f32[2,3]"));
}

TEST_CASE("invalid einsum equations") {
  const auto refused = [](const char* equation) {
    return traced({f32(2, 3), f32(4, 5)}, [=](Tensor x, Tensor y) { return einsum(equation, x, y); });
  };
  CHECK(refused("ij,jk->ik") ==
        here("einsum: \"ij,jk->ik\": 'j' is 3 on axis 1 of operand 0, f32[2,3], and 4 on axis 0 of operand 1, "
             "f32[4,5]"));
  CHECK(refused("ij->ij") == here("einsum: \"ij->ij\": it has subscripts for 1 operand, got 2"));
  CHECK(refused("ijk,kl->il") == here("einsum: \"ijk,kl->il\": \"ijk\" names 3 axes, operand 0 is f32[2,3]"));
  CHECK(refused("ij,...klm->i") ==
        here("einsum: \"ij,...klm->i\": \"...klm\" names at least 3 axes, operand 1 is f32[4,5]"));
  CHECK(refused("ij,kl->iz") == here("einsum: \"ij,kl->iz\": no operand has 'z', which the output names"));
  CHECK(refused("ij,kl->iji") == here("einsum: \"ij,kl->iji\": the output names 'i' twice"));
  CHECK(refused("ij,kl->...i") == here("einsum: \"ij,kl->...i\": no operand has \"...\", which the output names"));
  CHECK(refused("i1,kl") == here("einsum: \"i1,kl\": expected letters, \"...\", \",\" and one \"->\", got '1'"));
  CHECK(refused("...i...,kl") ==
        here("einsum: \"...i...,kl\": expected letters, \"...\", \",\" and one \"->\", got '.' beside \"...\""));
  CHECK(refused("ij,kl->i->j") ==
        here("einsum: \"ij,kl->i->j\": expected letters, \"...\", \",\" and one \"->\", got '-'"));
  CHECK(refused("i...,k...->ik...") ==
        here("einsum: \"i...,k...->ik...\": an axis of \"...\" is 3 on axis 1 of operand 0, f32[2,3], and 5 on axis 1 "
             "of operand 1, f32[4,5]"));
  CHECK(traced({f32(2, 3), bool_(2, 3)}, [](Tensor x, Tensor y) { return einsum("ij,ij->i", x, y); }) ==
        here("einsum: \"ij,ij->i\": takes numbers, operand 1 is bool[2,3]"));
  CHECK(traced({f32(2, 3), f64(2, 3)}, [](Tensor x, Tensor y) { return einsum("ij,ij->i", x, y); }) ==
        here("einsum: \"ij,ij->i\": operands have different element types: operand 0 is f32[2,3], operand 1 is "
             "f64[2,3]; convert with cast"));
}

TEST_CASE("invalid shapes and axes") {
  CHECK(traced({f32(2, 3), f32(2, 3)}, [](Tensor x, Tensor y) { return matmul(x, y); }) ==
        here("matmul: inner sizes differ: axis 1 of f32[2,3] is 3, axis 0 of f32[2,3] is 2"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return matmul(x, reshape(x, {-1})); }) ==
        here("matmul: inner sizes differ: axis 1 of f32[2,3] is 3, axis 0 of f32[6] is 6"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return reshape(x, {7}); }) ==
        here("reshape: f32[2,3] has 6 elements, [7] would have 7"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return reshape(x, {4, -1});
        }) == here("reshape: f32[2,3] has 6 elements, which do not fill [4,-1]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return reshape(x, {-1, -1});
        }) == here("reshape: [-1,-1] has more than one -1"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return reduce_sum(x, 2); }) ==
        here("reduce_sum: axis 2 is outside of f32[2,3]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return reduce_max(x, {0, -2});
        }) == here("reduce_max: an axis is named twice in [0,-2]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return argmax(x, -3); }) == here("argmax: axis -3 is outside of f32[2,3]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return concat({}, 0) + x; }) ==
        here("concat: expected at least one tensor"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return slice(x, {0}, {1}); }) ==
        here("slice: expected a begin and a size for each axis of f32[2,3], got 1 and 1"));
  CHECK(traced({f32(batch, 3)}, [](Tensor x) {
          return slice(x, {1, 0}, {batch, -1});
        }) == here("slice: [1,B+1) is not a range within axis 0 of f32[B,3]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return pad(x, {{0, 1}});
        }) == here("pad: expected a pair for each axis of f32[2,3], got 1"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return transpose(x, {0, 0});
        }) == here("transpose: [0,0] is not a permutation of the axes of f32[2,3]"));
  CHECK(
      traced({f32(2)}, [](Tensor x) { return x + reduce_sum(full({batch}, 1)); }) ==
      here(
          "broadcast: f32[B] uses batch, which no parameter of f has: give f an argument with batch in its shape, such "
          "as f32(batch), or write a number in place of batch"));
}

TEST_CASE("neural-network functions check their arguments") {
  CHECK(
      traced({f32(batch, 10), u8(batch, 1)}, [](Tensor x, Tensor y) { return sparse_softmax_cross_entropy(x, y); }) ==
      here("sparse_softmax_cross_entropy: expected float logits [...,classes] and integer labels [...], got f32[B,10] "
           "and u8[B,1]"));
  CHECK(traced({i32(2, 2)}, [](Tensor x) { return softmax(x); }) == here("softmax: expected floats, got i32[2,2]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return log_softmax(x, 1); }) ==
        here("log_softmax: axis 1 is outside of f32[2]"));
  CHECK(traced({f32(2), f32(3)}, [](Tensor x, Tensor y) { return mean_squared_error(x, y); }) ==
        here("mean_squared_error: expected two tensors of one type, got f32[2] and f32[3]"));
  CHECK(traced({f32(2), u8(2)}, [](Tensor x, Tensor y) { return sigmoid_cross_entropy(x, y); }) ==
        here("sigmoid_cross_entropy: expected logits and labels of one type of floats, got f32[2] and u8[2]"));
  CHECK(traced({i32(2), i32(2)}, [](Tensor x, Tensor y) { return sigmoid_cross_entropy(x, y); }) ==
        here("sigmoid_cross_entropy: expected logits and labels of one type of floats, got i32[2] and i32[2]"));
  CHECK(thrown([] { linspace(0, 1, 0); }) == "linspace: expected at least 1 number, got 0");
  CHECK(traced({f32(2)}, [](Tensor x) { return dropout(x, 1, Mode::kTrain); }) ==
        here("dropout: expected a rate of at least 0 and below 1, got 1"));
  CHECK(traced({i32(2)}, [](Tensor x) { return l2_loss(x); }) == here("l2_loss: expected floats, got i32[2]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return gradients(x, {x})[0]; }) ==
        here("gradient: y is a float scalar, got f32[2,3]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return gradients(reduce_sum(x), {x == 0})[0]; }) ==
        here("gradient: derives by floats, got bool[2]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return clip_by_global_norm({x}, 0).global_norm; }) ==
        here("clip_by_global_norm: expected a norm above 0, got 0"));
  CHECK(traced({f32(2)}, [](Tensor) { return global_norm({}); }) == here("global_norm: expected at least one tensor"));
  CHECK(traced({f32(batch)}, [dense = Dense(3)](Tensor x) { return dense(x); }) ==
        here("dense: expected f32[batch,...,in], got f32[B]"));
  CHECK(traced({u8(batch, 4)}, [dense = Dense(3)](Tensor x) { return dense(x); }) ==
        here("dense: expected f32[batch,...,in], got u8[B,4]; cast(x, f32) converts it"));
  CHECK(traced({f32(batch, length("T"))}, [dense = Dense(3)](Tensor x) { return dense(x); }) ==
        here("dense: expected f32[batch,...,in], got f32[B,T]; the last axis must be a number, the size of the "
             "weights"));
  CHECK(traced({f32(batch, length("T"))}, [](Tensor x) { return x + constant(ones({static_size(x, -1)})); }) ==
        here("static_size: expected axis -1 of f32[B,T] to be a number, got T"));
  CHECK(traced({f32(batch, 4)}, [](Tensor x) { return x + constant(ones({static_size(x, 1)})); }).empty());
  CHECK(thrown([] { Dense dense(0); }) == "dense: expected an output size of at least 1, got 0");
  CHECK(thrown([] { Dense dense(3, nullptr); }) == "dense: the activation is empty; pass identity for none");
  CHECK(thrown([] { Dense dense(3, relu, nullptr); }) == "dense: the initializer of the weights is empty");
}

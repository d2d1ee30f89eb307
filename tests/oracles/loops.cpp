// Branches, and loops of a known number of steps, unrolled.
#include "tests/oracles/functions.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

Program cond(const Oracle& oracle) {
  expect_words(oracle, "predicate", "sum(x) > 0");
  expect_words(oracle, "then", "x * w");
  expect_words(oracle, "otherwise", "sin(x) + w");
  return function_of_one(oracle, [&](const Tensors& in) {
    return select(reduce_sum(in["x"]) > 0, in["x"] * in["w"], sine(in["x"]) + in["w"]);
  });
}

Program newton(const Oracle& oracle) {
  expect_words(oracle, "body", "x = (x + a / x) / 2 from 1");
  return function_of_one(oracle, [&](const Tensors& in) {
    Tensor x = ones_like(in["a"]);
    for (int i = 0; i < static_cast<int>(oracle.attributes.number("steps")); ++i) x = (x + in["a"] / x) / 2;
    return x;
  });
}

}  // namespace

void add_loops(Builders& builders) {
  builders["cond"] = cond;
  builders["loop_newton"] = newton;
}

}  // namespace sluice::oracles

// Branches, and loops of a known number of steps, unrolled.
#include <fmt/format.h>

#include <cstdio>

#include "tests/oracles/functions.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

Program cond(const Oracle& oracle) {
  expect_words(oracle, "predicate", "sum(x) > 0");
  expect_words(oracle, "then", "x * w");
  expect_words(oracle, "otherwise", "sin(x) + w");
  return function_of_one(oracle, [&](const Tensors& in) {
    return select(reduce_sum(in["x"]) > 0, in["x"] * in["w"], sin(in["x"]) + in["w"]);
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

/// The index is known when the graph is traced, so the branch is C++'s.
Program switch_of_three(const Oracle& oracle) {
  expect_words(oracle, "branches", "x * w | x + w * w | exp(x)");
  return function_of_one(oracle, [&](const Tensors& in) {
    const double index = oracle.attributes.number("index");
    const Tensor& x = in["x"];
    const Tensor& w = in["w"];
    if (index <= 0) return x * w;
    return index >= 2 ? exp(x) : x + w * w;
  });
}

/// Fifty steps, of which those past the end of the loop change nothing.
Program while_loop(const Oracle& oracle) {
  double most = 0;
  const std::string words = oracle.attributes.text("condition");
  expect_words(oracle, "body", "x = 1.5 x + 0.25; i = i + 1");
  if (std::sscanf(words.c_str(), "sum(x) < %lf and i < 50", &most) != 1)
    throw CannotSay(fmt::format("condition: {}", words));
  return function_of(oracle, [&](const Tensors& in) -> Results {
    Tensor x = in["a"];
    Tensor i = full({}, std::int64_t{0}, DType::kI32);
    for (int step = 0; step < 50; ++step) {
      const Tensor goes_on = reduce_sum(x) < most;
      x = select(goes_on, 1.5 * x + 0.25, x);
      i = select(goes_on, i + 1, i);
    }
    return {{"out.0", x}, {"out.1", i}};
  });
}

}  // namespace

void add_loops(Builders& builders) {
  builders["cond"] = cond;
  builders["loop_newton"] = newton;
  builders["switch"] = switch_of_three;
  builders["while"] = while_loop;
}

}  // namespace sluice::oracles

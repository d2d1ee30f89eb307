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

/// Element t along the first axis of x.
Tensor at_time(const Tensor& x, std::int64_t t) {
  Shape begin(std::vector<Dim>(static_cast<std::size_t>(x.rank()), 0));
  Shape size = x.shape();
  begin[0] = t;
  size[0] = 1;
  Shape rest;
  for (int axis = 1; axis < x.rank(); ++axis) rest.push_back(x.shape()[axis]);
  return reshape(slice(x, begin, size), rest);
}

/// Tensors of one shape as one, along a new first axis.
Tensor stacked(const std::vector<Tensor>& parts) {
  Shape shape{1};
  for (int axis = 0; axis < parts[0].rank(); ++axis) shape.push_back(parts[0].shape()[axis]);
  std::vector<Tensor> rows;
  for (const Tensor& part : parts) rows.push_back(reshape(part, shape));
  return concat(rows, 0);
}

Program scan(const Oracle& oracle) {
  expect_words(oracle, "body", "h = tanh(h w + x[t]); y[t] = sum(h, -1)");
  expect_words(oracle, "outputs", "last h, ys");
  return function_of(oracle, [&](const Tensors& in) -> Results {
    Tensor h = in["h0"];
    std::vector<Tensor> sums;
    for (std::int64_t t = 0; t < in["x"].shape()[0].size; ++t) {
      h = tanh(matmul(h, in["w"]) + at_time(in["x"], t));
      sums.push_back(reduce_sum(h, -1));
    }
    return {{"out.0", h}, {"out.1", stacked(sums)}};
  });
}

Program scan_nested(const Oracle& oracle) {
  expect_words(oracle, "body",
               "scan of scan; c = c * 0.9 + a w if sum(a) > 0 else c - a; the inner output is sum(c) before the step");
  expect_words(oracle, "outputs", "last, sums");
  return function_of(oracle, [&](const Tensors& in) -> Results {
    const Tensor& x = in["x"];
    Tensor c = zeros_like(in["w"]);
    std::vector<Tensor> rows;
    for (std::int64_t t = 0; t < x.shape()[0].size; ++t) {
      const Tensor inner = at_time(x, t);
      std::vector<Tensor> sums;
      for (std::int64_t i = 0; i < x.shape()[1].size; ++i) {
        const Tensor a = at_time(inner, i);
        sums.push_back(reduce_sum(c));
        c = select(reduce_sum(a) > 0, c * 0.9 + a * in["w"], c - a);
      }
      rows.push_back(stacked(sums));
    }
    return {{"out.0", c}, {"out.1", stacked(rows)}};
  });
}

Program scan_rk4(const Oracle& oracle) {
  expect_words(oracle, "body", "y' = (y1, -k0 y0 - k1 y1), Runge-Kutta 4, h = 0.02");
  expect_words(oracle, "outputs", "last y, y0 of each step");
  return function_of(oracle, [&](const Tensors& in) -> Results {
    constexpr double kStep = 0.02;
    const Tensor k0 = at_time(in["k"], 0);
    const Tensor k1 = at_time(in["k"], 1);
    const auto slope = [&](const Tensor& y) {
      const Tensor y0 = at_time(y, 0);
      const Tensor y1 = at_time(y, 1);
      return stacked({y1, -k0 * y0 - k1 * y1});
    };
    Tensor y = in["y0"];
    std::vector<Tensor> first;
    for (int step = 0; step < static_cast<int>(oracle.attributes.number("steps")); ++step) {
      const Tensor a = slope(y);
      const Tensor b = slope(y + kStep / 2 * a);
      const Tensor c = slope(y + kStep / 2 * b);
      const Tensor d = slope(y + kStep * c);
      y = y + kStep / 6 * (a + 2 * b + 2 * c + d);
      first.push_back(at_time(y, 0));
    }
    return {{"out.0", y}, {"out.1", stacked(first)}};
  });
}

}  // namespace

void add_loops(Builders& builders) {
  builders["cond"] = cond;
  builders["loop_newton"] = newton;
  builders["scan"] = scan;
  builders["scan_nested"] = scan_nested;
  builders["scan_rk4"] = scan_rk4;
  builders["switch"] = switch_of_three;
  builders["while"] = while_loop;
}

}  // namespace sluice::oracles

// Functions with custom gradients: values, first and second derivatives, and errors at the user's line.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "sluice/frontend.h"
#include "sluice/ir/text.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;

namespace {

using F = std::vector<float>;

/// TensorFlow's example: log(1 + exp(x)), whose automatic derivative is NaN for large x.
Tensor log1pexp(const Arg& x) {
  static const auto kFunction = custom_gradient(
      "log1pexp", [](Tensor t) { return log(1 + exp(t)); },
      [](Tensor t, Tensor /*y*/, Tensor dy) { return dy * (1 - 1 / (1 + exp(t))); });
  return kFunction(x);
}

}  // namespace

TEST_CASE("log1pexp has a finite derivative where automatic differentiation gives NaN") {
  const auto f = function("f", {f32(batch)}, [](Tensor x) {
    const Tensor y = log1pexp(x);
    return outputs(y, gradients(reduce_sum(y), {x})[0], gradients(reduce_sum(log(1 + exp(x))), {x})[0]);
  });
  const auto [y, slope, naive] = f(F{0, 1, 100});
  CHECK(y(0) == doctest::Approx(std::log(2)));
  CHECK(slope(0) == 0.5);
  CHECK(slope(1) == doctest::Approx(1 - 1 / (1 + std::exp(1.0))));
  CHECK(slope(2) == 1);
  CHECK(std::isnan(naive(2)));
}

TEST_CASE("the second derivative is that of the backward function") {
  const auto f = function("f", {f32(batch)}, [](Tensor x) {
    const Tensor first = gradients(reduce_sum(log1pexp(x)), {x})[0];
    return outputs(first, gradients(reduce_sum(first), {x})[0]);
  });
  for (const std::int64_t count : {1, 3, 64, 128}) {
    const Array x = linspace(-3, 3, count);
    const auto [first, second] = f(x);
    for (std::int64_t i = 0; i < count; ++i) {
      const double s = 1 / (1 + std::exp(-x(i)));
      CHECK(first(i) == doctest::Approx(s).epsilon(1e-5));
      CHECK(second(i) == doctest::Approx(s * (1 - s)).epsilon(1e-4));
    }
  }
}

TEST_CASE("several inputs of any dtype, several outputs, and outputs without adjoint") {
  const auto rows = custom_gradient(
      "rows",
      [](Tensor table, Tensor indices, Tensor scale) {
        const Tensor taken = gather(table, indices);
        return outputs(taken * scale, indices + 1, reduce_sum(taken));
      },
      [](Tensor table, Tensor indices, Tensor scale, Tensor, Tensor next, Tensor sum, Tensor by_rows, Tensor by_next,
         Tensor by_sum) {
        CHECK(by_next.type() == next.type());
        CHECK(by_sum.type() == sum.type());
        const Tensor back = scatter_add(zeros_like(table), indices, by_rows * scale * 10);
        return outputs(back, Tensor(), Tensor());
      });
  const auto f = function("f", {f32(3, 2), i32(batch), f32()}, [&](Tensor table, Tensor indices, Tensor scale) {
    const auto [y, next, sum] = rows(table, indices, scale);
    const std::vector<Tensor> by = gradients(reduce_sum(y), {table, scale});
    return outputs(y, next, sum, by[0], by[1], gradients(sum, {table})[0]);
  });
  const auto [y, next, sum, by_table, by_scale, of_sum] =
      f(Array({{1.F, 2.F}, {3.F, 4.F}, {5.F, 6.F}}), std::vector<std::int32_t>{2, 2}, 0.5F);
  CHECK(test::floats(y) == F{2.5, 3, 2.5, 3});
  CHECK(next(1) == 3);
  CHECK(sum.item<float>() == 22);
  CHECK(test::floats(by_table) == F{0, 0, 0, 0, 10, 10});
  CHECK(by_scale.item<float>() == 0);
  CHECK(test::floats(of_sum) == F{0, 0, 0, 0, 0, 0});
}

TEST_CASE("lists of tensors") {
  const auto sums = custom_gradient(
      "sums",
      [](const std::vector<Tensor>& x) {
        return std::vector<Tensor>{x[0] + x[1], x[1]};
      },
      [](const std::vector<Tensor>& x, const std::vector<Tensor>& y, const std::vector<Tensor>& dy) {
        CHECK(y.size() == 2);
        return std::vector<Tensor>{dy[0] * 2, dy[1] * x[0]};
      });
  const auto f = function("f", {f32(), f32()}, [&](Tensor a, Tensor b) {
    const std::vector<Tensor> y = sums({a, b});
    const std::vector<Tensor> by = gradients(y[0] + 3 * y[1], {a, b});
    return outputs(y[0], by[0], by[1]);
  });
  const auto [y, by_a, by_b] = f(5.F, 7.F);
  CHECK(y.item<float>() == 12);
  CHECK(by_a.item<float>() == 2);
  CHECK(by_b.item<float>() == 15);
}

TEST_CASE("nested custom gradients, and gradients inside a backward function") {
  const auto inner =
      custom_gradient([](Tensor x) { return floor(x); }, [](Tensor, Tensor, Tensor dy) { return 3 * dy; });
  const auto outer =
      custom_gradient([&](Tensor x) { return inner(x) * 2; },
                      [&](Tensor x, Tensor, Tensor dy) { return dy * gradients(reduce_sum(inner(x) * x), {x})[0]; });
  const auto f = function("f", {f32(batch)}, [&](Tensor x) {
    const Tensor first = gradients(reduce_sum(outer(x)), {x})[0];
    return outputs(outer(x), first, gradients(reduce_sum(first), {x})[0]);
  });
  const auto [y, first, second] = f(F{2.5});
  CHECK(y(0) == 4);
  CHECK(first(0) == 2 + 3 * 2.5);  // floor(x) + 3 x
  CHECK(second(0) == 6);
}

TEST_CASE("a model whose activation has a custom gradient learns, and continues training after being loaded") {
  const auto straight = custom_gradient(
      "straight", [](Tensor x) { return sign(x); },
      [](Tensor x, Tensor, Tensor dy) { return select(abs(x) <= 1, dy, 0); });
  set_seed(2);
  const MLP model(Dense(8, [&](Tensor x) { return straight(x); }), Dense(2));
  const Array rows = Array({{1.F, 0.F}, {0.F, 1.F}, {1.F, 1.F}, {-1.F, 0.5F}});
  const Array labels = Array({std::uint8_t{1}, std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{0}});
  const auto step_of = [](const auto& logits, const SGD& sgd, const VariableList& variables) {
    return function("step", {f32(batch, 2), u8(batch)}, [&sgd, logits, variables](Tensor x, Tensor y) {
      const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits(x), y));
      sgd.minimize(loss, variables);
      return loss;
    });
  };
  const SGD sgd({.learning_rate = 0.5});
  const auto step = step_of([&](Tensor x) { return model(x); }, sgd, model);
  const float before = step(rows, labels).item<float>();
  for (int i = 0; i < 30; ++i) step(rows, labels);
  CHECK(step(rows, labels).item<float>() < before / 2);

  const auto folder = std::filesystem::temp_directory_path() / fmt::format("sluice_custom_{}", getpid());
  save(ExportModule(f32(batch, 2), [&](Tensor x) { return model(x); }), folder);
  const LoadedModule loaded(folder);
  std::filesystem::remove_all(folder);
  const auto further = step_of([&](Tensor x) { return loaded.logits(x); }, sgd, loaded);
  CHECK(further(rows, labels).item<float>() == step(rows, labels).item<float>());
  CHECK(further(rows, labels).item<float>() == step(rows, labels).item<float>());
  // The same with a static size instead of B.
  const auto four =
      function("four", {f32(4, 2)}, [&](Tensor x) { return gradients(reduce_sum(loaded.logits(x)), {x})[0]; });
  const auto any = function("any", {f32(batch, 2)}, [&](Tensor x) { return gradients(reduce_sum(model(x)), {x})[0]; });
  CHECK(test::floats(four(rows)) == test::floats(any(rows)));
}

TEST_CASE("the text of a graph with custom gradients reads back") {
  const auto f = function("f", {f32(batch)}, [](Tensor x) { return gradients(reduce_sum(log1pexp(x)), {x})[0]; });
  f.compile();
  const std::string text = ir::print(f.graph());
  CHECK(text.find("= custom_gradient(%y0: f32[B] = %") != std::string::npos);
  CHECK(ir::print(ir::parse(text)) == text);
  CHECK(f.dump("differentiate").find("custom_gradient") == std::string::npos);
}

TEST_CASE("a mismatch is an error at the user's line") {
  const auto call = [](auto forward, auto backward) {
    return traced({f32(2), i32()},
                  [=](Tensor x, Tensor i) { return custom_gradient("mine", forward, backward)(x, i); });
  };
  const auto first = [](Tensor x, Tensor) { return x * 2; };
  CHECK(call(first, [](Tensor, Tensor, Tensor, Tensor dy) { return dy; }) ==
        here("mine: the backward function returns 1 tensor for 2 inputs; expected one for each, Tensor() where no "
             "derivative flows"));
  CHECK(call(first, [](Tensor, Tensor, Tensor, Tensor dy) { return outputs(reduce_sum(dy), Tensor()); }) ==
        here("mine: the backward function returns f32[] for input 0, expected f32[2], the input's type"));
  CHECK(call(first, [](Tensor, Tensor, Tensor, Tensor dy) { return outputs(cast(dy, f64), Tensor()); }) ==
        here("mine: the backward function returns f64[2] for input 0, expected f32[2], the input's type"));
  CHECK(call(first, [](Tensor, Tensor i, Tensor, Tensor dy) { return outputs(dy, i); }) ==
        here("mine: the backward function returns i32[] for input 1, i32[], which has no derivative; return Tensor() "
             "for it"));
  CHECK(call(first, [](Tensor, Tensor, Tensor, Tensor dy) { return outputs(dy, Tensor()); }).empty());
}

TEST_CASE("using a tensor from outside is an error at the user's line") {
  const Variable w("w", Array::scalar(3.F));
  const auto on_own = [](Tensor x) { return x; };
  CHECK(traced({f32()}, [&](Tensor x) {
          return custom_gradient("mine", on_own, [&](Tensor, Tensor, Tensor dy) { return dy * w; })(x);
        }) == here("mine: the backward function uses the variable \"w\" from outside: pass it as an argument"));
  CHECK(traced({f32(), f32()}, [&](Tensor x, Tensor limit) {
          return custom_gradient("mine", on_own, [&](Tensor, Tensor, Tensor dy) { return minimum(dy, limit); })(x);
        }) == here("mine: the backward function uses the tensor f32[] from outside: pass it as an argument"));
  CHECK(traced({f32(), f32()}, [&](Tensor x, Tensor limit) {
          return custom_gradient(
              "mine", [&](Tensor t) { return t + limit; }, [](Tensor, Tensor, Tensor dy) { return dy; })(x);
        }) == here("mine: the function uses the tensor f32[] from outside: pass it as an argument"));
  CHECK(traced({f32(), f32()}, [&](Tensor x, Tensor limit) {
          return custom_gradient("mine", on_own, [&](Tensor, Tensor, Tensor) { return limit; })(x);
        }) == here("mine: the backward function uses the tensor f32[] from outside: pass it as an argument"));
  // A variable that is passed in gets the derivative that the backward function returns for it.
  const auto f = function("f", {f32()}, [&](Tensor x) {
    const auto scaled = custom_gradient([](Tensor t, Tensor by) { return t * by; },
                                        [](Tensor t, Tensor, Tensor, Tensor dy) { return outputs(dy, 100 * dy * t); });
    return gradients(scaled(x, w), {w})[0];
  });
  CHECK(f(2.F).item<float>() == 200);
  CHECK(thrown([&] {
          custom_gradient("mine", on_own, [](Tensor, Tensor, Tensor dy) { return dy; })(Tensor());
        }).find("used outside a function") != std::string::npos);
}

TEST_CASE("both functions may ask whether a variable is trainable, and are traced again when that changes") {
  const Variable first("first", Array::scalar(0.F));
  const Variable second("second", Array::scalar(0.F));
  const auto f = function("f", {f32()}, [&](Tensor x) {
    const auto scaled = custom_gradient([&](Tensor t) { return first.trainable() ? t * 2 : t; },
                                        [&](Tensor, Tensor, Tensor dy) { return second.trainable() ? dy * 3 : dy; });
    const Tensor y = scaled(x);
    return outputs(y, gradients(y, {x})[0]);
  });
  const auto check = [&](float value, float slope) {
    const auto [y, dy] = f(5.F);
    CHECK(y.item<float>() == value);
    CHECK(dy.item<float>() == slope);
  };
  check(10, 3);
  first.set_trainable(false);
  check(5, 3);
  second.set_trainable(false);
  check(5, 1);
}

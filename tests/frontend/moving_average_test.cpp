// Moving averages of variables: where they start, what they include, and how they take the variables' place.
#include "sluice/moving_average.h"

#include <doctest/doctest.h>

#include <stdexcept>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;
using test::floats;

namespace {

using F = std::vector<float>;

}  // namespace

TEST_CASE("an average starts from the first value, whenever the step was traced") {
  const Variable w("w", Array::scalar(5.F));
  const ExponentialMovingAverage averages(0.9);
  const auto step = function("step", {f32()}, [&](Tensor value) {
    w.assign(value);
    averages.update(w);
  });
  step.compile();
  step(0.9F);
  CHECK(averages.average(w).value().item<float>() == 0.9F);
  step(0.8F);
  CHECK(averages.average(w).value().item<float>() == doctest::Approx(0.89));
  step(0.7F);
  CHECK(averages.average(w).value().item<float>() == doctest::Approx(0.89 * 0.9 + 0.07));
  // A variable that comes later starts from its own first value.
  const Variable late("late", Array(F{3, 4}));
  function("both", {}, [&] { averages.update({w, late}); })();
  CHECK(floats(averages.average(late).value()) == F{3, 4});
}

TEST_CASE("averages take the place of variables for an evaluation") {
  const Variable w("w", Array(F{0, 0, 0}));
  const ExponentialMovingAverage averages(0.5);
  const auto step = function("step", [&](Tensor value) {
    w.assign(value);
    averages.update(w);
  });
  const auto evaluate = function("evaluate", {}, [&] { return reduce_sum(w); });
  step(F{1, 2, 3});
  step(F{3, 4, 5});
  {
    const auto swapped = averages.swap_in(w);
    CHECK(evaluate().item<float>() == 9);
  }
  CHECK(evaluate().item<float>() == 12);
  try {
    const auto swapped = averages.swap_in(w);
    throw std::runtime_error("an evaluation that fails");
  } catch (const std::runtime_error&) {
  }
  CHECK(floats(w.value()) == F{3, 4, 5});
  step(F{4, 5, 6});
  CHECK(floats(averages.average(w).value()) == F{3, 4, 5});
  averages.finalize(w);
  CHECK(floats(w.value()) == F{3, 4, 5});
}

TEST_CASE("a model's averages include the statistics of batch normalization, and copy counters") {
  struct Model : Module {
    Dense dense{2};
    BatchNormalization norm;
    Variable calls{"calls", Array::scalar(std::int64_t{0}), {.trainable = false}};
    Model() : Module("model") {
      register_module(dense);
      register_module(norm);
      register_variable(calls);
    }
    Tensor operator()(const Arg& x, Mode mode) const {
      calls.assign_add(1);
      return norm(tanh(dense(x)), mode);
    }
  } model;
  const SGD sgd({.learning_rate = 0.1});
  const ExponentialMovingAverage averages(0.5);
  const auto step = function("step", {f32(batch, 3)}, [&](Tensor x) {
    sgd.minimize(reduce_mean(square(model(x, Mode::kTrain) - 1)), model);
    averages.update(model);
  });
  std::vector<std::vector<Array>> history;
  for (int i = 0; i < 2; ++i) {
    step(Array({{1.F, 2.F, static_cast<float>(i)}, {0.F, 1.F, 0.F}, {5.F, 1.F, 1.F}}));
    std::vector<Array> values;
    for (const Variable& v : model.variables()) values.push_back(v.value());
    history.push_back(values);
  }
  const std::vector<Variable> variables = model.variables();
  REQUIRE(variables.size() == 7);  // weights, bias, gamma, beta, both statistics, the counter
  const auto swapped = averages.swap_in(model);
  for (std::size_t v = 0; v < variables.size(); ++v) {
    CAPTURE(variables[v].name());
    const Array now = variables[v].value();
    if (now.dtype() == DType::kI64) {
      CHECK(now.item<int>() == 2);
      continue;
    }
    const F first = floats(history[0][v]);
    const F second = floats(history[1][v]);
    for (std::size_t i = 0; i < first.size(); ++i)
      CHECK(floats(now)[i] == doctest::Approx(0.5 * first[i] + 0.5 * second[i]));
  }
}

TEST_CASE("averages are part of a checkpoint by their own names") {
  const Variable w("w", Array::scalar(1.F));
  const ExponentialMovingAverage averages(0.5);
  function("step", {}, [&] { averages.update(w); })();
  const std::vector<NamedVariable> named = averages.named_variables();
  REQUIRE(named.size() == 2);
  CHECK(named[0].name == "w/average");
  CHECK(named[1].name == "w/updates");
  CHECK(averages.trainable_variables().empty());
}

TEST_CASE("misuse of averages is an error at the user's line") {
  const Variable w("w", Array::scalar(1.F));
  CHECK(thrown([] { ExponentialMovingAverage(1); }) ==
        here("exponential_moving_average: decay must be at least 0 and below 1, got 1"));
  const ExponentialMovingAverage averages;
  CHECK(thrown([&] { const auto swapped = averages.swap_in(w); }) ==
        here("swap_in: there is no average of variable \"w\" yet: update() has not run for it"));
  CHECK(thrown([&] { averages.finalize(VariableList()); }) ==
        here("exponential_moving_average: there are no variables to average"));
  CHECK(traced({}, [&] { averages.update(VariableList()); }) ==
        here("exponential_moving_average: there are no variables to average"));
  CHECK(thrown([&] { averages.update(w); }).starts_with(here("exponential_moving_average")));
  CHECK(traced({}, [&] { averages.finalize(w); }).starts_with(here("finalize")));
}

// Misuse of TrainerOptions, of several optimizers and of schedules.
#include <doctest/doctest.h>

#include <cmath>

#include "sluice/gradient_accumulation.h"
#include "sluice/multi_optimizer.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/train/toy.h"

using namespace sluice;

TEST_CASE("wrong options are errors at the user's line") {
  const std::string at = "@control_errors_test.cpp ";
  ToyModel toy;
  toy.trainer.compile();
  const auto compiling = [&](TrainerOptions options) {
    return thrown([&] { toy.trainer_with(std::move(options)).compile(); });
  };
  CHECK(compiling({.clip_each_norm = -1}) == at + "trainer: expected a clip_each_norm above 0, got -1");
  CHECK(compiling({.clip_value = std::nan("")}) == at + "trainer: expected a clip_value above 0, got nan");
  CHECK(compiling({.clip_norm = 1, .clip_value = 1}) ==
        at + "trainer: expected one of clip_norm, clip_each_norm and clip_value, got several");
  CHECK(compiling({.accumulate = 0}) == at + "trainer: expected to accumulate at least 1 batch, got 0");
  CHECK(compiling({.ema_decay = 1}) == at + "exponential_moving_average: decay must be at least 0 and below 1, got 1");
  CHECK(compiling({.freeze = {"dense_0/*", "conv*"}}) ==
        at + "trainer: freeze: \"conv*\" matches no variable; there are \"dense_0/w\", \"dense_0/b\", \"dense_1/w\", "
             "\"dense_1/b\"");
  CHECK(compiling({.freeze = "*"}) == at + "trainer: freeze leaves no trainable variables");
  CHECK(compiling({.rate_multipliers = {{"*", 0}}}) ==
        at + "trainer: expected finite rate_multipliers above 0, got 0; freeze stops the training of variables");
  CHECK(compiling({.rate_multipliers = {{"*/q", 2}}})
            .starts_with(at + "trainer: rate_multipliers: \"*/q\" matches no variable; there are \"dense_0/w\""));
  CHECK(compiling({.rate_multipliers = {{"*/b", 2}, {"dense_1/*", 0.5}}}) ==
        at + fmt::format("trainer: rate_multipliers 0 and 1, 2 and 0.5, both select variable \"{}\"",
                         toy.model.variables()[3].name()));
  CHECK(thrown([&] { toy.trainer_with(GradientAccumulation(Adam(), 2), {.accumulate = 2}); }) ==
        at + "trainer: the optimizer accumulates gradients itself; expected accumulate = 1 with it");

  const std::vector<Variable> variables = toy.model.variables();
  const auto training_with = [&](const MultiOptimizer& optimizer) {
    return thrown([&] { toy.trainer_with(optimizer, {}).compile(); });
  };
  CHECK(training_with(MultiOptimizer({{Adam(), toy.model}, {SGD(), variables[1]}})) ==
        at + fmt::format("multi_optimizer: variable \"{}\" belongs to two optimizers, 0 (adam) and 1 (sgd)",
                         variables[1].name()));
  CHECK(training_with(MultiOptimizer({{Adam(), {variables[0], variables[1]}}, {SGD(), variables[3]}})) ==
        at + fmt::format("multi_optimizer: variable \"{}\" belongs to none of the 2 optimizers", variables[2].name()));
}

TEST_CASE("a rate that no optimizer can use ends the training") {
  ToyModel toy;
  const std::string at = "@control_errors_test.cpp ";
  const auto fitting = [&](Schedule schedule) {
    return thrown([&] { toy.trainer.fit(toy_examples(8), {.batch = 4, .schedule = std::move(schedule)}); });
  };
  CHECK(fitting([](std::int64_t step) { return 0.1 - static_cast<double>(step); }) ==
        at + "fit: the schedule returns -0.9 for step 1, expected a finite f32 of at least 0");
  CHECK(fitting([](std::int64_t) { return std::nan(""); }) ==
        at + "fit: the schedule returns nan for step 0, expected a finite f32 of at least 0");
  CHECK(fitting([](std::int64_t) { return 1e39; }) ==
        at + "fit: the schedule returns 1e+39 for step 0, expected a finite f32 of at least 0");
}

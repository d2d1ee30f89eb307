// Early stopping on a model with a single number whose loss is its square: the epochs' losses are predictable.
#include <doctest/doctest.h>

#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/train/toy.h"

using namespace sluice;

namespace {

/// Trains w from 1, one step per epoch, which multiplies it by 1 - 2 * learning_rate.
struct Course {
  Parabola parabola;
  Trainer trainer{parabola, parabola.sgd, toy_batch(), [this](Tensor, Tensor) { return parabola.objective(); }};

  explicit Course(double learning_rate) : parabola(learning_rate) {}
  History fit(const FitOptions& options) { return trainer.fit(toy_examples(8), options); }
};

FitOptions watching(EarlyStopping early) { return {.epochs = 20, .batch = 8, .early_stopping = std::move(early)}; }

}  // namespace

TEST_CASE("training that gets worse ends after its patience, with its best weights") {
  Course course(1.25);  // w: -1.5, 2.25, -3.375, ...
  const History history = course.fit(watching({.patience = 3}));
  CHECK(history.ending == Ending::kEarly);
  CHECK(history.epochs.size() == 4);
  CHECK(course.parabola.value() == -1.5F);

  Course last(1.25);
  last.fit(watching({.patience = 3, .restore_best = false}));
  CHECK(last.parabola.value() == 5.0625F);
}

TEST_CASE("validation decides if there is one") {
  // Validation sees w after the epoch, training before it.
  FitOptions options = watching({.patience = 2});
  options.validation = toy_examples(8);
  Course course(1.25);
  const History history = course.fit(options);
  CHECK(history.epochs.size() == 3);
  CHECK(history.epochs[0].training[0] == 1);
  CHECK(history.epochs[0].validation[0] == 2.25);
  CHECK(course.parabola.value() == -1.5F);
}

TEST_CASE("training continues while it improves enough") {
  Course better(0.25);  // w: 1/2, 1/4, 1/8, ...
  CHECK(better.fit(watching({.patience = 1})).ending == Ending::kAllEpochs);
  CHECK(better.parabola.value() == 0x1p-20F);

  // Losses before the steps: 1, 1/4, 1/16, 1/64, 1/256, ... The second improves by 0.2, the fourth improves on the
  // second, and then none does.
  Course slow(0.25);
  const History history = slow.fit(watching({.patience = 2, .min_delta = 0.2}));
  CHECK(history.ending == Ending::kEarly);
  CHECK(history.epochs.size() == 6);
  CHECK(slow.parabola.value() == 0.0625F);
}

TEST_CASE("a metric where higher is better") {
  Course course(1.25);  // metric w before the steps: 1, -1.5, 2.25, -3.375, ...
  const History history = course.fit(watching({.metric = "w", .higher_is_better = true, .patience = 2}));
  CHECK(history.epochs.size() == 20);
  Course falling(0.25);
  CHECK(falling.fit(watching({.metric = "w", .higher_is_better = true, .patience = 2})).epochs.size() == 3);
}

TEST_CASE("NaN is never better, and the best weights are restored after divergence") {
  Course course(1e30);  // w: -2e30, then its square overflows
  const History history = course.fit(watching({.patience = 2}));
  CHECK(history.ending == Ending::kNotFinite);
  CHECK(history.epochs.size() == 2);
  CHECK(course.parabola.value() == doctest::Approx(-2e30F));
}

TEST_CASE("a metric that early stopping cannot monitor is an error") {
  Course course(0.25);
  CHECK(thrown([&] { course.fit(watching({.metric = "accuracy"})); }) ==
        "@early_stopping_test.cpp fit: early stopping monitors \"accuracy\", the trainer has loss, w");
  CHECK(thrown([&] { course.fit(watching({.patience = 0})); }) ==
        "@early_stopping_test.cpp fit: expected a patience of at least 1 epoch for early stopping, got 0");
  CHECK(course.parabola.value() == 1);
}

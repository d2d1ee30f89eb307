// What TrainerOptions add to an update, against hand-written loops, bit for bit, and against hand-computed values.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>

#include "sluice/gradient_accumulation.h"
#include "sluice/moving_average.h"
#include "sluice/multi_optimizer.h"
#include "sluice/variable_filter.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/frontend/written.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy.h"

using namespace sluice;

namespace {

constexpr std::int64_t kEpochs = 3;

using Update = std::function<void(const Tensor& loss, const Tensor& images)>;

/// Trains by hand as a Trainer does with batches of 8 and seed 0, and calls `after` at the end of each epoch.
void train_by_hand(ToyModel& toy, const Dataset& examples, const Update& update,
                   const std::function<void()>& after = {}) {
  const auto train_step = function("train_step", toy_batch(), [&](Tensor images, Tensor labels) {
    const Objective objective = toy.objective(images, labels, Mode::kTrain);
    update(objective.loss, images);
    return objective.loss;
  });
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    for (const Batch& b : examples.shuffled(epoch).batches(8)) train_step(b.input(), b.target());
    if (after) after();
  }
}

/// A number w, and a loss whose gradient is the mean of the examples' inputs.
struct Slope : Module {
  Variable w = register_variable(Variable("w", Array::scalar(0.F)));
  SGD sgd{{.learning_rate = 1}};

  Trainer trainer(TrainerOptions options) {
    return Trainer(
        *this, sgd, {f32(batch), f32(batch)},
        [this](const Tensor& x, const Tensor&) { return Objective{.loss = reduce_mean(w * x)}; }, std::move(options));
  }
  float value() const { return w.value().item<float>(); }
};

Dataset numbers(const std::vector<float>& x) { return {Array(x), Array(x)}; }

}  // namespace

TEST_CASE("each gradient is clipped by its norm, or by its elements") {
  const auto trained = [](const TrainerOptions& options) {
    struct Pair : Module {
      Variable a = register_variable(Variable("a", Array({3.F, -4.F}, {2})));
      Variable b = register_variable(Variable("b", Array::scalar(-2.F)));
    } pair;
    const SGD sgd({.learning_rate = 0.5});
    Trainer trainer(
        pair, sgd, toy_batch(), [&](Tensor, Tensor) { return Objective{.loss = l2_loss(pair.a) + l2_loss(pair.b)}; },
        options);
    trainer.fit(toy_examples(8), {.epochs = 1, .batch = 8});
    const Array a = pair.a.value();
    return std::vector<float>{a.data<float>()[0], a.data<float>()[1], pair.b.value().item<float>()};
  };
  // The gradients are (3, -4), of norm 5, and -2.
  CHECK(trained({.clip_each_norm = 2.5}) == std::vector{2.25F, -3.F, -1.F});
  CHECK(trained({.clip_each_norm = 1.25}) == std::vector{2.625F, -3.5F, -1.375F});
  CHECK(trained({.clip_each_norm = 5}) == std::vector{1.5F, -2.F, -1.F});
  CHECK(trained({.clip_value = 1}) == std::vector{2.5F, -3.5F, -1.5F});
  CHECK(trained({.clip_value = 2.5}) == std::vector{1.75F, -2.75F, -1.F});
  CHECK(trained({.clip_value = 4}) == std::vector{1.5F, -2.F, -1.F});
}

TEST_CASE("options leave rows alone that LazyAdam's step does not look up") {
  const std::vector<TrainerOptions> tried{
      {}, {.clip_norm = 1}, {.clip_each_norm = 1}, {.clip_value = 0.5}, {.rate_multipliers = {{"*", 0.5}}}};
  for (const TrainerOptions& options : tried) {
    struct Items : Module {
      Variable table = register_variable(Variable("table", Array(std::vector<float>{1, 2, 3}, {3, 1})));
    } items;
    const LazyAdam adam({.learning_rate = 0.1});
    Trainer trainer(
        items, adam, {i64(batch), f32(batch)},
        [&](Tensor ids, Tensor x) {
          return Objective{.loss = reduce_sum(reshape(gather(items.table, ids), {batch}) * x)};
        },
        options);
    const auto fit = [&](std::int64_t id) {
      const Dataset examples(Array(std::vector<std::int64_t>{id, id}), Array(std::vector<float>{2, 3}));
      trainer.fit(examples, {.epochs = 1, .batch = 2});
      const Array table = items.table.value();
      const auto rows = table.data<float>();
      return std::vector<float>(rows.begin(), rows.end());
    };
    const std::vector<float> first = fit(0);
    CHECK(first[0] == doctest::Approx(options.rate_multipliers.empty() ? 0.9 : 0.95));
    const std::vector<float> second = fit(2);
    CHECK(second[0] == first[0]);
    CHECK(second[1] == 2);
    CHECK(second[2] < 3);
  }
}

TEST_CASE("clipping equals a hand-written loop, bit for bit") {
  const Dataset examples = toy_examples(44);
  for (const bool by_value : {false, true}) {
    set_seed(5);
    ToyModel by_hand;
    train_by_hand(by_hand, examples, [&](const Tensor& loss, const Tensor&) {
      const std::vector<Variable> variables = by_hand.model.trainable_variables();
      std::vector<Tensor> clipped;
      for (const Tensor& gradient : gradients(loss, variables)) {
        clipped.push_back(by_value ? clip_by_value(gradient, -0.01, 0.01) : clip_by_norm(gradient, 0.1));
      }
      by_hand.adam.apply(clipped, variables);
    });
    set_seed(5);
    ToyModel toy;
    TrainerOptions options;
    (by_value ? options.clip_value : options.clip_each_norm) = by_value ? 0.01 : 0.1;
    toy.trainer_with(options).fit(examples, {.epochs = kEpochs, .batch = 8});
    CHECK(toy.hash() == by_hand.hash());
  }
}

TEST_CASE("accumulated batches equal a hand-written loop, bit for bit") {
  const Dataset examples = toy_examples(76);  // ten batches, the last of 4: updates of 4, 4 and 2 batches
  set_seed(5);
  ToyModel by_hand;
  const GradientAccumulation accumulation(by_hand.adam, 4);
  const auto flush = function("flush", {}, [&] { accumulation.flush(by_hand.model); });
  train_by_hand(
      by_hand, examples,
      [&](const Tensor& loss, const Tensor& images) {
        const Tensor count = size_of(images, 0);
        accumulation.minimize(loss * cast(count, f32), by_hand.model, count);
      },
      [&] { flush(); });
  set_seed(5);
  ToyModel toy;
  std::vector<std::int64_t> scheduled;
  toy.trainer_with({.accumulate = 4}).fit(examples, {.epochs = kEpochs, .batch = 8, .schedule = [&](auto step) {
                                                       scheduled.push_back(step);
                                                       return 1e-2;
                                                     }});
  CHECK(toy.hash() == by_hand.hash());
  REQUIRE(scheduled.size() == 30);  // of each update, so that a larger batch has the same schedule
  for (std::size_t i = 0; i < 30; ++i) CHECK(scheduled[i] == static_cast<std::int64_t>(i / 10 * 3 + i % 10 / 4));
}

TEST_CASE("accumulated batches are one large batch") {
  const auto trained = [](const std::vector<float>& x, std::int64_t batch_size, TrainerOptions options) {
    Slope slope;
    slope.trainer(std::move(options)).fit(numbers(x), {.epochs = 1, .batch = batch_size});
    return slope.value();
  };
  // Whatever the order is. The mean of the batches' means would depend on it.
  CHECK(trained({1, 2, 3, 4}, 3, {.accumulate = 2}) == -2.5F);
  CHECK(trained({1, 2, 3, 4}, 1, {.accumulate = 100}) == -2.5F);
  CHECK(trained({1, 2, 3, 4, 5, 6, 7, 8}, 2, {.accumulate = 4}) == trained({1, 2, 3, 4, 5, 6, 7, 8}, 8, {}));
  CHECK(trained({2, 2, 2, 2, 2, 2}, 1, {.accumulate = 4}) == -4.F);  // the two that are left are another update
  // The whole gradient is clipped, not those of the batches, whose signs differ.
  CHECK(trained({-9, 10}, 1, {.clip_norm = 1, .accumulate = 2}) == -0.5F);
  CHECK(trained({-9, 15}, 1, {.clip_value = 1, .accumulate = 2}) == -1.F);
}

TEST_CASE("another fit does not use gradients that an ended one has accumulated") {
  Slope slope;
  Trainer trainer = slope.trainer({.accumulate = 2});
  trainer.fit(numbers({8, 8}),
              {.epochs = 1, .batch = 1, .callbacks = {{.on_step = [&](const StepReport&) { trainer.stop(); }}}});
  CHECK(slope.value() == 0);
  trainer.fit(numbers({2, 2}), {.epochs = 1, .batch = 1});
  CHECK(slope.value() == -2);
}

TEST_CASE("an evaluation uses the averages of the weights, as in a hand-written loop") {
  const Dataset examples = toy_examples(44);
  const Dataset validation = toy_examples(20, 2);
  set_seed(5);
  ToyModel by_hand;
  const ExponentialMovingAverage averages(0.75);
  const auto evaluate = function("evaluate", toy_batch(), [&](Tensor images, Tensor labels) {
    return by_hand.objective(images, labels, Mode::kEvaluate).loss;
  });
  std::vector<double> losses;
  train_by_hand(
      by_hand, examples,
      [&](const Tensor& loss, const Tensor&) {
        by_hand.adam.minimize(loss, by_hand.model);
        averages.update(by_hand.model);
      },
      [&] {
        const auto swapped = averages.swap_in(by_hand.model);
        losses.push_back(evaluate(validation.input(), validation.target()).item<double>());
      });
  const std::uint64_t as_trained = hash_of(by_hand.model);
  averages.finalize(by_hand.model);

  set_seed(5);
  ToyModel toy;
  Trainer trainer = toy.trainer_with({.ema_decay = 0.75});
  std::uint64_t in_callback = 0;
  double evaluated = 0;
  const Callback looking{.on_epoch = [&](const History&) {
    in_callback = hash_of(toy.model);
    evaluated = trainer.evaluate(validation).at("loss");
  }};
  const History history =
      trainer.fit(examples, {.epochs = kEpochs, .batch = 8, .validation = validation, .callbacks = {looking}});
  for (std::size_t i = 0; i < kEpochs; ++i) CHECK(history.epochs[i].validation[0] == doctest::Approx(losses[i]));
  CHECK(evaluated == doctest::Approx(losses.back()));
  CHECK(in_callback == as_trained);
  CHECK(toy.hash() == by_hand.hash());
  CHECK(trainer.evaluate(validation).at("loss") == evaluated);
  // Outside of fit() the variables are whatever the program has made of them.
  for (const Variable& variable : toy.model.variables()) variable.assign(0);
  CHECK(trainer.evaluate(validation).at("loss") == doctest::Approx(std::log(2)));
}

TEST_CASE("averages by hand: from the first value on, once for each update") {
  Slope slope;
  // w is -2, -4, -6, -8; its averages -2, -3, -4.5, -6.25.
  slope.trainer({.ema_decay = 0.5}).fit(numbers({2, 2, 2, 2}), {.epochs = 1, .batch = 1});
  CHECK(slope.value() == -6.25F);
  Slope accumulating;  // w is -2, -4
  accumulating.trainer({.accumulate = 2, .ema_decay = 0.5}).fit(numbers({2, 2, 2, 2}), {.epochs = 1, .batch = 1});
  CHECK(accumulating.value() == -3);
  // Before the first update there are no averages.
  Slope stopped;
  Trainer trainer = stopped.trainer({.accumulate = 2, .ema_decay = 0.5});
  double loss = 1;
  trainer.fit(numbers({2, 2}), {.epochs = 1, .batch = 1, .callbacks = {{.on_step = [&](const StepReport&) {
                                                           loss = trainer.evaluate(numbers({2})).at("loss");
                                                           trainer.stop();
                                                         }}}});
  CHECK(loss == 0);
  CHECK(stopped.value() == 0);
}

TEST_CASE("early stopping restores the averages of the best epoch") {
  // The loss of an evaluation is (w + 5)^2 with the averages -2, -3, -4.5, -6.25, ..., so the third epoch is the best.
  Slope slope;
  Trainer trainer(slope, slope.sgd, {f32(batch), f32(batch)},
                  [&](const Tensor& x, const Tensor&, Mode mode) {
                    return Objective{.loss = mode == Mode::kTrain ? reduce_mean(slope.w * x) : square(slope.w + 5)};
                  },
                  {.ema_decay = 0.5});
  const Dataset examples = numbers({2});
  const History history = trainer.fit(
      examples, {.epochs = 10, .batch = 1, .validation = examples, .early_stopping = EarlyStopping{.patience = 1}});
  CHECK(history.ending == Ending::kEarly);
  REQUIRE(history.epochs.size() == 4);
  CHECK(history.epochs[2].validation[0] == 0.25);
  CHECK(slope.value() == -4.5F);
  CHECK(trainer.evaluate(examples).at("loss") == 0.25);
}

TEST_CASE("frozen variables are not trained, as in a hand-written loop") {
  const Dataset examples = toy_examples(44);
  const std::vector<VariableFilter> filters{
      "dense_0/*", {"dense_0/w", "?ense_[0]/b"}, [](const NamedVariable& w) { return w.name.starts_with("dense_0"); }};
  for (const VariableFilter& filter : filters) {
    set_seed(5);
    ToyModel by_hand;
    train_by_hand(by_hand, examples, [&](const Tensor& loss, const Tensor&) {
      const std::vector<Variable> variables = by_hand.model.variables();
      by_hand.adam.minimize(loss, std::vector<Variable>{variables[2], variables[3]});
    });
    set_seed(5);
    ToyModel toy;
    const std::string warning =
        written(stderr, [&] { toy.trainer_with({.freeze = filter}).fit(examples, {.epochs = kEpochs, .batch = 8}); });
    CHECK(warning.empty());
    CHECK(toy.hash() == by_hand.hash());
    CHECK(toy.model.variables()[0].trainable());
    CHECK(toy.adam.variables().size() == 3 + 4);
  }
}

TEST_CASE("multiplied rates equal two optimizers in a hand-written loop, bit for bit") {
  const Dataset examples = toy_examples(44);
  const auto schedule = [](std::int64_t step) { return 1.0 / static_cast<double>(64 + step); };
  set_seed(5);
  ToyModel by_hand;
  const Adam slow;
  std::int64_t step = 0;
  const auto by_hand_step = function("step", toy_batch(), [&](Tensor images, Tensor labels) {
    const Tensor loss = by_hand.objective(images, labels, Mode::kTrain).loss;
    const std::vector<Variable> variables = by_hand.model.variables();
    const std::vector<Tensor> all = gradients(loss, variables);
    slow.apply({all[0], all[1]}, std::vector<Variable>{variables[0], variables[1]});
    by_hand.adam.apply({all[2], all[3]}, std::vector<Variable>{variables[2], variables[3]});
  });
  for (std::uint64_t epoch = 0; epoch < kEpochs; ++epoch) {
    for (const Batch& b : examples.shuffled(epoch).batches(8)) {
      const auto rate = static_cast<float>(schedule(step++));
      by_hand.adam.learning_rate().assign(Array::scalar(rate));
      slow.learning_rate().assign(Array::scalar(rate * 0.1F));
      by_hand_step(b.input(), b.target());
    }
  }
  set_seed(5);
  ToyModel toy;
  toy.trainer_with({.rate_multipliers = {{"dense_0/*", 0.1}}})
      .fit(examples, {.epochs = kEpochs, .batch = 8, .schedule = schedule});
  CHECK(hash_of(toy.model) == hash_of(by_hand.model));
}

TEST_CASE("several optimizers equal a hand-written loop, bit for bit") {
  const Dataset examples = toy_examples(44);
  const SGD by_hand_sgd({.learning_rate = 0.05, .momentum = 0.5});
  set_seed(5);
  ToyModel by_hand;
  train_by_hand(by_hand, examples, [&](const Tensor& loss, const Tensor&) {
    const std::vector<Variable> variables = by_hand.model.variables();
    const std::vector<Tensor> all = gradients(loss, variables);
    by_hand.adam.apply({all[0], all[2]}, std::vector<Variable>{variables[0], variables[2]});
    by_hand_sgd.apply({all[1], all[3]}, std::vector<Variable>{variables[1], variables[3]});
  });
  set_seed(5);
  ToyModel toy;
  toy.trainer.compile();
  const SGD sgd({.learning_rate = 0.05, .momentum = 0.5});
  const std::vector<Variable> variables = toy.model.variables();
  set_seed(5);
  const MultiOptimizer both({{toy.adam, {variables[0], variables[2]}}, {sgd, {variables[1], variables[3]}}});
  const History history = toy.trainer_with(both, {}).fit(examples, {.epochs = kEpochs, .batch = 8});
  CHECK(history.epochs[0].learning_rate == 1);
  CHECK(sgd.learning_rate().value().item<float>() == 0.05F);
  CHECK(hash_of({toy.model, sgd}) == hash_of({by_hand.model, by_hand_sgd}));
}

TEST_CASE("a run with all options resumes from any step, bit for bit") {
  const TrainerOptions all{.clip_norm = 0.5,
                           .accumulate = 3,
                           .ema_decay = 0.9,
                           .freeze = "dense_0/b",
                           .rate_multipliers = {{"dense_1/*", 2}}};
  const Dataset examples = toy_examples(36);  // five batches: updates of 3 and 2
  const TemporaryFolder folder;
  const auto options_of = [&](int run) {
    return FitOptions{.epochs = 2,
                      .batch = 8,
                      .validation = toy_examples(12, 2),
                      .schedule = cosine_decay(0.02, 6),
                      .early_stopping = EarlyStopping{.patience = 5, .restore_best = run % 2 == 0},
                      .checkpoint = {.folder = folder.path() / std::to_string(run), .resume = true}};
  };
  for (int run = 0; run < 12; ++run) {
    const auto trained = [&](std::int64_t stop_at) {
      set_seed(6);
      ToyModel toy;
      Trainer trainer = toy.trainer_with(all);
      FitOptions options = options_of(stop_at == 0 ? 100 + run % 2 : run);
      options.callbacks = {{.on_step = [&](const StepReport& report) {
        if (report.total_steps() == stop_at) trainer.stop();
      }}};
      const History history = trainer.fit(examples, options);
      return std::pair(toy.hash(), history.epochs.empty() ? std::vector<double>() : history.epochs.back().validation);
    };
    const auto whole = trained(0);
    if (run > 0) trained(run - 1 == 0 ? 10 : run - 1);
    CHECK(trained(-1) == whole);
  }
  ToyModel toy;
  TrainerOptions other = all;
  other.accumulate = 2;
  CHECK(thrown([&] { toy.trainer_with(other).fit(examples, options_of(1)); }) ==
        (folder.path() / "1" / "checkpoint.safetensors").string() +
            ": comes from a run with updates of a number of batches of 3, got 2: it cannot be resumed");
  other = all;
  other.ema_decay = {};
  CHECK(thrown([&] {
          toy.trainer_with(other).fit(examples, options_of(1));
        }).ends_with("another model or optimizer wrote it"));
}

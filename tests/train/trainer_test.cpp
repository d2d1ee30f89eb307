// The trainer against hand-written loops, bit for bit; its records; its callbacks and its errors.
#include "sluice/trainer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/frontend/written.h"
#include "tests/train/toy.h"

using namespace sluice;

TEST_CASE("fit equals a hand-written loop, bit for bit") {
  const Dataset examples = toy_examples(76);  // four batches of 16 and one of 12
  const Dataset validation = toy_examples(20, 2);
  set_seed(5);
  ToyModel by_hand;
  const auto train_step = function("train_step", toy_batch(), [&](Tensor images, Tensor labels) {
    const Objective objective = by_hand.objective(images, labels, Mode::kTrain);
    const std::vector<Variable> variables = by_hand.model.trainable_variables();
    by_hand.adam.apply(gradients(objective.loss, variables), variables);
    return outputs(objective.loss, objective.metrics[0].second);
  });
  const auto evaluate = function("evaluate", toy_batch(), [&](Tensor images, Tensor labels) {
    const Objective objective = by_hand.objective(images, labels, Mode::kEvaluate);
    return outputs(objective.loss, objective.metrics[0].second);
  });
  std::vector<std::vector<double>> expected;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    Mean training[2];
    Mean validated[2];
    for (const Batch& b : examples.shuffled((std::uint64_t{7} << 32) + epoch).batches(16)) {
      const auto values = train_step(b.input(), b.target());
      for (std::size_t i = 0; i < 2; ++i) training[i].add(values[i], b.target().sizes()[0]);
    }
    for (const Batch& b : validation.batches(16)) {
      const auto values = evaluate(b.input(), b.target());
      for (std::size_t i = 0; i < 2; ++i) validated[i].add(values[i], b.target().sizes()[0]);
    }
    CHECK(training[0].count() == 76);
    expected.push_back({training[0].result(), training[1].result(), validated[0].result(), validated[1].result()});
  }

  set_seed(5);
  ToyModel toy;
  const History history = toy.trainer.fit(examples, {.epochs = 3, .batch = 16, .validation = validation, .seed = 7});
  CHECK(toy.hash() == by_hand.hash());
  CHECK(history.ending == Ending::kAllEpochs);
  CHECK(history.names == std::vector<std::string>{"loss", "accuracy"});
  REQUIRE(history.epochs.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const EpochRecord& record = history.epochs[i];
    CHECK(record.epoch == static_cast<std::int64_t>(i));
    CHECK(record.training == std::vector{expected[i][0], expected[i][1]});
    CHECK(record.validation == std::vector{expected[i][2], expected[i][3]});
    CHECK(record.learning_rate == 1e-2F);
    CHECK(record.seconds > 0);
    CHECK(record.examples_per_second >= 76 / record.seconds);
  }
  CHECK(history.epochs[2].training[0] < history.epochs[0].training[0]);

  // Without dropout, so any two evaluations agree, almost regardless of the batch size.
  const auto results = toy.trainer.evaluate(validation, 16);
  CHECK(results.at("loss") == expected[2][2]);
  CHECK(results.at("accuracy") == expected[2][3]);
  CHECK(toy.trainer.evaluate(validation).at("loss") == doctest::Approx(expected[2][2]).epsilon(1e-6));
}

TEST_CASE("a schedule sets the learning rate of each step without retracing") {
  int traces = 0;
  Parabola parabola(123);
  Trainer trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) {
    ++traces;
    return parabola.objective();
  });
  std::vector<double> rates;
  const History history = trainer.fit(
      toy_examples(32), {.epochs = 2,
                         .batch = 8,
                         .schedule = [](std::int64_t step) { return 0.125 * static_cast<double>(step % 5); },
                         .callbacks = {{.on_step = [&](const StepReport& r) { rates.push_back(r.learning_rate); }}}});
  CHECK(rates == std::vector{0.0, 0.125, 0.25, 0.375, 0.5, 0.0, 0.125, 0.25});
  CHECK(parabola.value() == 0);  // 1 - 2 * 0.5
  CHECK(history.epochs[0].learning_rate == 0.375);
  CHECK(history.epochs[1].learning_rate == 0.25);
  CHECK(traces == 2);
}

TEST_CASE("gradients are clipped by their global norm") {
  const auto trained = [](std::optional<double> clip_norm, Engine engine) {
    const Engine before = default_engine();
    set_default_engine(engine);
    struct Pair : Module {
      Variable a = register_variable(Variable("a", Array({3.F, 0.F}, {2})));
      Variable b = register_variable(Variable("b", Array::scalar(-4.F)));
    } pair;
    SGD sgd({.learning_rate = 0.5});
    Trainer trainer(pair, sgd, toy_batch(),
                    [&](Tensor, Tensor) { return Objective{.loss = l2_loss(pair.a) + l2_loss(pair.b)}; },
                    {.clip_norm = clip_norm});
    trainer.fit(toy_examples(8), {.epochs = 1, .batch = 8});
    set_default_engine(before);
    const Array a = pair.a.value();
    return std::vector<float>{a.data<float>()[0], a.data<float>()[1], pair.b.value().item<float>()};
  };
  for (const Engine engine : {Engine::kReference, Engine::kJit}) {
    CHECK(trained({}, engine) == std::vector{1.5F, 0.F, -2.F});    // the gradient is (3, 0, -4), of norm 5
    CHECK(trained(2.5, engine) == std::vector{2.25F, 0.F, -3.F});  // half of it
    CHECK(trained(100, engine) == std::vector{1.5F, 0.F, -2.F});
  }
}

TEST_CASE("training with clipping is the same in the interpreter and in native code") {
  const auto trained = [](Engine engine) {
    const Engine before = default_engine();
    set_default_engine(engine);
    set_seed(3);
    ToyModel toy;
    Trainer clipping(toy.model, toy.adam, toy_batch(),
                     [&](Tensor images, Tensor labels) { return toy.objective(images, labels, Mode::kTrain); },
                     {.clip_norm = 0.05});
    clipping.fit(toy_examples(64), {.epochs = 2, .batch = 16});
    set_default_engine(before);
    return toy.model.variables();
  };
  const auto native = trained(Engine::kJit);
  const auto interpreted = trained(Engine::kReference);
  REQUIRE(native.size() == interpreted.size());
  for (std::size_t i = 0; i < native.size(); ++i) {
    const Array a = native[i].value();
    const Array b = interpreted[i].value();
    for (std::size_t k = 0; k < a.data<float>().size(); ++k) {
      CHECK(a.data<float>()[k] == doctest::Approx(b.data<float>()[k]).epsilon(1e-4));
    }
  }
}

TEST_CASE("callbacks see each step and each epoch, in order") {
  ToyModel toy;
  std::vector<std::string> seen;
  std::vector<double> losses;
  const Callback first{
      .on_step =
          [&](const StepReport& r) {
            seen.push_back(fmt::format("{}/{} {}/{} {}", r.epoch, r.epochs, r.step, r.steps, r.total_steps()));
            losses.push_back(r.values[0]);
            CHECK(r.names[1] == "accuracy");
            CHECK(r.examples_per_second > 0);
            if (r.step == 2) CHECK(r.means[0] == doctest::Approx((losses[0] * 8 + losses[1] * 2) / 10));
            if (r.step == 2) losses.clear();
          },
      .on_epoch = [&](const History& h) { seen.push_back(fmt::format("epoch {}", h.epochs.size())); },
      .on_end = [&](const History& h) { seen.push_back(fmt::format("end {}", h.epochs.size())); }};
  const Callback second{.on_epoch = [&](const History&) { seen.push_back("second"); }};
  toy.trainer.fit(toy_examples(10), {.epochs = 2, .batch = 8, .callbacks = {first, second}});
  CHECK(seen == std::vector<std::string>{"0/2 1/2 1", "0/2 2/2 2", "epoch 1", "second", "1/2 1/2 3", "1/2 2/2 4",
                                         "epoch 2", "second", "end 2"});
}

TEST_CASE("a callback may stop training between steps or epochs, and another run starts over") {
  ToyModel toy;
  int steps = 0;
  const Callback after_six{.on_step = [&](const StepReport&) {
    if (++steps == 6) toy.trainer.stop();
  }};
  const Dataset examples = toy_examples(32);
  const History between_steps = toy.trainer.fit(examples, {.epochs = 5, .batch = 8, .callbacks = {after_six}});
  CHECK(steps == 6);
  CHECK(between_steps.ending == Ending::kStopped);
  CHECK(between_steps.epochs.size() == 1);

  const Callback after_two{.on_epoch = [&](const History& h) {
    if (h.epochs.size() == 2) toy.trainer.stop();
  }};
  const History between_epochs = toy.trainer.fit(examples, {.epochs = 5, .batch = 8, .callbacks = {after_two}});
  CHECK(between_epochs.epochs.size() == 2);
  CHECK(toy.trainer.fit(examples, {.epochs = 3, .batch = 8}).ending == Ending::kAllEpochs);
}

TEST_CASE("an exception of a callback ends training") {
  ToyModel toy;
  const Callback throwing{.on_step = [](const StepReport&) { throw std::runtime_error("enough"); }};
  CHECK_THROWS_WITH(toy.trainer.fit(toy_examples(8), {.callbacks = {throwing}}), "enough");
}

TEST_CASE("invalid options and data are errors") {
  ToyModel toy;
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(0)); }) == "@trainer_test.cpp fit: there are no examples");
  CHECK(thrown([&] { toy.trainer.evaluate(toy_examples(0)); }) == "evaluate: there are no examples");
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(8), {.epochs = -1}); }) ==
        "@trainer_test.cpp fit: expected at least 0 epochs, got -1");
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(8), {.batch = 0}); }) ==
        "@trainer_test.cpp fit: expected a batch of at least 1 example, got 0");
  CHECK(toy.trainer.fit(toy_examples(8), {.epochs = 0}).epochs.empty());
}

TEST_CASE("examples that do not fit are errors before the first step, at the user's line") {
  ToyModel toy;
  toy.trainer.compile();
  const std::uint64_t before = toy.hash();
  const std::string at = "@trainer_test.cpp ";
  const Dataset wrong(Array(DType::kU8, {8, 5, 5}), Array(DType::kU8, {8}));
  CHECK(thrown([&] { toy.trainer.fit(wrong); }) ==
        at + "the examples: train_step: argument 0 is u8[8,5,5], expected u8[B,4,4]");
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(8), {.validation = wrong}); }) ==
        at + "the examples of the validation: evaluate: argument 0 is u8[8,5,5], expected u8[B,4,4]");
  CHECK(thrown([&] { toy.trainer.evaluate(wrong); }) ==
        at + "the examples: evaluate: argument 0 is u8[8,5,5], expected u8[B,4,4]");

  Dataset third = toy_examples(20);
  third.target().data<std::uint8_t>()[17] = 2;
  for (const bool validation : {false, true}) {
    const std::string error =
        thrown([&] { toy.trainer.fit(validation ? toy_examples(8) : third, {.batch = 8, .validation = third}); });
    CHECK(
        error.starts_with(at + (validation ? "the examples of the validation: evaluate" : "the examples: train_step") +
                          ": element 1 of argument 1 is the label 2, expected 0 to 1 for the 2 classes of the logits"));
  }
  CHECK(toy.hash() == before);
}

TEST_CASE("an objective takes as many inputs and targets as its examples have") {
  // Two inputs and two targets: u and v are learned from a, b, a + 2 b and 3 a.
  struct Sums : Module {
    Variable u = register_variable(Variable("u", Array::scalar(0.F)));
    Variable v = register_variable(Variable("v", Array::scalar(0.F)));
  };
  const Sums model;
  const SGD sgd({.learning_rate = 0.1});
  int evaluations = 0;
  Trainer trainer(model, sgd, {f32(batch), f32(batch), f32(batch), f32(batch)},
                  [&](Tensor a, Tensor b, Tensor sum, Tensor triple, Mode mode) -> Objective {
                    if (mode == Mode::kEvaluate) ++evaluations;
                    const Tensor wrong = a + b * model.u - sum;
                    return {.loss = reduce_mean(square(wrong) + square(a * model.v - triple))};
                  });
  constexpr std::int64_t kExamples = 30;
  Array a(DType::kF32, {kExamples}), b(DType::kF32, {kExamples}), sum(DType::kF32, {kExamples});
  Array triple(DType::kF32, {kExamples});
  for (std::size_t i = 0; i < kExamples; ++i) {
    const float x = a.data<float>()[i] = static_cast<float>(i % 3) - 1;
    const float y = b.data<float>()[i] = static_cast<float>(i % 5) / 4;
    sum.data<float>()[i] = x + 2 * y;
    triple.data<float>()[i] = 3 * x;
  }
  const Dataset examples({a, b}, {sum, triple});
  trainer.fit(examples, {.epochs = 60, .batch = 8, .validation = examples});
  CHECK(model.u.value().item<float>() == doctest::Approx(2).epsilon(1e-3));
  CHECK(model.v.value().item<float>() == doctest::Approx(3).epsilon(1e-3));
  CHECK(trainer.evaluate(examples).at("loss") < 1e-5);
  CHECK(evaluations == 1);

  CHECK(thrown([&] { trainer.fit(Dataset(a, sum)); }) ==
        "@trainer_test.cpp the examples: expected 4 arrays for what the objective takes, got 1 input and 1 target");
  CHECK(thrown([&] {
          Trainer(model, sgd, {f32(batch), f32(batch)},
                  [&](Tensor x, Tensor, Tensor y) { return Objective{.loss = reduce_mean(x * model.u - y)}; });
        }) == "@trainer_test.cpp train_step: the signature has 2 arguments, the lambda takes 3");
}

TEST_CASE("untrained variables that the loss depends on are a warning, and no trained ones an error") {
  struct Half : Module {
    Dense first{4, relu}, second{2};
    bool frozen = false;
    Half() { register_module(second); }
    Tensor operator()(const Arg& x) {
      const Tensor hidden = first(x);
      return second(frozen ? stop_gradient(hidden) : hidden);
    }
  };
  const auto compile = [](Half half, auto optimizer) {
    Trainer(half, optimizer, toy_batch(), [&](Tensor images, Tensor) {
      return Objective{.loss = reduce_mean(square(half(reshape(cast(images, f32), {batch, 16}))))};
    }).compile();
  };
  Half half;
  const std::string warning = written(stderr, [&] { compile(half, SGD()); });
  const std::string first = half.first.variables()[0].name();
  CHECK(warning.starts_with("sluice: warning: "));
  CHECK(warning.find("trainer_test.cpp:") != std::string::npos);
  CHECK(warning.ends_with(fmt::format(
      ": trainer: the loss depends on \"{}\", \"{}\", which are not trained: not registered by the model "
      "(register_module, register_variable), or left out by the optimizer; use stop_gradient if that is intended\n",
      first, half.first.variables()[1].name())));
  Half frozen;
  frozen.frozen = true;
  CHECK(written(stderr, [&] { compile(frozen, SGD()); }).empty());

  struct Lazy : Optimizer {
    Lazy() : Optimizer("lazy", 1) {}
    void update(const std::vector<Tensor>&, const std::vector<Variable>&) const override {}
  };
  CHECK(thrown([&] { compile(Half(), Lazy()); }) ==
        "@trainer_test.cpp trainer: the optimizer assigns no variable of the model");
}

TEST_CASE("training that diverges ends, and reports it") {
  Parabola parabola(1e30);  // its losses: 1, inf, and then NaN
  Trainer trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) { return parabola.objective(); });
  History history;
  const std::string warning =
      written(stderr, [&] { history = trainer.fit(toy_examples(8), {.epochs = 9, .batch = 8}); });
  CHECK(history.ending == Ending::kNotFinite);
  CHECK(history.epochs.size() == 2);
  CHECK(warning.starts_with("sluice: warning: "));
  CHECK(warning.find("trainer_test.cpp:") != std::string::npos);
  CHECK(warning.ends_with(fmt::format(
      ": fit: the loss is infinite in epoch 1, and \"{}\" is not finite either, so the training ends; "
      "TrainerOptions::check_numerics, or SLUICE_FLAGS=--check-numerics, ends at the first such number and names the "
      "line that makes it\n",
      parabola.w.name())));

  // A loss that is not finite while the model is, as when one batch overflows, may recover.
  Parabola well(0.25);
  Trainer other(well, well.sgd, toy_batch(), [&](Tensor images, Tensor) {
    return Objective{.loss = square(well.w) + 1 / reduce_mean(cast(images, f32))};
  });
  const Dataset black(Array(DType::kU8, {8, 4, 4}), Array(DType::kU8, {8}));
  const std::string once = written(stderr, [&] { history = other.fit(black, {.epochs = 3, .batch = 8}); });
  CHECK(history.ending == Ending::kAllEpochs);
  CHECK(once.find(": fit: the loss is infinite in epoch 0; TrainerOptions") != std::string::npos);
  CHECK(std::ranges::count(once, '\n') == 1);
}

TEST_CASE("invalid objectives are errors at the user's line") {
  MLP model(Dense(2));
  SGD sgd;
  const auto compiling = [&](auto objective, TrainerOptions options = {}) {
    return thrown([&] { Trainer(model, sgd, toy_batch(), objective, options).compile(); });
  };
  const auto x = [](const Tensor& images) { return reshape(cast(images, f32), {batch, 16}); };
  const std::string at = "@trainer_test.cpp ";
  CHECK(compiling([&](Tensor images, Tensor) { return Objective{.loss = reduce_sum(model(x(images)), 1)}; }) ==
        at + "trainer: \"loss\" is f32[B], expected a float scalar");
  CHECK(compiling([&](Tensor images, Tensor labels) {
          return Objective{.loss = reduce_sum(model(x(images))), .metrics = {{"labels", labels}}};
        }) == at + "trainer: \"labels\" is u8[B], expected a float scalar");
  CHECK(compiling([&](Tensor images, Tensor) {
          const Tensor loss = reduce_sum(model(x(images)));
          return Objective{.loss = loss, .metrics = {{"loss", loss}}};
        }) == at + "trainer: two metrics are called \"loss\"");
  CHECK(compiling([&](Tensor images, Tensor) { return Objective{.loss = reduce_sum(model(x(images)))}; },
                  {.clip_norm = 0}) == at + "trainer: expected a clip_norm above 0, got 0");
  CHECK(model.variables().empty());
  MLP empty(relu);
  CHECK(thrown([&] {
          Trainer(empty, sgd, toy_batch(), [&](Tensor images, Tensor) {
            return Objective{.loss = reduce_sum(empty(x(images)))};
          }).compile();
        }) == at + "trainer: the model has no trainable variables");
}

TEST_CASE("a Trainer trains several modules and variables, and not the others") {
  const Array rows({{1.F, 2.F, 3.F}, {-1.F, 0.F, 2.F}});
  const Dense encoder(2, tanh);
  const Dense decoder(3);
  const Variable scale("scale", Array::scalar(1.F));
  const SGD sgd({.learning_rate = 0.1});
  Trainer trainer({encoder, decoder}, sgd, {f32(batch, 3), f32(batch, 3)}, [&](Tensor x, Tensor) -> Objective {
    return {.loss = mean_squared_error(decoder(encoder(x)) * stop_gradient(scale), x)};
  });
  trainer.compile();
  const Array before = scale.value();
  const std::uint64_t hash = hash_of({encoder, decoder});
  trainer.fit(Dataset(rows, rows), {.epochs = 1, .batch = 2});
  CHECK(scale.value() == before);
  CHECK(hash_of({encoder, decoder}) != hash);
}

TEST_CASE("the Trainer respects freezing between two fits") {
  const Array rows({{1.F, 2.F, 3.F}, {-1.F, 0.F, 2.F}});
  const Dense model(2);
  const SGD sgd;
  Trainer trainer(model, sgd, {f32(batch, 3), u8(batch)}, [&](Tensor x, Tensor y) -> Objective {
    return {.loss = reduce_mean(sparse_softmax_cross_entropy(model(x), y))};
  });
  const Dataset examples(rows, Array({std::uint8_t{0}, std::uint8_t{1}}));
  trainer.fit(examples, {.epochs = 1, .batch = 2});
  model.variables()[1].set_trainable(false);
  const Array bias = model.variables()[1].value();
  const Array w = model.variables()[0].value();
  trainer.fit(examples, {.epochs = 1, .batch = 2});
  CHECK(model.variables()[1].value() == bias);
  CHECK_FALSE(model.variables()[0].value() == w);
}

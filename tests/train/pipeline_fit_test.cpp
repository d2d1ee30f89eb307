// The trainer on pipelines: the same bits as a hand-written loop, with and without prefetching, and errors of the
// user's functions.
#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>

#include "sluice/augment.h"
#include "sluice/pipeline.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy.h"

using namespace sluice;

namespace {

Pipeline shifted(const Dataset& examples) {
  return examples.map([](Array image, Array label, RandomStream& random) {
    return std::pair(random_shift(image, 1, 1, random), label);
  });
}

/// Returns a pipeline that throws at this example, for as long as `failing` holds.
Pipeline failing_at(const Dataset& examples, std::int64_t number, const std::atomic<bool>& failing) {
  Array numbers(DType::kI64, {examples.size()});
  for (std::int64_t i = 0; i < examples.size(); ++i) numbers.at<std::int64_t>(i) = i;
  return zip({examples, Dataset(numbers, numbers)}).map([&failing, number](const Example& example) {
    if (failing && example.inputs[1].item<std::int64_t>() == number) throw std::runtime_error("no picture");
    return Example(example.inputs[0], example.targets[0]);
  });
}

}  // namespace

TEST_CASE("fit on a pipeline equals a hand-written loop, bit for bit, with any prefetching") {
  const Pipeline examples = shifted(toy_examples(76));
  const Pipeline validation = shifted(toy_examples(20, 2));
  set_seed(5);
  ToyModel by_hand;
  const auto train_step = function("train_step", toy_batch(), [&](Tensor images, Tensor labels) {
    const Objective objective = by_hand.objective(images, labels, Mode::kTrain);
    const std::vector<Variable> variables = by_hand.model.trainable_variables();
    by_hand.adam.apply(gradients(objective.loss, variables), variables);
    return objective.loss;
  });
  std::vector<double> losses;
  for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
    Mean loss;
    for (const auto& [x, y] : examples.shuffled((std::uint64_t{7} << 32) + epoch).batches(16).prefetch(2)) {
      loss.add(train_step(x, y), y.sizes()[0]);
    }
    losses.push_back(loss.result());
  }

  std::optional<double> validated;
  for (const auto& [ahead, threads] : {std::pair(0, 1), std::pair(1, 1), std::pair(4, 3)}) {
    set_seed(5);
    ToyModel toy;
    const History history = toy.trainer.fit(examples, {.epochs = 2,
                                                       .batch = 16,
                                                       .validation = validation,
                                                       .seed = 7,
                                                       .prefetch = ahead,
                                                       .prefetch_threads = threads});
    CHECK(toy.hash() == by_hand.hash());
    REQUIRE(history.epochs.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) CHECK(history.epochs[i].training[0] == losses[i]);
    CHECK(history.epochs[1].validation[0] == validated.value_or(history.epochs[1].validation[0]));
    validated = history.epochs[1].validation[0];
    CHECK(toy.trainer.evaluate(validation, 16).at("loss") == *validated);
  }
  // The validation is the same in each epoch, and so is what is computed once.
  ToyModel toy;
  CHECK(toy.trainer.evaluate(validation, 16) == toy.trainer.evaluate(validation.cache(), 16));
}

TEST_CASE("a data set trains the same as a pipeline that computes nothing") {
  const Dataset examples = toy_examples(40);
  std::vector<std::uint64_t> hashes;
  for (const Pipeline& each : {Pipeline(examples), examples.map([](Array x, Array y) { return std::pair(x, y); }),
                               concat({examples.take(15), examples.skip(15)})}) {
    set_seed(3);
    ToyModel toy;
    toy.trainer.fit(each, {.epochs = 2, .batch = 8});
    hashes.push_back(toy.hash());
  }
  CHECK(hashes[1] == hashes[0]);
  CHECK(hashes[2] == hashes[0]);
}

TEST_CASE("an error of a pipeline's function ends the training with a checkpoint of the steps before it") {
  set_seed(1);
  ToyModel whole;
  whole.trainer.fit(toy_examples(40), {.epochs = 2, .batch = 8, .seed = 4});
  for (const std::int64_t ahead : {0, 3}) {
    const TemporaryFolder folder;
    std::atomic<bool> failing = false;
    const Pipeline examples = failing_at(toy_examples(40), 17, failing);
    FitOptions options{.epochs = 2, .batch = 8, .seed = 4, .checkpoint = {.folder = folder.path()}, .prefetch = ahead};
    std::int64_t steps = 0;
    options.callbacks = {{.on_step = [&](const StepReport&) {
      ++steps;
      failing = true;  // after the first batches were checked and the first step was done
    }}};
    std::int64_t before = -1;
    {
      set_seed(1);
      ToyModel toy;
      CHECK(thrown([&] { toy.trainer.fit(examples, options); }) ==
            "@pipeline_fit_test.cpp map: example 17: no picture");
      before = steps;
      CHECK(before >= 1);
    }
    failing = false;
    options.checkpoint.resume = true;
    options.callbacks = {{.on_step = [&](const StepReport&) { ++steps; }}};
    set_seed(77);  // the checkpoint overrides it
    ToyModel toy;
    toy.trainer.fit(examples, options);
    CHECK(toy.hash() == whole.hash());
    CHECK(steps == 10);  // none was lost and none was done twice
  }
}

TEST_CASE("an error of the validation's function keeps the epoch's steps") {
  const TemporaryFolder folder;
  std::atomic<bool> failing = false;
  const Pipeline validation = failing_at(toy_examples(20, 2), 11, failing);
  FitOptions options{
      .epochs = 1, .batch = 8, .validation = validation, .checkpoint = {.folder = folder.path()}, .prefetch = 2};
  std::int64_t steps = 0;
  options.callbacks = {{.on_step = [&](const StepReport&) { failing = ++steps == 5; }}};
  ToyModel toy;
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(40), options); }) ==
        "@pipeline_fit_test.cpp map: example 11: no picture");
  failing = false;
  options.checkpoint.resume = true;
  ToyModel more;
  const History history = more.trainer.fit(toy_examples(40), options);
  CHECK(steps == 5);
  REQUIRE(history.epochs.size() == 1);
  CHECK(!history.epochs[0].validation.empty());
}

TEST_CASE("a resumed epoch does not compute the batches that are done") {
  const TemporaryFolder folder;
  std::atomic<int> calls = 0;
  const Pipeline examples = toy_examples(40).map([&](Array x, Array y) {
    ++calls;
    return std::pair(x, y);
  });
  FitOptions options{.epochs = 1, .batch = 8, .checkpoint = {.folder = folder.path()}};
  {
    ToyModel toy;
    options.callbacks = {{.on_step = [&](const StepReport& report) {
      if (report.step == 3) toy.trainer.stop();
    }}};
    toy.trainer.fit(examples, options);
    CHECK(calls == 24 + 16);  // three steps, and the check of the first and the last batch
  }
  calls = 0;
  options.callbacks = {};
  options.checkpoint.resume = true;
  ToyModel toy;
  toy.trainer.fit(examples, options);
  CHECK(calls == 16 + 16);
}

TEST_CASE("what a pipeline computes is checked before the first step") {
  ToyModel toy;
  toy.trainer.compile();
  const std::uint64_t before = toy.hash();
  const std::string at = "@pipeline_fit_test.cpp ";
  const Pipeline wrong = toy_examples(20).map([](Array, Array y) { return std::pair(Array(DType::kU8, {5, 5}), y); });
  CHECK(thrown([&] { toy.trainer.fit(wrong, {.batch = 8}); }) ==
        at + "the examples: train_step: argument 0 is u8[8,5,5], expected u8[B,4,4]");
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(8), {.validation = wrong}); }) ==
        at + "the examples of the validation: evaluate: argument 0 is u8[20,5,5], expected u8[B,4,4]");
  CHECK(thrown([&] { toy.trainer.evaluate(wrong, 8); }) ==
        at + "the examples: evaluate: argument 0 is u8[8,5,5], expected u8[B,4,4]");
  const Pipeline late = toy_examples(20).map_batches([](Array x, Array y) {
    if (x.sizes()[0] == 4) y = Array(DType::kF32, {4});
    return std::pair(x, y);
  });
  CHECK(thrown([&] { toy.trainer.fit(late, {.batch = 8}); }) ==
        at + "the examples: train_step: argument 1 is f32[4], expected u8[B] with B = 4 as in argument 0, u8[4,4,4]");
  const Pipeline two = zip({toy_examples(8), toy_examples(8)});
  CHECK(thrown([&] { toy.trainer.fit(two, {.batch = 8}); }) ==
        at + "the examples: expected 2 arrays for what the objective takes, got 2 inputs and 2 targets");
  const Pipeline none = toy_examples(8).filter([](const Example&) { return false; });
  CHECK(thrown([&] { toy.trainer.fit(none); }) == "@pipeline_fit_test.cpp fit: there are no examples");
  CHECK(thrown([&] { toy.trainer.evaluate(none); }) == "evaluate: there are no examples");
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(8), {.prefetch = -1}); }) ==
        "prefetch: expected at least 0 batches, got -1");
  CHECK(thrown([&] { toy.trainer.fit(toy_examples(8), {.prefetch = 1, .prefetch_threads = 0}); }) ==
        "prefetch: expected at least 1 thread, got 0");
  CHECK(toy.hash() == before);
}

TEST_CASE("functions of a pipeline may call compiled functions while a step runs") {
  const auto half = function("half", {u8(batch, 4, 4)}, [](Tensor images) { return cast(images, f32) / 2; });
  const auto inverse = function("inverse", {u8(4, 4)}, [](Tensor image) { return 255 - image; });
  const Pipeline examples =
      toy_examples(40)
          .map([&](Array image, Array label) { return std::pair(Array(inverse(image)), label); })
          .map_batches([&](Array images, Array labels) { return std::pair(Array(half(images)), labels); });
  std::vector<std::uint64_t> hashes;
  for (const auto& [ahead, threads] : {std::pair(0, 1), std::pair(4, 3)}) {
    set_seed(5);
    ToyModel toy;
    Trainer trainer(toy.model, toy.adam, {f32(batch, 4, 4), u8(batch)},
                    [&](Tensor images, Tensor labels, Mode mode) { return toy.objective(images, labels, mode); });
    trainer.fit(examples, {.epochs = 2, .batch = 8, .prefetch = ahead, .prefetch_threads = threads});
    hashes.push_back(toy.hash());
  }
  CHECK(hashes[0] == hashes[1]);
}

TEST_CASE("an objective takes the inputs and targets of a zip") {
  struct Slopes : Module {
    Variable u = register_variable(Variable("u", Array::scalar(0.F)));
    Variable v = register_variable(Variable("v", Array::scalar(0.F)));
  };
  const Slopes model;
  const SGD sgd({.learning_rate = 0.1});
  Trainer trainer(model, sgd, {f32(batch), f32(batch), f32(batch), f32(batch)},
                  [&](Tensor a, Tensor b, Tensor twice, Tensor thrice) -> Objective {
                    return {.loss = reduce_mean(square(a * model.u - twice) + square(b * model.v - thrice))};
                  });
  Array x(DType::kF32, {30});
  for (std::int64_t i = 0; i < 30; ++i) x.at<float>(i) = static_cast<float>(i % 5) / 2 - 1;
  const auto times = [&](float factor) {
    return Dataset(x, x).map(
        [factor](Array a, Array b) { return std::pair(a, Array::scalar(b.item<float>() * factor)); });
  };
  trainer.fit(zip({times(2), times(3)}), {.epochs = 80, .batch = 8, .prefetch = 2});
  CHECK(model.u.value().item<float>() == doctest::Approx(2).epsilon(1e-3));
  CHECK(model.v.value().item<float>() == doctest::Approx(3).epsilon(1e-3));
}

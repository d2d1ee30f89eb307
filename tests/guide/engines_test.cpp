// The guide's model in native code compared with the interpreter.
#include <doctest/doctest.h>

#include <cmath>

#include "tests/guide/guide_model.h"

using namespace sluice;

namespace {

constexpr std::int64_t kSeed = 1;
constexpr std::int64_t kSteps = 20;

/// Returns the elements of `variables`, for setting another model to them.
std::vector<Array> values_of(const std::vector<Variable>& variables) {
  std::vector<Array> values;
  for (const Variable& variable : variables) values.push_back(variable.value());
  return values;
}

}  // namespace

TEST_CASE("the gradients of the first step match the interpreter's to 1e-5") {
  const Dataset examples = guide_examples(kBatch);
  set_default_engine(Engine::kReference);
  GuideModel reference(kSeed);
  const std::vector<Array> expected = reference.loss_and_gradients(examples.input(), examples.target());
  set_default_engine(Engine::kJit);
  GuideModel native(kSeed);
  const std::vector<Array> got = native.loss_and_gradients(examples.input(), examples.target());

  const auto names = reference.model.trainable_variables();
  REQUIRE(names.size() == 6);
  REQUIRE(expected.size() == 7);
  REQUIRE(got.size() == 7);
  CHECK(values_of(native.model.variables()) == values_of(reference.model.variables()));
  CHECK(std::abs(got[0].item<double>() - std::log(10)) < 0.3);  // the loss of an untrained model
  CHECK(relative_norm(got[0], expected[0]) < 1e-5);
  for (std::size_t i = 0; i < names.size(); ++i) {
    INFO("gradient of ", names[i].name(), " ", to_string(names[i].type()));
    CHECK(expected[i + 1].type() == names[i].type());
    CHECK_FALSE(expected[i + 1] == Array(DType::kF32, expected[i + 1].sizes()));  // a zero would prove nothing
    CHECK(relative_norm(got[i + 1], expected[i + 1]) < 1e-5);
  }
}

TEST_CASE("the losses of the first 20 steps match the interpreter's to 1e-3") {
  const Dataset examples = guide_examples(kSteps * kBatch);
  const auto losses = [&](Engine engine) {
    set_default_engine(engine);
    GuideModel model(kSeed);
    std::vector<double> values;
    for (const Batch& b : examples.batches(kBatch)) {
      values.push_back(model.train_step(b.input(), b.target())[0].item<double>());
    }
    return values;
  };
  const std::vector<double> expected = losses(Engine::kReference);
  const std::vector<double> got = losses(Engine::kJit);
  REQUIRE(expected.size() == kSteps);
  REQUIRE(got.size() == kSteps);
  for (std::size_t step = 0; step < expected.size(); ++step) {
    INFO("step ", step, ": ", got[step], ", expected ", expected[step]);
    CHECK(std::abs(got[step] - expected[step]) < 1e-3);
  }
  CHECK(expected.back() < expected.front() / 2);  // it did learn
}

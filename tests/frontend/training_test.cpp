// Whole models: they learn, they compute what is written, and failures leave no trace.
#include <doctest/doctest.h>

#include <cmath>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"

using namespace sluice;

namespace {

/// Eight points whose class is not a linear function of their coordinates.
struct Points {
  Array x = Array({0.F, 0.F, 0.F, 1.F, 1.F, 0.F, 1.F, 1.F, 0.1F, 0.1F, 0.1F, 0.9F, 0.9F, 0.1F, 0.9F, 0.9F}, {8, 2});
  Array y = Array({std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{1}, std::uint8_t{0}, std::uint8_t{0}, std::uint8_t{1},
                   std::uint8_t{1}, std::uint8_t{0}},
                  {8});
};

}  // namespace

TEST_CASE("a two-layer perceptron learns exclusive or with Adam") {
  set_seed(1);
  MLP model(Dense(16, relu), Dense(2));
  Adam adam({.learning_rate = 1e-2F});
  auto train_step = function("train_step", {f32(batch, 2), u8(batch)}, [&](Tensor x, Tensor y) {
    Tensor logits = model(x);
    Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, y));
    Tensor accuracy = reduce_mean(cast(argmax(logits, 1) == cast(y, i64), f32));
    adam.apply(gradients(loss, model.trainable_variables()), model.trainable_variables());
    return outputs(loss, accuracy);
  });
  const Points points;
  double first = 0;
  double last = 0;
  double last_accuracy = 0;
  for (int step = 0; step < 300; ++step) {
    auto [loss, accuracy] = train_step(points.x, points.y);
    last = loss.item<double>();
    last_accuracy = accuracy.item<double>();
    if (step == 0) first = last;
  }
  CHECK(first > 0.5);
  CHECK(last < 0.05);
  CHECK(last_accuracy == 1);
  CHECK(train_step.traces() == 1);
  REQUIRE(model.variables().size() == 4);
  CHECK(model.variables()[0].type() == Type{DType::kF32, {2, 16}});
}

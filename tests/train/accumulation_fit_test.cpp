// A trainer with an optimizer that accumulates gradients.
#include <doctest/doctest.h>

#include "tests/frontend/engine.h"
#include "tests/train/toy.h"

using namespace sluice;

TEST_CASE("small batches with accumulated gradients train as large ones") {
  const Dataset examples = toy_examples(64);
  const auto trained = [&](const auto& optimizer, std::int64_t batch_size) {
    set_seed(3);
    const Dense model(2);
    Trainer trainer(model, optimizer, toy_batch(), [&](const Tensor& images, const Tensor& labels) {
      const Tensor logits = model(reshape(cast(images, f32), {batch, 16}) / 255);
      return Objective{.loss = sparse_categorical_crossentropy(logits, labels),
                       .metrics = {{"accuracy", accuracy(logits, labels)}}};
    });
    const History history = trainer.fit(examples, {.epochs = 2, .batch = batch_size, .schedule = constant_rate(0.05)});
    CHECK(history.epochs.back().learning_rate == 0.05F);
    CHECK(optimizer.learning_rate().value().template item<float>() == 0.05F);
    return model.variables()[0].value();
  };
  const Array large = trained(Adam(), 16);
  const Array small = trained(GradientAccumulation(Adam(), 4), 4);
  REQUIRE(large.sizes() == std::vector<std::int64_t>{16, 2});
  for (int i = 0; i < 16; ++i) CHECK(small(i, 0) == doctest::Approx(large(i, 0)).epsilon(1e-3));
}

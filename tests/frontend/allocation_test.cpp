// A training step neither allocates nor forks more than once. A separate program, because it counts operator new.
#include <doctest/doctest.h>

#include "runtime/execution/thread_team.h"
#include "sluice/frontend.h"
#include "tests/support/counting_new.h"

using namespace sluice;

TEST_CASE("a warm step allocates nothing and forks once") {
  MLP model(Dense(32, relu), Dense(10));
  Adam adam;
  runtime::set_default_threads(2);
  const auto step = function("step", {u8(batch, 4, 4), u8(batch)}, [&](Tensor images, Tensor labels) {
    const Tensor logits = model(dropout(reshape(cast(images, f32), {batch, 16}) / 255, 0.1, Mode::kTrain));
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
    const Tensor accuracy = reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32));
    adam.apply(gradients(loss, model.trainable_variables()), model.trainable_variables());
    return outputs(loss, accuracy);
  });
  const Array images(DType::kU8, {64, 4, 4});
  const Array labels(DType::kU8, {64});
  const Array fewer_images(DType::kU8, {16, 4, 4});
  const Array fewer_labels(DType::kU8, {16});
  double sum = 0;
  const auto run = [&] {
    {
      const auto [loss, accuracy] = step(images, labels);
      sum += loss.item<double>() + accuracy.item<double>();
    }
    const auto [loss, accuracy] = step(fewer_images, fewer_labels);
    sum += loss.item<double>() + accuracy.item<double>();
  };
  for (int i = 0; i < 2; ++i) run();
  const std::int64_t allocations_before = allocation_count();
  CHECK(allocations_before > 0);  // allocations are counted
  const std::uint64_t forks_before = runtime::default_team().forks();
  constexpr int kRuns = 5;
  for (int i = 0; i < kRuns; ++i) run();
  const std::int64_t allocated = allocation_count() - allocations_before;
  CHECK(allocated == 0);
  CHECK(runtime::default_team().forks() - forks_before == 2 * kRuns);
  CHECK(sum > 0);
}

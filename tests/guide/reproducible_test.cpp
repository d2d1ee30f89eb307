// The same seed yields the same bits, for any number of threads.
#include <doctest/doctest.h>

#include "runtime/execution/thread_team.h"
#include "tests/guide/guide_model.h"

using namespace sluice;

namespace {

constexpr std::int64_t kSteps = 60;

struct Training {
  std::vector<Array> metrics;  ///< loss and accuracy of each step, and of the evaluation at the end
  std::uint64_t hash = 0;      ///< of weights and moments

  bool operator==(const Training&) const = default;
};

/// Trains 60 steps, the last of which is ragged, and evaluates all examples at once.
Training train(const Dataset& examples, std::int64_t seed, int threads) {
  runtime::set_default_threads(threads);
  GuideModel guide(seed);
  Training training;
  const auto keep = [&](const std::array<Array, 2>& metrics) {
    training.metrics.push_back(metrics[0]);
    training.metrics.push_back(metrics[1]);
  };
  for (const Batch& b : examples.shuffled(static_cast<std::uint64_t>(seed)).batches(kBatch)) {
    keep(guide.train_step(b.input(), b.target()));
  }
  keep(guide.evaluate(examples.input(), examples.target()));
  training.hash = hash_of(guide.state());
  return training;
}

}  // namespace

TEST_CASE("the same seed produces the same bits for any number of threads") {
  const Dataset examples = guide_examples((kSteps - 1) * kBatch + kRaggedBatch);
  const Training expected = train(examples, 1, 2);
  REQUIRE(expected.metrics.size() == 2 * (kSteps + 1));
  CHECK(expected.metrics.back().item<double>() > 0.5);  // it did learn
  for (const int threads : {2, 1, 3, 4}) {
    INFO(threads, " threads");
    const Training again = train(examples, 1, threads);
    CHECK(again.metrics == expected.metrics);
    CHECK(again.hash == expected.hash);
  }
  CHECK(train(examples, 2, 2).hash != expected.hash);
}

TEST_CASE("an image has the same bits in a batch of any size") {
  const Dataset examples = guide_examples(kBatch);
  GuideModel guide(1);
  const auto predict = function("predict", {u8(batch, 28, 28)}, [&](Tensor images) {
    return guide.model(reshape(cast(images, f32), {batch, 784}) / 255);
  });
  const Array all = predict(examples.input());
  for (const std::int64_t size : {1, 3, 80}) {
    INFO("batches of ", size);
    std::int64_t row = 0;
    for (const Batch& b : examples.batches(size)) {
      const Array some = predict(b.input());
      const std::size_t begin = static_cast<std::size_t>(row) * 10;
      const auto expected = std::as_const(all).data<float>().subspan(begin, some.data<float>().size());
      CHECK(some == Array(expected, some.sizes()));
      row += some.sizes()[0];
    }
    CHECK(row == kBatch);
  }
}

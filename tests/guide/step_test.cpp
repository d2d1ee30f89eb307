// The overhead of a training step beyond its arithmetic: no allocation, and one fork and join.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "runtime/execution/thread_team.h"
#include "tests/guide/count_mallocs.h"
#include "tests/guide/guide_model.h"

using namespace sluice;

TEST_CASE("the counter counts allocations of the C and the C++ library") {
#if defined(SLUICE_COUNTS_MALLOCS)
  const std::uint64_t before = malloc_count;
  const auto number = std::make_unique<int>(1);
  const Array array(DType::kF32, {100});
  const std::unique_ptr<void, decltype(&std::free)> memory(std::aligned_alloc(64, 64), std::free);
  CHECK(*number == 1);
  CHECK(array.element_count() == 100);
  CHECK(memory != nullptr);
  CHECK(malloc_count >= before + 3);
#else
  MESSAGE("this build does not count allocations");
#endif
}

TEST_CASE("a step allocates nothing and forks once, for any batch size") {
  const Dataset examples = guide_examples(kBatch + kRaggedBatch);
  const Dataset whole = examples.slice(0, kBatch);
  const Dataset ragged = examples.slice(kBatch, examples.size());
  for (const int threads : {1, 2, 3}) {
    INFO(threads, " threads");
    runtime::set_default_threads(threads);
    GuideModel guide(1);
    const auto step = [&](const Dataset& rows) {
      const auto [loss, accuracy] = guide.train_step(rows.input(), rows.target());
      return loss.item<double>();
    };
    const auto evaluation = [&](const Dataset& rows) {
      const auto [loss, accuracy] = guide.evaluate(rows.input(), rows.target());
      return loss.item<double>();
    };
    const double first = step(whole);
    evaluation(whole);

    runtime::ThreadTeam& team = runtime::default_team();
    for (const Dataset& rows : {whole, ragged, ragged, whole, whole}) {
      INFO("batch of ", rows.size());
      const std::uint64_t forks_before = team.forks();
      const std::uint64_t before = malloc_count;
      const double loss = step(rows);
      const std::uint64_t after = malloc_count;
      CHECK(after - before == 0);
      CHECK(team.forks() - forks_before == (threads > 1 ? 1 : 0));
      CHECK(loss < 2 * first);

      const std::uint64_t before_evaluation = malloc_count;
      const double evaluated = evaluation(rows);
      const std::uint64_t after_evaluation = malloc_count;
      CHECK(after_evaluation - before_evaluation == 0);
      CHECK(team.forks() - forks_before == (threads > 1 ? 2 : 0));
      CHECK(evaluated < 2 * first);
    }
  }
}

TEST_CASE("a step writes nothing past its variables and results") {
  const Dataset examples = guide_examples(kBatch);
  GuideModel guide(1);
  const auto predict = function("predict", {u8(batch, 28, 28)}, [&](Tensor images) {
    return guide.model(reshape(cast(images, f32), {batch, 784}) / 255);
  });
  guide.train_step(examples.input(), examples.target());

  constexpr std::size_t kTail = 64;  // the padding after an Array's elements, which lets whole vectors be read
  constexpr std::byte kMark{0xa5};
  const auto mark = [&](Array& array) { std::fill_n(array.bytes() + array.byte_count(), kTail, kMark); };
  const auto intact = [&](const Array& array) {
    const std::byte* const tail = array.bytes() + array.byte_count();
    return std::all_of(tail, tail + kTail, [&](std::byte each) { return each == kMark; });
  };
  for (const Variable& variable : guide.state()) mark(variable.storage()->memory());
  for (const std::int64_t size : {1, 3, 17, 80, 128}) {
    INFO("batch of ", size);
    const Dataset rows = examples.slice(0, size);
    std::byte* place = nullptr;
    {
      Array logits = predict(rows.input());
      mark(logits);
      place = logits.bytes();
    }
    const Array logits = predict(rows.input());
    CHECK(logits.bytes() == place);
    CHECK(intact(logits));
    guide.train_step(rows.input(), rows.target());
    for (const Variable& variable : guide.state()) {
      CHECK_MESSAGE(intact(variable.storage()->memory()), variable.name());
    }
  }
}

TEST_CASE("a whole epoch allocates nothing between its first and its last batch") {
  const Dataset examples = guide_examples(6 * kBatch + kRaggedBatch);
  GuideModel guide(1);
  Batches batches = examples.shuffled(1).batches(kBatch);
  Mean loss;
  Mean accuracy;
  std::uint64_t counted_from = 0;
  std::uint64_t allocations = 0;
  for (const Batch& b : batches) {
    const auto metrics = guide.train_step(b.input(), b.target());
    loss.add(metrics[0]);
    accuracy.add(metrics[1]);
    const std::uint64_t now = malloc_count;
    if (loss.count() == 2) counted_from = now;  // both buffers of the batches are there
    allocations = now - counted_from;
  }
  CHECK(loss.count() == 7);
  CHECK(allocations == 0);
}

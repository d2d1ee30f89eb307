// Batches prepared on other threads: the same bits in the same order, and no thread outlives its loop.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

#include "sluice/error.h"
#include "sluice/pipeline.h"
#include "tests/data/pipelines.h"
#include "tests/frontend/thrown.h"

namespace sluice {
namespace {

/// Examples that draw random numbers, some of them slowly.
Pipeline noisy(std::int64_t size) {
  return test::counting(size).map([](Array x, Array y, RandomStream& random) {
    if (y.item<int>() % 7 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    for (float& element : x.data<float>()) element += random.uniform(0, 1) + random.normal();
    return std::pair(x, y);
  });
}

TEST_CASE("any number of threads and batches ahead gives the same bits in the same order") {
  const Pipeline examples = noisy(100);
  const Pipeline batched = examples.map_batches([](Array x, Array y) {
    for (float& element : x.data<float>()) element *= 2;
    return std::pair(x, y);
  });
  const Pipeline joined = zip({concat({examples, batched}), examples.concatenate(examples)});
  for (const Pipeline& pipeline : {examples, batched, joined, Pipeline(test::counting(100))}) {
    for (const std::int64_t size : {1, 3, 64, 128}) {
      for (const LastBatch last : {LastBatch::kKeep, LastBatch::kDrop}) {
        const std::vector<Array> shuffled = test::all_arrays(pipeline.shuffled(9).batches(size, last));
        const std::vector<Array> in_order = test::all_arrays(pipeline.batches(size, last));
        for (const auto& [ahead, threads] : {std::pair(1, 1), std::pair(2, 1), std::pair(3, 2), std::pair(1000, 5)}) {
          CAPTURE(size);
          CAPTURE(ahead);
          CHECK(test::all_arrays(pipeline.shuffled(9).batches(size, last).prefetch(ahead, threads)) == shuffled);
          CHECK(test::all_arrays(pipeline.batches(size, last).prefetch(ahead, threads)) == in_order);
        }
        CHECK(test::all_arrays(pipeline.batches(size, last).prefetch(0)) == in_order);
      }
    }
  }
}

TEST_CASE("the examples of a data set are prefetched as well") {
  const Dataset data = test::counting(50);
  CHECK(test::all_arrays(data.shuffled(2).batches(8).prefetch(2)) == test::all_arrays(data.shuffled(2).batches(8)));
  std::int64_t i = 0;
  for (const auto& [x, y] : data.batches(8).prefetch(2)) {
    CHECK(x(0, 0) == static_cast<double>(i));
    i += y.sizes()[0];
  }
  CHECK(i == 50);
}

TEST_CASE("the first batches of a pass are skipped without being computed") {
  std::atomic<int> calls = 0;
  const Pipeline counted = test::counting(50).map([&](Array x, Array y) {
    ++calls;
    return std::pair(x, y);
  });
  const std::vector<Array> all = test::all_arrays(counted.shuffled(4).batches(8));
  CHECK(calls == 50);
  for (const int ahead : {0, 2}) {
    calls = 0;
    const std::vector<Array> rest = test::all_arrays(counted.shuffled(4).batches(8).skip(3).skip(2).prefetch(ahead));
    CHECK(calls == 10);
    CHECK(rest == std::vector<Array>(all.begin() + 10, all.end()));
    CHECK(test::all_arrays(counted.batches(8).prefetch(ahead).skip(7)).empty());
    CHECK(test::all_arrays(counted.batches(8).prefetch(ahead).skip(99)).empty());
  }
  CHECK(counted.batches(8).skip(3).size() == 4);
  CHECK(counted.batches(8).skip(99).size() == 0);
}

TEST_CASE("batches are prepared while the loop works, on other threads, no more than are asked for") {
  std::atomic<int> calls = 0;
  const std::thread::id here = std::this_thread::get_id();
  std::atomic<bool> elsewhere = true;
  const Pipeline counted = test::counting(20).map([&](Array x, Array y) {
    if (std::this_thread::get_id() == here) elsewhere = false;
    ++calls;
    return std::pair(x, y);
  });
  Batches batches = counted.batches(1).prefetch(3);
  auto i = batches.begin();
  while (calls < 4) std::this_thread::yield();  // the one in use and three more
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(calls == 4);
  ++i;
  while (calls < 5) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(calls == 5);
  CHECK(elsewhere);
}

TEST_CASE("a prefetched batch is valid for two more steps, and a kept handle keeps its elements") {
  for (const Pipeline& all : {Pipeline(test::counting(40)), noisy(40)}) {
    Batches batches = all.shuffled(3).batches(4).prefetch(1, 2);
    auto i = batches.begin();
    for (int step = 0; step < 9; ++step) {
      const Batch& first = *i;
      const Array before = first.input().clone();
      ++i;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      CHECK(first.input() == before);
    }
    std::vector<Batch> kept;
    for (const Batch& b : all.shuffled(3).batches(4).prefetch(2, 2)) kept.push_back(b);
    std::vector<Array> arrays;
    for (const Batch& b : kept) {
      arrays.push_back(b.input());
      arrays.push_back(b.target());
    }
    CHECK(arrays == test::all_arrays(all.shuffled(3).batches(4)));
  }
}

TEST_CASE("an exception is thrown where the loop reaches its batch, after the batches before it") {
  const Pipeline failing = test::counting(60).map([](Array x, Array y) {
    if (y.item<int>() == 3 * 42) throw std::runtime_error("no picture");
    return std::pair(x, y);
  });
  for (const int threads : {1, 2, 5}) {
    for (const int ahead : {1, 4, 100}) {
      std::int64_t examples = 0;
      CHECK(thrown([&] {
              for (const Batch& b : failing.batches(5).prefetch(ahead, threads)) {
                for (const std::int64_t i : test::numbers_of(b)) CHECK(i == examples++);
              }
            }) == "@prefetch_test.cpp map: example 42: no picture");
      CHECK(examples == 40);
    }
  }
  // The same batches can be iterated over again.
  Batches batches = failing.batches(5).prefetch(2);
  for (int pass = 0; pass < 2; ++pass) {
    CHECK(thrown([&] {
            for (const Batch& b : batches) CHECK(b.size() == 5);
          }) == "@prefetch_test.cpp map: example 42: no picture");
  }
}

TEST_CASE("a loop that is left early ends its threads") {
  std::atomic<int> running = 0;
  std::atomic<int> calls = 0;
  const Pipeline slow = test::counting(1000).map([&](Array x, Array y) {
    ++running;
    ++calls;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    --running;
    return std::pair(x, y);
  });
  Batches named = slow.batches(4).prefetch(8, 3);
  for (const bool exception : {false, true}) {
    try {
      int steps = 0;
      for (const Batch& b : named) {
        if (b.size() == 4 && ++steps == 2) {
          if (exception) throw std::runtime_error("enough");
          break;
        }
      }
    } catch (const std::runtime_error&) {
    }
    CHECK(running == 0);
    const int after = calls;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    CHECK(calls == after);
  }
  for (const Batch& b : slow.batches(4).prefetch(100, 2)) {
    if (b.size() == 4) break;
  }
  CHECK(running == 0);
}

TEST_CASE("invalid numbers are errors") {
  const Dataset data = test::counting(4);
  CHECK(thrown([&] { data.batches(2).prefetch(-1); }) == "prefetch: expected at least 0 batches, got -1");
  CHECK(thrown([&] { data.batches(2).prefetch(1, 0); }) == "prefetch: expected at least 1 thread, got 0");
  CHECK(thrown([&] { data.batches(2).skip(-1); }) == "skip: expected at least 0 batches, got -1");
}

}  // namespace
}  // namespace sluice

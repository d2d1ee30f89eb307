// Times training steps of a table of which each step looks up a few rows, by the number of its rows.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "ir/random_arrays.h"
#include "sluice/frontend.h"

namespace {

using namespace sluice;

constexpr std::int64_t kIds = 128;
constexpr std::int64_t kWidth = 64;
constexpr int kSteps = 300;

struct Method {
  std::string name;
  std::unique_ptr<Optimizer> optimizer;
  bool knows_rows = true;  ///< whether it is told which rows its gradient touches
};

/// Returns the minimum and the median of the steps, in microseconds.
std::pair<double, double> time(std::int64_t rows, const Method& method) {
  const Variable table("table", random_array({DType::kF32, Shape{rows, kWidth}}, 1, 1, ir::Range{-1, 1}));
  const auto step = function("step", {i64(batch), f32(batch, kWidth)}, [&](Tensor ids, Tensor labels) {
    const Tensor loss = mean_squared_error(gather(table, ids), labels);
    const Tensor gradient = gradients(loss, table)[0];
    method.optimizer->apply({method.knows_rows ? gradient : stop_gradient(gradient)}, table);
    return loss;
  });
  const Array ids = random_array({DType::kI64, Shape{kIds}}, 1, 2, ir::Range{0, static_cast<double>(rows)});
  const Array labels = random_array({DType::kF32, Shape{kIds, kWidth}}, 1, 3, ir::Range{-1, 1});
  std::vector<double> times;
  for (int i = 0; i < kSteps; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    step(ids, labels);
    times.push_back(std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::sort(times);
  return {times.front(), times[times.size() / 2]};
}

void run() {
  fmt::print("{} ids of width {}; microseconds: minimum, median\n", kIds, kWidth);
  std::vector<Method> methods;
  methods.push_back({"SGD", std::make_unique<SGD>()});
  methods.push_back({"SGD, all rows", std::make_unique<SGD>(), false});
  methods.push_back({"LazyAdam", std::make_unique<LazyAdam>()});
  methods.push_back({"Adam", std::make_unique<Adam>()});
  for (const Method& method : methods) {
    for (const std::int64_t rows : {1'000, 10'000, 100'000}) {
      const auto [minimum, median] = time(rows, method);
      fmt::print("{:14} {:>9} rows {:10.1f} {:10.1f}\n", method.name, rows, minimum, median);
    }
  }
}

}  // namespace

int main() {
  try {
    run();
  } catch (const Error& error) {
    fmt::print(stderr, "bench_embedding_step: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

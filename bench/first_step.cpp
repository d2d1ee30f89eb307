// Compiles the guide's training step, trains once on generated images and prints when that was done: the delay before
// training begins, without loading data.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "bench/sluice_mlp.h"
#include "ir/random_arrays.h"

namespace {

using namespace sluice;

constexpr int kBatch = 128;

void run() {
  const Dataset data(random_array({DType::kU8, Shape{kBatch, 28, 28}}, 1, 1, ir::Range{0, 256}),
                     random_array({DType::kU8, Shape{kBatch}}, 1, 2, ir::Range{0, 10}));
  bench::SluiceTraining training({784, 700, 500, 10}, data.shuffled(1), kBatch);
  const double loss = training.step();
  const std::chrono::duration<double> now = std::chrono::steady_clock::now().time_since_epoch();
  fmt::print("{{\"done\": {:.6f}, \"compile\": {:.6f}, \"loss\": {:.4f}}}\n", now.count(), training.compile_seconds(),
             loss);
}

}  // namespace

int main() {
  try {
    run();
  } catch (const Error& error) {
    fmt::print(stderr, "bench_first_step: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

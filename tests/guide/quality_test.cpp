// One epoch on MNIST learns as well as the guide's model. Skipped (exit code 77) without MNIST.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>

#include "sluice/mnist.h"
#include "tests/guide/guide_model.h"

using namespace sluice;

namespace {

constexpr int kSkipped = 77;

int run(const char* folder) {
  const Mnist mnist = read_mnist(folder);
  const auto start = std::chrono::steady_clock::now();
  GuideModel guide(1);
  guide.train_step.compile();
  const std::chrono::duration<double> compiling = std::chrono::steady_clock::now() - start;
  Mean loss;
  for (const Batch& b : mnist.train.shuffled(1).batches(kBatch)) {
    loss.add(guide.train_step(b.input(), b.target())[0]);
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  const double accuracy = guide.evaluate(mnist.test.input(), mnist.test.target())[1].item<double>();
  fmt::print(
      "{} steps in {:.2f} s, of which {:.2f} s to trace and compile: training loss {:.4f}, test accuracy {:.4f}\n",
      loss.count(), elapsed.count(), compiling.count(), loss.result(), accuracy);

  const bool loss_fits = loss.result() >= 0.19 && loss.result() <= 0.25;
  const bool accuracy_fits = accuracy > 0.95;
  if (!loss_fits) fmt::print("expected a training loss of 0.19 to 0.25\n");
  if (!accuracy_fits) fmt::print("expected a test accuracy above 0.95\n");
  return loss_fits && accuracy_fits ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main() {
  const char* const folder = std::getenv("SLUICE_DATA_DIR");
  if (folder == nullptr || *folder == '\0') {
    fmt::print("skipped: SLUICE_DATA_DIR does not say where MNIST is\n");
    return kSkipped;
  }
  try {
    return run(folder);
  } catch (const Error& error) {
    fmt::print("{}\n", error.what());
    return EXIT_FAILURE;
  }
}

// How long a training step of the guide's perceptron takes: Sluice against the same step written by hand over
// libraries, in one process and in turns, beside what the machine's multiply-add units could do in this very run.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/peak.h"
#include "bench/peers/peer.h"
#include "frontend/sluice.h"
#include "runtime/mnist.h"
#include "runtime/thread_team.h"

namespace {

using namespace sluice;
using Clock = std::chrono::steady_clock;

struct Options {
  int threads = runtime::hardware_threads();
  int batch = 128;
  int rounds = 10;
  int steps = 50;
  std::optional<std::filesystem::path> data;
  std::vector<std::string> only;
};

Options parse(int argc, char** argv) {
  Options options;
  CLI::App app("Times the training step of the guide's perceptron (784-700-500-10, Adam) against hand-written ones.",
               "bench_train_step");
  app.add_option("--threads", options.threads, "Threads of each contestant")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--batch", options.batch, "Images a step")->check(CLI::Range(1, 50000))->capture_default_str();
  app.add_option("--rounds", options.rounds, "How often each has its turn")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_option("--steps", options.steps, "Timed steps a turn")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--data", options.data, "Folder of MNIST's four files, plain or .gz");
  app.add_option("--only", options.only, "Time these only: sluice, eigen, onednn")
      ->delimiter(',')
      ->check(CLI::IsMember({"sluice", "eigen", "onednn"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return options;
}

/// Lists of row numbers, a batch each, going round and round through a shuffled data set.
class Rows {
 public:
  Rows(std::vector<std::uint32_t> order, int batch)
      : order_(std::move(order)), batch_(static_cast<std::size_t>(batch)) {}
  std::span<const std::uint32_t> next() {
    if (at_ + batch_ > order_.size()) at_ = 0;
    at_ += batch_;
    return std::span(order_).subspan(at_ - batch_, batch_);
  }

 private:
  std::vector<std::uint32_t> order_;
  std::size_t batch_;
  std::size_t at_ = 0;
};

/// The step as examples/mnist_mlp.cpp has it.
class SluiceStep {
 public:
  SluiceStep(const ShuffledDataset& data, int batch_size)
      : batches_(data.batches(batch_size, LastBatch::kDrop)),
        model_(Dense(700, relu), Dense(500, relu), Dense(10)),
        adam_({.learning_rate = 1e-3}),
        train_step_(function("train_step",
                             {u8(batch, 28, 28).named("images").range(0, 256), u8(batch).named("labels").range(0, 10)},
                             Body{this})) {
    const Clock::time_point start = Clock::now();
    train_step_.compile();
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    compile_seconds_ = elapsed.count();
  }

  double compile_seconds() const { return compile_seconds_; }

  /// Gathers the next batch and trains on it.
  double step() {
    if (!at_ || *at_ == batches_.end()) at_ = batches_.begin();
    const auto [loss, accuracy] = train_step_((*at_)->images, (*at_)->labels);
    ++*at_;
    return loss.item<double>();
  }

 private:
  struct Body {
    SluiceStep* self;
    std::array<Tensor, 2> operator()(Tensor images, Tensor labels) const {
      const Tensor logits = self->model_(reshape(cast(images, f32), {batch, 784}) / 255);
      const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
      const Tensor accuracy = reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32));
      self->adam_.apply(gradients(loss, self->model_.trainable_variables()), self->model_.trainable_variables());
      return outputs(loss, accuracy);
    }
  };

  Batches batches_;
  std::optional<Batches::Iterator> at_;
  MLP model_;
  Adam adam_;
  Function<std::array<Tensor, 2>, 2> train_step_;
  double compile_seconds_ = 0;
};

struct Contestant {
  std::string name;
  std::function<double()> step;           ///< gathers a batch and trains on it; returns the loss
  std::vector<double> milliseconds = {};  ///< of the timed steps
  double loss = 0;                        ///< mean over the last turn
};

/// One turn. The first steps are not timed: the others' threads may still spin, and the caches are theirs.
void run_turn(Contestant& contestant, int steps) {
  constexpr int kUntimed = 5;
  contestant.loss = 0;
  for (int i = -kUntimed; i < steps; ++i) {
    const Clock::time_point start = Clock::now();
    const double loss = contestant.step();
    const std::chrono::duration<double, std::milli> elapsed = Clock::now() - start;
    if (i < 0) continue;
    contestant.milliseconds.push_back(elapsed.count());
    contestant.loss += loss / steps;
  }
}

/// Of the eight products: forward and weight gradients of three layers, gradients of two layers' inputs.
double operations_of_step(int batch_size) {
  constexpr double kWeights = 784 * 700 + 700 * 500 + 500 * 10;
  constexpr double kWeightsOfInputs = 700 * 500 + 500 * 10;
  return 2.0 * batch_size * (2 * kWeights + kWeightsOfInputs);
}

double minimum(const std::vector<double>& values) { return *std::min_element(values.begin(), values.end()); }

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void print_table(const std::vector<Contestant>& contestants, double operations, double peak) {
  fmt::print("{:<8} {:>8} {:>10} {:>9} {:>8} {:>8}\n", "", "min ms", "median ms", "GFLOP/s", "of peak", "loss");
  for (const Contestant& c : contestants) {
    const double gflops = operations / minimum(c.milliseconds) * 1e-6;
    fmt::print("{:<8} {:>8.3f} {:>10.3f} {:>9.0f} {:>7.1f}% {:>8.4f}\n", c.name, minimum(c.milliseconds),
               median(c.milliseconds), gflops, 100 * gflops / peak, c.loss);
  }
  if (contestants.front().name != "sluice") return;
  const Contestant& ours = contestants.front();
  for (std::size_t i = 1; i < contestants.size(); ++i) {
    const Contestant& peer = contestants[i];
    fmt::print("sluice takes {:.2f} of the time of {} (minimum), {:.2f} (median)\n",
               minimum(ours.milliseconds) / minimum(peer.milliseconds), peer.name,
               median(ours.milliseconds) / median(peer.milliseconds));
  }
}

void run(const Options& options) {
  runtime::set_default_threads(options.threads);
  runtime::ThreadTeam& team = runtime::default_team();
  const Mnist mnist = load_mnist(options.data);
  const ShuffledDataset shuffled = mnist.train.shuffled(1);

  // The peers train on numbers, made beforehand.
  std::vector<float> images;
  for (const std::uint8_t pixel : mnist.train.images.data<std::uint8_t>()) {
    images.push_back(static_cast<float>(pixel) / 255);
  }
  const bench::PeerOptions peer_options{images.data(), mnist.train.labels.data<std::uint8_t>().data(), options.threads,
                                        options.batch};

  const auto wanted = [&](const std::string& name) {
    return options.only.empty() || std::find(options.only.begin(), options.only.end(), name) != options.only.end();
  };
  std::vector<Contestant> contestants;
  std::unique_ptr<SluiceStep> ours;
  if (wanted("sluice")) {
    ours = std::make_unique<SluiceStep>(shuffled, options.batch);
    contestants.push_back({"sluice", [&] { return ours->step(); }});
  }
  [[maybe_unused]] const auto add_peer = [&](const std::string& name, auto make) {
    if (!wanted(name)) return;
    contestants.push_back(
        {name, [peer = std::shared_ptr<bench::Peer>(make(peer_options)),
                rows = Rows(shuffled.order(), options.batch)]() mutable { return peer->step(rows.next()); }});
  };
#if defined(SLUICE_BENCH_EIGEN)
  add_peer("eigen", bench::make_eigen_peer);
#endif
#if defined(SLUICE_BENCH_ONEDNN)
  add_peer("onednn", bench::make_onednn_peer);
#endif
  if (contestants.empty()) fail("bench_train_step: this build has none of the contestants");

  double peak = bench::peak_gflops(team);
  for (int round = 0; round < options.rounds; ++round) {
    for (Contestant& contestant : contestants) run_turn(contestant, options.steps);
    peak = std::max(peak, bench::peak_gflops(team));
  }

  const double operations = operations_of_step(options.batch);
  fmt::print("training step 784-700-500-10 with Adam, fp32, batch {}: {:.1f} MFLOP in products\n", options.batch,
             operations * 1e-6);
  fmt::print("{} threads; {} turns of {} steps each; data: {}\n", options.threads, options.rounds, options.steps,
             mnist.synthetic ? "synthetic digits" : "MNIST");
  fmt::print("peak of multiply-adds in this run: {:.0f} GFLOP/s ({})", peak, bench::vector_name());
  if (options.threads > 1) fmt::print("; round trip between threads: {:.0f} ns", bench::round_trip_nanoseconds(team));
  fmt::print("\n\n");
  print_table(contestants, operations, peak);
  if (ours != nullptr) fmt::print("trace + compile of the step: {:.3f} s\n", ours->compile_seconds());
}

}  // namespace

int main(int argc, char** argv) {
  setenv("SLUICE_CACHE_DIR", "", 1);  // compiling is timed too, so no machine code may come from the disk
  try {
    run(parse(argc, argv));
  } catch (const Error& error) {
    fmt::print(stderr, "bench_train_step: {}\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

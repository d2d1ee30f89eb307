#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "ir/counted.h"
#include "runtime/execution/thread_team.h"
#include "sluice/array_file.h"
#include "sluice/classification_report.h"
#include "sluice/loaded_model.h"
#include "sluice/mnist.h"
#include "sluice/printable.h"
#include "sluice/split.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

constexpr std::int64_t kBatch = 1000;  // bounds the memory for activations

struct Options {
  std::string model;
  std::optional<std::filesystem::path> data;
  std::string split = "test";
  std::string images;
  std::string labels;
  int mistakes = 0;
  std::optional<int> threads;
};

Dataset examples_of(const Options& options) {
  if (!options.images.empty()) return read_dataset(options.images, options.labels);
  const Mnist mnist = load_mnist(options.data);
  const std::array<NamedDataset, 3> parts{
      {{"train", mnist.train}, {"validation", mnist.validation}, {"test", mnist.test}}};
  return split(parts, options.split);
}

/// Returns the probabilities of all examples, f32[N,classes].
Array probabilities_of(const LoadedModel& model, const Dataset& examples) {
  Array all;
  std::size_t place = 0;
  for (const Batch& batch : examples.batches(kBatch)) {
    const Array some = model.predict(batch.input(), {}).probabilities;  // errors have no line of a program
    if (place == 0) all = Array(some.dtype(), {examples.size(), some.sizes()[1]});
    std::memcpy(all.bytes() + place, some.bytes(), some.byte_count());
    place += some.byte_count();
  }
  return all;
}

/// Returns the mean of -log of the true class's probability. A probability of 0 counts as the smallest float.
double cross_entropy(const Array& probabilities, const Array& labels) {
  const auto classes = static_cast<std::size_t>(probabilities.sizes()[1]);
  const auto rows = probabilities.data<float>();
  double sum = 0;
  visit_dtype(labels.dtype(), [&](auto zero) {
    const auto known = labels.data<decltype(zero)>();
    for (std::size_t i = 0; i < known.size(); ++i) {
      const float p = rows[i * classes + static_cast<std::size_t>(known[i])];
      sum -= std::log(double{std::max(p, std::numeric_limits<float>::min())});
    }
  });
  return sum / static_cast<double>(labels.element_count());
}

void evaluate(const Options& options) {
  if (options.threads) runtime::set_default_threads(*options.threads);
  const LoadedModel model = load(options.model);
  const Dataset examples = examples_of(options);
  if (examples.size() == 0) fail("evaluate: there are no examples");
  const Array probabilities = probabilities_of(model, examples);
  const ClassificationReport report = classification_report(examples.target(), probabilities);
  const ClassNames names{"Digit", model.class_names()};
  print_text("{}\nLoss: {:.3f}, Accuracy: {:.3f}\n\n", counted(examples.size(), "example"),
             cross_entropy(probabilities, examples.target()), report.accuracy());
  print_text("{}\n{}", accuracy_text(report, names), confusion_text(report, names));
  if (options.mistakes > 0)
    print_text("\n{}", mistakes_text(report, static_cast<std::size_t>(options.mistakes), names));
}

constexpr const char* kExamples = R"(Examples:
  sluice evaluate digits                          MNIST's test images, where scripts/get-mnist has put them
  sluice evaluate digits --data mnist --split "train[:1000]+test"
  sluice evaluate digits --images images.npy --labels labels.npy
The loss is the mean of -log of the probability of the right class.)";

}  // namespace

void add_evaluate(CLI::App& program) {
  auto* const command = program.add_subcommand("evaluate", "Evaluate a saved classifier on labeled examples");
  const auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "The folder of a saved model")->required();
  CLI::Option* const data = command->add_option(
      "--data", options->data, "Folder with the four MNIST files; by default, found as by the examples");
  CLI::Option* const part =
      command->add_option("--split", options->split, "Which part of MNIST")->capture_default_str();
  CLI::Option* const images =
      command->add_option("--images", options->images, "IDX or .npy file of images, instead of MNIST");
  CLI::Option* const labels = command->add_option("--labels", options->labels, "IDX or .npy file of their labels");
  images->needs(labels)->excludes(data)->excludes(part);
  labels->needs(images);
  command->add_option("--mistakes", options->mistakes, "List this many of the most confident mistakes")
      ->check(cli::count());
  command->add_option("--threads", options->threads, "Threads to compute with; all cores by default")
      ->check(cli::count());
  command->footer(kExamples);
  command->callback([options] { evaluate(*options); });
}

}  // namespace sluice::tools

#include "mnist_look.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sluice/classification_report.h>
#include <sluice/classifier_report.h>
#include <sluice/picture.h>
#include <sluice/plot.h>
#include <sluice/report_sections.h>
#include <sluice/terminal.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <variant>

using namespace sluice;

namespace {

constexpr std::int64_t kDigits = 10;
const ClassNames kNames{"Digit", {}};

void print_pictures(const Array& pictures, const std::vector<std::string>& captions) {
  fmt::print("{}", contact_sheet_text(pictures, captions, columns_of_terminal(STDOUT_FILENO),
                                      style_of_terminal(STDOUT_FILENO)));
}

}  // namespace

void print_data(const Mnist& mnist) {
  constexpr std::int64_t kEach = 1;
  const std::vector<std::int64_t> rows = report::sample_rows(mnist.train.target(), kDigits, kEach);
  std::vector<std::string> captions;
  for (std::int64_t digit = 0; digit < kDigits; ++digit) captions.push_back(fmt::format("{}", digit));
  captions.resize(rows.size());
  print_pictures(select_pictures(mnist.train.input(), rows), captions);
  fmt::print("\n{}\n", class_counts_text(count_classes(mnist.train.target(), kDigits), kNames));
}

void print_curves(const History& history) {
  if (history.epochs.size() < 2) return;
  constexpr int kRows = 14;
  const int columns = std::clamp(columns_of_terminal(STDOUT_FILENO), 40, 100);
  for (const report::Section& section : training_curves(history)) {
    fmt::print("\n{}\n{}", section.title,
               plot_text(std::get<report::Lines>(section.content), columns, kRows, style_of_terminal(STDOUT_FILENO)));
  }
}

void print_results(const Mnist& mnist, const Array& probabilities) {
  const ClassificationReport results = classification_report(mnist.test.target(), probabilities);
  fmt::print("\nAccuracy by digit:\n{}\n{}", accuracy_text(results, kNames), confusion_text(results, kNames));
  constexpr std::size_t kMistakes = 10;
  std::vector<std::int64_t> rows;
  std::vector<std::string> captions;
  for (std::size_t i = 0; i < std::min(kMistakes, results.mistakes.size()); ++i) {
    const ClassificationReport::Mistake& mistake = results.mistakes[i];
    rows.push_back(mistake.example);
    captions.push_back(fmt::format("{} (is {}) {:.0f}%", mistake.predicted, mistake.label, 100 * mistake.probability));
  }
  if (rows.empty()) return;
  fmt::print("\nMost confidently wrong, taken for (and what it is):\n");
  print_pictures(select_pictures(mnist.test.input(), rows), captions);
}

void write_report(const std::filesystem::path& file, const MnistRun& run) {
  const std::string data = run.mnist.synthetic ? "Synthetic digits, not MNIST" : "MNIST";
  classifier_page(
      {.title = "Reading handwritten digits",
       .subtitle = fmt::format("{} · {} · {:%Y-%m-%d %H:%M}", data, run.settings, fmt::localtime(std::time(nullptr))),
       .names = kNames,
       .batch = run.batch,
       .history = &run.history,
       .training = run.mnist.train,
       .validation = run.mnist.validation,
       .test = run.probabilities != nullptr ? run.mnist.test : Dataset(),
       .test_probabilities = run.probabilities != nullptr ? *run.probabilities : Array(),
       .forward = &run.predict,
       .filters = run.filters,
       .train_step = &run.train_step})
      .write(file);
}

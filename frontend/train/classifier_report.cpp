#include "sluice/classifier_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "sluice/model_summary.h"
#include "sluice/report_sections.h"
#include "sluice/runtime/step_profile.h"

namespace sluice {

namespace {

constexpr std::int64_t kSamples = 3;  // of each class
constexpr std::size_t kMistakes = 22;

std::string capitalized(std::string word) {
  if (!word.empty() && word[0] >= 'a' && word[0] <= 'z') word[0] = static_cast<char>(word[0] - 'a' + 'A');
  return word;
}

/// Returns the value `of` each epoch.
template <typename F>
std::vector<double> over_epochs(const History& history, F of) {
  std::vector<double> values;
  for (const EpochRecord& record : history.epochs) values.push_back(of(record));
  return values;
}

void add_training(report::Page& page, const History& history) {
  if (history.epochs.empty()) return;
  page.begin_part("Training");
  for (report::Section& section : training_curves(history)) page.add(std::move(section));
}

void add_data(report::Page& page, const ClassifierReport& what, std::int64_t classes) {
  page.begin_part("Data");
  std::vector<report::NamedLabels> sets;
  const auto add = [&](const char* name, const Dataset& dataset) {
    if (dataset.size() > 0)
      sets.push_back({fmt::format("{} ({})", name, grouped_number(dataset.size())), dataset.target()});
  };
  add("training", what.training);
  add("validation", what.validation);
  add("test", what.test);
  if (what.training.size() > 0) page.add(report::samples(what.training, classes, kSamples, what.names));
  page.add(report::class_distribution(sets, classes, what.names));
}

void add_results(report::Page& page, const ClassifierReport& what, const ClassificationReport& results) {
  page.begin_part("Results on the test images");
  page.add(report::accuracy_by_class(results, what.names));
  page.add(report::confusion_matrix(results, what.names));
  page.add(report::worst_mistakes(results, what.test.input(), kMistakes, what.names));
}

void add_figures(report::Page& page, const ClassifierReport& what, const ClassificationReport* results) {
  if (results != nullptr) {
    page.add({"test accuracy", fmt::format("{:.3f}", results->accuracy()),
              fmt::format("of {} images", grouped_number(results->examples()))});
  }
  if (what.history == nullptr || what.history->epochs.empty()) return;
  const std::vector<EpochRecord>& epochs = what.history->epochs;
  double seconds = 0;
  double best = 0;
  for (const EpochRecord& record : epochs) {
    seconds += record.seconds;
    best = std::max(best, record.examples_per_second);
  }
  // A user's own loop may not have measured times.
  page.add({"epochs", fmt::format("{}", epochs.size()), seconds > 0 ? fmt::format("in {:.1f} s", seconds) : ""});
  if (best > 0) page.add({"examples a second", short_number(best), "best epoch"});
}

}  // namespace

std::vector<report::Section> training_curves(const History& history) {
  const std::vector<double> x =
      over_epochs(history, [](const EpochRecord& record) { return static_cast<double>(record.epoch); });
  std::vector<report::Section> sections;
  for (std::size_t i = 0; i < history.names.size(); ++i) {
    const std::string& name = history.names[i];
    report::Lines lines{"epoch", name, x, {}};
    lines.series.push_back(
        {"training", over_epochs(history, [&](const auto& record) { return record.training.at(i); })});
    const bool validated =
        std::ranges::all_of(history.epochs, [&](const EpochRecord& record) { return record.validation.size() > i; });
    if (validated) {
      lines.series.push_back(
          {"validation", over_epochs(history, [&](const auto& record) { return record.validation[i]; })});
    }
    sections.push_back({capitalized(name), "", std::move(lines)});
  }
  const std::vector<double> rates = over_epochs(history, [](const auto& record) { return record.learning_rate; });
  if (std::ranges::adjacent_find(rates, std::not_equal_to<>()) != rates.end())
    sections.push_back({"Learning rate", "", report::Lines{"epoch", "learning rate", x, {{"learning rate", rates}}}});
  if (sections.size() % 2 == 1) sections.back().wide = true;  // otherwise half of its row would be empty
  return sections;
}

report::Page classifier_page(const ClassifierReport& what) {
  report::Page page(what.title, what.subtitle);
  std::optional<ClassificationReport> results;
  if (what.test.size() > 0) results = classification_report(what.test.target(), what.test_probabilities);
  add_figures(page, what, results ? &*results : nullptr);
  if (what.history != nullptr) add_training(page, *what.history);
  if (results) add_results(page, what, *results);
  if (results) add_data(page, what, results->classes);
  if (what.forward != nullptr) {
    const ModelSummary summary = model_summary(*what.forward);
    page.add({"parameters", grouped_number(summary.parameters()),
              fmt::format("{}FLOP an example", short_number(summary.flops()))});
    page.begin_part("Model");
    page.add(report::layers(summary));
    if (what.filters.rank() > 0) page.add(report::learned_filters(what.filters));
  }
  if (what.train_step != nullptr) {
    const runtime::StepProfile profile = runtime::profile_step(*what.train_step, what.batch);
    page.begin_part("Speed");
    page.add(report::kernels(profile));
    page.add(report::machine(profile));
  }
  return page;
}

}  // namespace sluice

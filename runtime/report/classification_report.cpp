#include "sluice/classification_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sluice/error.h"
#include "sluice/printable.h"

namespace sluice {

namespace {

double part(std::int64_t count, std::int64_t of) {
  return of == 0 ? 0 : static_cast<double>(count) / static_cast<double>(of);
}

/// Returns the labels as i64, after checking that they are classes.
std::vector<std::int64_t> checked_labels(const Array& labels, std::int64_t classes) {
  if (labels.rank() != 1 || !is_integer(labels.dtype())) {
    fail("classification report: expected labels as integers [N], got {}", to_string(labels.type()));
  }
  std::vector<std::int64_t> checked;
  visit_dtype(labels.dtype(), [&](auto zero) {
    for (const auto label : labels.data<decltype(zero)>()) checked.push_back(static_cast<std::int64_t>(label));
  });
  const auto wrong = std::ranges::find_if(checked, [&](std::int64_t label) { return label < 0 || label >= classes; });
  if (wrong != checked.end()) {
    fail("classification report: expected labels 0 to {}, got {} for example {}", classes - 1, *wrong,
         wrong - checked.begin());
  }
  return checked;
}

/// Returns the width of the longest short name of the classes, at least `least`.
std::size_t name_width(const ClassificationReport& report, const ClassNames& names, std::size_t least) {
  for (std::int64_t c = 0; c < report.classes; ++c) least = std::max(least, names.short_name(c).size());
  return least;
}

}  // namespace

double ClassificationReport::ByClass::accuracy() const { return part(correct, examples); }

std::int64_t ClassificationReport::count(std::int64_t label, std::int64_t predicted) const {
  return confusion.at(static_cast<std::size_t>(label * classes + predicted));
}

std::int64_t ClassificationReport::examples() const {
  return std::accumulate(confusion.begin(), confusion.end(), std::int64_t{0});
}

double ClassificationReport::accuracy() const {
  const std::int64_t all = examples();
  return part(all - static_cast<std::int64_t>(mistakes.size()), all);
}

std::vector<ClassificationReport::ByClass> ClassificationReport::by_class() const {
  std::vector<ByClass> rows;
  for (std::int64_t label = 0; label < classes; ++label) {
    ByClass row{label, 0, count(label, label)};
    for (std::int64_t predicted = 0; predicted < classes; ++predicted) row.examples += count(label, predicted);
    if (row.examples > 0) rows.push_back(row);
  }
  std::ranges::stable_sort(rows, {}, &ByClass::accuracy);
  return rows;
}

ClassificationReport classification_report(const Array& labels, const Array& probabilities) {
  if (probabilities.rank() != 2 || !is_float(probabilities.dtype()) || probabilities.sizes()[1] < 1) {
    fail("classification report: expected probabilities as f32 or f64 [N,classes], got {}",
         to_string(probabilities.type()));
  }
  ClassificationReport report;
  report.classes = probabilities.sizes()[1];
  const std::vector<std::int64_t> known = checked_labels(labels, report.classes);
  if (labels.sizes()[0] != probabilities.sizes()[0]) {
    fail("classification report: expected a label for each row of probabilities, got {} and {}",
         to_string(labels.type()), to_string(probabilities.type()));
  }
  const auto classes = static_cast<std::size_t>(report.classes);
  report.confusion.resize(classes * classes);
  visit_dtype(probabilities.dtype(), [&](auto zero) {
    const auto all = probabilities.data<decltype(zero)>();
    for (std::size_t i = 0; i < known.size(); ++i) {
      const auto row = all.subspan(i * classes, classes);
      constexpr double kRounding = 1e-4;
      const auto wrong = std::ranges::find_if(row, [](auto p) {
        return !(static_cast<double>(p) >= -kRounding && static_cast<double>(p) <= 1 + kRounding);
      });
      if (wrong != row.end()) {
        fail("classification report: expected probabilities from 0 to 1, got {} for example {}, class {}",
             static_cast<double>(*wrong), i, wrong - row.begin());
      }
      const auto label = static_cast<std::size_t>(known[i]);
      const auto predicted = static_cast<std::size_t>(std::ranges::max_element(row) - row.begin());
      ++report.confusion[label * classes + predicted];
      if (label == predicted) continue;
      report.mistakes.push_back({static_cast<std::int64_t>(i), known[i], static_cast<std::int64_t>(predicted),
                                 static_cast<double>(row[predicted]), static_cast<double>(row[label])});
    }
  });
  std::ranges::stable_sort(report.mistakes, std::greater<>(), &ClassificationReport::Mistake::probability);
  return report;
}

std::vector<std::int64_t> count_classes(const Array& labels, std::int64_t classes) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(classes));
  for (const std::int64_t label : checked_labels(labels, classes)) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

std::string ClassNames::short_name(std::int64_t label) const {
  if (names.empty()) return fmt::format("{}", label);
  if (label < 0 || static_cast<std::size_t>(label) >= names.size())
    fail("class names: expected a name for class {}, got {} names", label, names.size());
  return printable(names[static_cast<std::size_t>(label)]);
}

std::string ClassNames::long_name(std::int64_t label) const {
  return names.empty() ? fmt::format("{} {}", kind, label) : short_name(label);
}

std::string accuracy_text(const ClassificationReport& report, const ClassNames& names) {
  std::size_t width = 3;
  for (const auto& row : report.by_class()) width = std::max(width, names.long_name(row.label).size());
  std::string text;
  const auto add = [&](const std::string& name, double accuracy, std::int64_t correct, std::int64_t examples) {
    text += fmt::format("{:<{}} {:.3f}  ({} of {})\n", name + ":", width + 1, accuracy, correct, examples);
  };
  for (const auto& row : report.by_class()) add(names.long_name(row.label), row.accuracy(), row.correct, row.examples);
  add("All", report.accuracy(), report.examples() - static_cast<std::int64_t>(report.mistakes.size()),
      report.examples());
  return text;
}

std::string confusion_text(const ClassificationReport& report, const ClassNames& names) {
  const std::int64_t largest = report.confusion.empty() ? 0 : std::ranges::max(report.confusion);
  const std::size_t width = name_width(report, names, fmt::formatted_size("{}", largest)) + 1;
  const std::size_t first = name_width(report, names, std::string_view("true").size());
  std::string text = fmt::format("{:<{}}  predicted\n{:<{}}", "", first, "true", first);
  for (std::int64_t c = 0; c < report.classes; ++c) text += fmt::format("{:>{}}", names.short_name(c), width);
  text += '\n';
  for (std::int64_t label = 0; label < report.classes; ++label) {
    text += fmt::format("{:>{}}", names.short_name(label), first);
    for (std::int64_t predicted = 0; predicted < report.classes; ++predicted) {
      const std::int64_t count = report.count(label, predicted);
      text += fmt::format("{:>{}}", count == 0 ? "." : fmt::format("{}", count), width);
    }
    text += '\n';
  }
  return text;
}

std::string class_counts_text(const std::vector<std::int64_t>& counts, const ClassNames& names) {
  constexpr std::int64_t kLongestBar = 50;
  std::size_t width = 0;
  for (std::size_t c = 0; c < counts.size(); ++c)
    width = std::max(width, names.long_name(static_cast<std::int64_t>(c)).size());
  const std::int64_t largest = counts.empty() ? 1 : std::max<std::int64_t>(1, std::ranges::max(counts));
  std::string text;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    const auto bar = static_cast<std::size_t>((counts[c] * kLongestBar + largest / 2) / largest);
    text += fmt::format("{:<{}} {:>{}} {}\n", names.long_name(static_cast<std::int64_t>(c)), width, counts[c],
                        fmt::formatted_size("{}", largest), std::string(bar, '#'));
  }
  return text;
}

std::string mistakes_text(const ClassificationReport& report, std::size_t most, const ClassNames& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, report.mistakes.size()); ++i) {
    const auto& mistake = report.mistakes[i];
    text += fmt::format("example {}: {} taken for {} with {:.1f}% (right one: {:.1f}%)\n", mistake.example,
                        names.short_name(mistake.label), names.short_name(mistake.predicted), 100 * mistake.probability,
                        100 * mistake.label_probability);
  }
  return text;
}

}  // namespace sluice

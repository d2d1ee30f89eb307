// The host's side of metrics: counts over batches and what follows from them.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sluice/error.h"
#include "sluice/metrics.h"

namespace sluice {

namespace {

double ratio(double part, double of) { return of == 0 ? 0 : part / of; }

double ratio(std::int64_t part, std::int64_t of) { return ratio(static_cast<double>(part), static_cast<double>(of)); }

double harmonic_mean(double a, double b) { return ratio(2 * a * b, a + b); }

/// Adds `counts` to `sums`, which are empty before the first time.
void add_counts(std::vector<std::int64_t>& sums, const Array& counts) {
  const auto elements = counts.data<std::int64_t>();
  sums.resize(elements.size());
  for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += elements[i];
}

}  // namespace

void BinaryCounts::add(const Array& counts) {
  const bool fits = counts.dtype() == DType::kI64 && counts.rank() == 2 && counts.sizes()[1] == 4 &&
                    counts.sizes()[0] > 0 && (sums_.empty() || counts.sizes()[0] == thresholds());
  if (!fits) {
    fail("binary counts: expected i64[{},4], what binary_counts returns, got {}",
         sums_.empty() ? "thresholds" : fmt::format("{}", thresholds()), to_string(counts.type()));
  }
  add_counts(sums_, counts);
}

std::int64_t BinaryCounts::count(int threshold, int which) const {
  if (threshold < 0 || threshold >= thresholds())
    fail("binary counts: there is no threshold {}, there are {}", threshold, thresholds());
  return sums_[static_cast<std::size_t>(threshold * 4 + which)];
}

double BinaryCounts::accuracy(int threshold) const {
  const std::int64_t right = true_positives(threshold) + true_negatives(threshold);
  return ratio(right, right + false_positives(threshold) + false_negatives(threshold));
}

double BinaryCounts::precision(int threshold) const {
  return ratio(true_positives(threshold), true_positives(threshold) + false_positives(threshold));
}

double BinaryCounts::recall(int threshold) const {
  return ratio(true_positives(threshold), true_positives(threshold) + false_negatives(threshold));
}

double BinaryCounts::f1(int threshold) const { return harmonic_mean(precision(threshold), recall(threshold)); }

void BinaryCounts::check_curve() const {
  if (thresholds() < 2) fail("auc: expected counts of at least two thresholds, got {}", thresholds());
}

double BinaryCounts::auc() const {
  check_curve();
  const auto false_rate = [&](int i) { return ratio(false_positives(i), false_positives(i) + true_negatives(i)); };
  double area = 0;
  for (int i = 0; i + 1 < thresholds(); ++i)
    area += (false_rate(i) - false_rate(i + 1)) * (recall(i) + recall(i + 1)) / 2;
  return area;
}

// Between two thresholds, true positives are taken to be linear in all predicted positives p: tp = intercept + slope p.
// The integral of precision, tp / p, over recall is then slope (dtp + intercept log(p_i / p_{i+1})) / positives.
double BinaryCounts::pr_auc() const {
  check_curve();
  const auto predicted = [&](int i) { return static_cast<double>(true_positives(i) + false_positives(i)); };
  double area = 0;
  for (int i = 0; i + 1 < thresholds(); ++i) {
    const auto after = static_cast<double>(true_positives(i + 1));
    const double gained = static_cast<double>(true_positives(i)) - after;
    const double slope = ratio(gained, std::max(predicted(i) - predicted(i + 1), 0.0));
    const double intercept = after - slope * predicted(i + 1);
    const bool both = predicted(i) > 0 && predicted(i + 1) > 0;
    const double growth = both ? std::log(predicted(i) / predicted(i + 1)) : 0;
    const auto positives = static_cast<double>(true_positives(i + 1) + false_negatives(i + 1));
    area += ratio(slope * (gained + intercept * growth), positives);
  }
  return area;
}

std::vector<double> auc_thresholds(int count) {
  if (count < 2) fail("auc_thresholds: expected at least two thresholds, got {}", count);
  constexpr double kEpsilon = 1e-7;
  std::vector<double> thresholds{-kEpsilon};
  for (int i = 1; i + 1 < count; ++i) thresholds.push_back(static_cast<double>(i) / (count - 1));
  thresholds.push_back(1 + kEpsilon);
  return thresholds;
}

void ConfusionCounts::add(const Array& counts) {
  const bool fits = counts.dtype() == DType::kI64 && counts.rank() == 2 && counts.sizes()[0] == counts.sizes()[1] &&
                    counts.sizes()[0] > 0 && (classes_ == 0 || counts.sizes()[0] == classes_);
  if (!fits) {
    fail("confusion counts: expected i64[{0},{0}], what confusion_matrix returns, got {1}",
         classes_ == 0 ? "classes" : fmt::format("{}", classes_), to_string(counts.type()));
  }
  add_counts(sums_, counts);
  classes_ = static_cast<int>(counts.sizes()[0]);
}

std::int64_t ConfusionCounts::count(int label, int predicted) const {
  for (const int each : {label, predicted}) {
    if (each < 0 || each >= classes_) fail("confusion counts: there is no class {}, there are {}", each, classes_);
  }
  return sums_[static_cast<std::size_t>(label) * static_cast<std::size_t>(classes_) +
               static_cast<std::size_t>(predicted)];
}

std::int64_t ConfusionCounts::examples() const {
  std::int64_t all = 0;
  for (const std::int64_t each : sums_) all += each;
  return all;
}

double ConfusionCounts::accuracy() const {
  std::int64_t right = 0;
  for (int c = 0; c < classes_; ++c) right += count(c, c);
  return ratio(right, examples());
}

double ConfusionCounts::precision(int of_class) const {
  const std::int64_t right = count(of_class, of_class);
  std::int64_t predicted = 0;
  for (int label = 0; label < classes_; ++label) predicted += count(label, of_class);
  return ratio(right, predicted);
}

double ConfusionCounts::recall(int of_class) const {
  const std::int64_t right = count(of_class, of_class);
  std::int64_t labelled = 0;
  for (int predicted = 0; predicted < classes_; ++predicted) labelled += count(of_class, predicted);
  return ratio(right, labelled);
}

double ConfusionCounts::f1(int of_class) const { return harmonic_mean(precision(of_class), recall(of_class)); }

double ConfusionCounts::macro_f1() const {
  double sum = 0;
  for (int c = 0; c < classes_; ++c) sum += f1(c);
  return ratio(sum, static_cast<double>(classes_));
}

}  // namespace sluice

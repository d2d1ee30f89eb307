#pragma once

#include <cstdint>
#include <vector>

#include "sluice/array.h"
#include "sluice/tensor.h"

// Metrics of a batch inside functions, and classes that add up what they return over batches. A mean over batches, as
// of accuracies, is a Mean (sluice/mean.h) or a metric of a Trainer's objective; precision, recall, F1 and AUC are no
// means over batches: they need counts. All functions throw Error at the user's line for other operands.
namespace sluice {

/// The fraction of rows of `scores` [..., classes] whose largest element is that of their integer label, f32[]. Scores
/// may be logits or probabilities; ties go to the lower class. A label out of range counts as a mistake; if the labels
/// are an argument of the function, a call with such a label throws Error before it runs. 0 if there are no rows.
Tensor accuracy(const Arg& scores, const Arg& labels);
/// The same for rows in which fewer than k classes have a higher score than the label, with 1 <= k <= classes: classes
/// that tie for the last places all count as being among the k, as in TensorFlow's in_top_k. NaN ranks highest, and a
/// label whose score is NaN is a mistake.
Tensor top_k_accuracy(const Arg& scores, const Arg& labels, std::int64_t k = 5);
/// The fraction of elements for which prediction > threshold is their label, f32[]. `labels` has the shape of the
/// predictions and is of bools or numbers 0 and 1; another number counts as a mistake. For logits the threshold that
/// corresponds to 0.5 is 0.
Tensor binary_accuracy(const Arg& predictions, const Arg& labels, double threshold = 0.5);

/// How many rows of which class have which predicted class, the one with the largest score: i64 [classes, classes], a
/// row for each label and a column for each prediction, as in TensorFlow. Rows with a label out of range are not
/// counted; if the labels are an argument of the function, a call with such a label throws Error before it runs.
/// ConfusionCounts adds them up.
Tensor confusion_matrix(const Arg& scores, const Arg& labels);

/// For each threshold the numbers of true positives, false positives, true negatives and false negatives of the
/// elements: i64 [thresholds, 4]. Elements with prediction > threshold are predicted positive, and those whose label is
/// true or not 0 are positive. `labels` has the shape of the predictions. BinaryCounts adds them up.
Tensor binary_counts(const Arg& predictions, const Arg& labels, const std::vector<double>& thresholds = {0.5});
/// The thresholds with which Keras's AUC approximates the curve of predictions in [0, 1]: `count`, at least 2, evenly
/// spaced, the first just below 0 and the last just above 1.
std::vector<double> auc_thresholds(int count = 200);

/// Adds up what binary_counts returns.
///
///     const auto count = function("count", {...}, [&](Tensor x, Tensor y) {
///       return binary_counts(sigmoid(model(x)), y, auc_thresholds());
///     });
///     BinaryCounts counts;
///     for (const Batch& b : examples.batches(128)) counts.add(count(b.input(), b.target()));
///     fmt::print("{}\n", counts.auc());
///
/// Methods take the position of a threshold. A fraction of nothing is 0, as in Keras.
class BinaryCounts {
 public:
  /// Throws Error unless `counts` is i64 [thresholds, 4] with as many thresholds as before, at least one.
  void add(const Array& counts);

  /// Returns 0 before the first add().
  int thresholds() const { return static_cast<int>(sums_.size() / 4); }

  // Throw Error if there is no such threshold.

  std::int64_t true_positives(int threshold = 0) const { return count(threshold, 0); }
  std::int64_t false_positives(int threshold = 0) const { return count(threshold, 1); }
  std::int64_t true_negatives(int threshold = 0) const { return count(threshold, 2); }
  std::int64_t false_negatives(int threshold = 0) const { return count(threshold, 3); }
  /// The fraction of elements that are predicted correctly.
  double accuracy(int threshold = 0) const;
  /// The fraction of the elements predicted positive that are.
  double precision(int threshold = 0) const;
  /// The fraction of the positive elements that are predicted so.
  double recall(int threshold = 0) const;
  /// The harmonic mean of precision and recall.
  double f1(int threshold = 0) const;

  /// Returns the area under the curve of recall against the rate of false positives (ROC), by the trapezoidal rule, as
  /// Keras's AUC. Throws Error with fewer than two thresholds; they must be ascending, as auc_thresholds() are.
  double auc() const;
  /// Returns the area under the curve of precision against recall, interpolated as by Davis and Goadrich (2006), as
  /// Keras's AUC(curve="PR").
  double pr_auc() const;

 private:
  std::int64_t count(int threshold, int which) const;
  void check_curve() const;

  std::vector<std::int64_t> sums_;
};

/// Adds up what confusion_matrix returns. A fraction of nothing is 0.
class ConfusionCounts {
 public:
  /// Throws Error unless `counts` is i64 [classes, classes] with as many classes as before, at least one.
  void add(const Array& counts);

  /// Returns 0 before the first add().
  int classes() const { return classes_; }
  /// Returns the number of all examples.
  std::int64_t examples() const;
  /// Returns the fraction of examples that are predicted correctly.
  double accuracy() const;

  // Throw Error if there is no such class.

  /// Returns how many examples of the class `label` were predicted as `predicted`.
  std::int64_t count(int label, int predicted) const;
  /// The fraction of the examples predicted as this class that are of it.
  double precision(int of_class) const;
  /// The fraction of the examples of this class that are predicted as it.
  double recall(int of_class) const;
  /// The harmonic mean of precision and recall.
  double f1(int of_class) const;
  /// The mean of f1 over all classes, each with the same weight: average="macro" of Keras's F1Score.
  double macro_f1() const;

 private:
  int classes_ = 0;
  std::vector<std::int64_t> sums_;
};

}  // namespace sluice

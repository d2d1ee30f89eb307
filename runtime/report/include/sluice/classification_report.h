#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sluice/array.h"

namespace sluice {

/// The performance of a classifier on labeled examples. Classes are numbered from 0.
struct ClassificationReport {
  /// The examples of one class.
  struct ByClass {
    std::int64_t label = 0;
    std::int64_t examples = 0;
    std::int64_t correct = 0;

    /// Returns 0 for a class without examples.
    double accuracy() const;
  };
  /// An example that was predicted as another class.
  struct Mistake {
    std::int64_t example = 0;  ///< its row
    std::int64_t label = 0;
    std::int64_t predicted = 0;
    double probability = 0;        ///< of the predicted class
    double label_probability = 0;  ///< of the true class
  };

  std::int64_t classes = 0;
  std::vector<std::int64_t>
      confusion;  ///< [classes,classes] row by row: how many examples of which class were predicted as which
  std::vector<Mistake> mistakes;  ///< all, the most confident first

  /// Returns how many examples of `label` were predicted as `predicted`; both are from 0 to classes - 1.
  std::int64_t count(std::int64_t label, std::int64_t predicted) const;
  /// Returns the number of all examples.
  std::int64_t examples() const;
  /// Returns the fraction of all examples predicted correctly; 0 if there are none.
  double accuracy() const;
  /// Returns each class that has examples, the least accurate first, as in the guide; ties go to the lower label.
  std::vector<ByClass> by_class() const;
};

/// Compares `probabilities`, f32 or f64 [N,classes], with `labels`, integers [N]. The prediction is the class with the
/// largest probability; ties go to the lower class. Throws Error if sizes or types differ, for a label out of range,
/// and for a value that is not a probability, such as a logit or NaN.
ClassificationReport classification_report(const Array& labels, const Array& probabilities);

/// Returns how many examples each class has. Throws Error unless `labels` are integers [N] from 0 to classes - 1.
std::vector<std::int64_t> count_classes(const Array& labels, std::int64_t classes);

/// The displayed names of classes: custom names, or their numbers after `kind`.
struct ClassNames {
  std::string kind = "Class";      ///< "Digit" yields "Digit 3"
  std::vector<std::string> names;  ///< by label; empty: the number

  /// Returns "3", or its name. Throws Error if there are names but none for `label`.
  std::string short_name(std::int64_t label) const;
  /// Returns "Digit 3", or its name.
  std::string long_name(std::int64_t label) const;
};

/// Returns lines for a terminal: "Digit 8: 0.963  (938 of 974)", the least accurate first, then the total.
std::string accuracy_text(const ClassificationReport& report, const ClassNames& names = {});
/// Returns lines for a terminal: a row for each true class, a column for each predicted class; zeros are dots.
std::string confusion_text(const ClassificationReport& report, const ClassNames& names = {});
/// Returns lines for a terminal: how many examples each class has, with bars.
std::string class_counts_text(const std::vector<std::int64_t>& counts, const ClassNames& names = {});
/// Returns lines for a terminal: the first `most` mistakes with their probabilities.
std::string mistakes_text(const ClassificationReport& report, std::size_t most, const ClassNames& names = {});

}  // namespace sluice

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sluice/array.h"

namespace sluice {

/// How well a classifier does on examples whose classes are known. Classes are numbered from 0.
struct ClassificationReport {
  /// The examples of one class.
  struct ByClass {
    std::int64_t label = 0;
    std::int64_t examples = 0;
    std::int64_t correct = 0;

    /// 0 for a class without examples.
    double accuracy() const;
  };
  /// An example that was taken for another class.
  struct Mistake {
    std::int64_t example = 0;  ///< its row
    std::int64_t label = 0;
    std::int64_t predicted = 0;
    double probability = 0;        ///< of the class that was predicted
    double label_probability = 0;  ///< of the class that is right
  };

  std::int64_t classes = 0;
  std::vector<std::int64_t>
      confusion;                  ///< [classes,classes] in rows: how many examples of which class were taken for which
  std::vector<Mistake> mistakes;  ///< all, the most confident first

  /// How many examples of `label` were taken for `predicted`; both are from 0 to classes - 1.
  std::int64_t count(std::int64_t label, std::int64_t predicted) const;
  /// All of them.
  std::int64_t examples() const;
  /// The part of all examples that is right; 0 where there are none.
  double accuracy() const;
  /// Each class that has examples, the least accurate first, as the guide lists them; of equals the lower label first.
  std::vector<ByClass> by_class() const;
};

/// Holds `probabilities`, f32 or f64 [N,classes], against `labels`, integers [N]. The class with the largest
/// probability is predicted, the first of equals. Throws Error if sizes or types differ from that, for a label that is
/// no class, and for what is no probability, such as a logit or NaN.
ClassificationReport classification_report(const Array& labels, const Array& probabilities);

/// How many examples each class has. Throws Error unless `labels` are integers [N] from 0 to classes - 1.
std::vector<std::int64_t> count_classes(const Array& labels, std::int64_t classes);

/// What the classes are called where they are shown: names of their own, or their numbers after `kind`.
struct ClassNames {
  std::string kind = "Class";      ///< "Digit" makes "Digit 3"
  std::vector<std::string> names;  ///< by label; empty: the number

  /// "3", or its name. Throws Error if there are names and none for `label`.
  std::string short_name(std::int64_t label) const;
  /// "Digit 3", or its name.
  std::string long_name(std::int64_t label) const;
};

/// Lines for a terminal: "Digit 8: 0.963  (938 of 974)", the least accurate first, and all together.
std::string accuracy_text(const ClassificationReport& report, const ClassNames& names = {});
/// Lines for a terminal: a row for each class, a column for each that its examples were taken for; zeros are dots.
std::string confusion_text(const ClassificationReport& report, const ClassNames& names = {});
/// Lines for a terminal: how many examples each class has, with bars.
std::string class_counts_text(const std::vector<std::int64_t>& counts, const ClassNames& names = {});
/// Lines for a terminal: the first `most` mistakes with their probabilities.
std::string mistakes_text(const ClassificationReport& report, std::size_t most, const ClassNames& names = {});

}  // namespace sluice

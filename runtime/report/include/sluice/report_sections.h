#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/classification_report.h"
#include "sluice/dataset.h"
#include "sluice/model_summary.h"
#include "sluice/report.h"
#include "sluice/runtime/step_profile.h"

// What reports on classifiers consist of.
namespace sluice::report {

/// A data set and what it is for: "training".
struct NamedLabels {
  std::string name;
  Array labels;
};

/// Rows of `labels` with `each` examples of every class, the first ones, in the order 0, 1, ..., 0, 1, ... Throws Error
/// as count_classes does.
std::vector<std::int64_t> sample_rows(const Array& labels, std::int64_t classes, std::int64_t each);

/// Some examples of every class. Throws Error unless its images are u8[N,height,width].
Section samples(const Dataset& dataset, std::int64_t classes, std::int64_t each, const ClassNames& names);
/// How many examples of each class there are.
Section class_distribution(const std::vector<NamedLabels>& sets, std::int64_t classes, const ClassNames& names);
/// The least accurate class first.
Section accuracy_by_class(const ClassificationReport& report, const ClassNames& names);
Section confusion_matrix(const ClassificationReport& report, const ClassNames& names);
/// The `most` mistakes that the model was surest of, as pictures of `images`, u8[N,height,width].
Section worst_mistakes(const ClassificationReport& report, const Array& images, std::size_t most,
                       const ClassNames& names);
Section layers(const ModelSummary& summary);
/// Each kernel with its time and how much of what the machine can do that is.
Section kernels(const runtime::StepProfile& profile);
/// CPU, threads, instructions, system and versions.
Section machine(const runtime::StepProfile& profile);

}  // namespace sluice::report

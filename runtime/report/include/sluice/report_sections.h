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

// The sections of reports on classifiers.
namespace sluice::report {

/// A data set and its purpose: "training".
struct NamedLabels {
  std::string name;
  Array labels;
};

/// Returns rows of `labels` with the first `each` examples of every class, in the order 0, 1, ..., 0, 1, ... Throws
/// Error as count_classes does.
std::vector<std::int64_t> sample_rows(const Array& labels, std::int64_t classes, std::int64_t each);

/// Shows some examples of every class. Throws Error unless its images are u8[N,height,width].
Section samples(const Dataset& dataset, std::int64_t classes, std::int64_t each, const ClassNames& names);
/// Shows how many examples of each class there are.
Section class_distribution(const std::vector<NamedLabels>& sets, std::int64_t classes, const ClassNames& names);
/// Shows the least accurate class first.
Section accuracy_by_class(const ClassificationReport& report, const ClassNames& names);
Section confusion_matrix(const ClassificationReport& report, const ClassNames& names);
/// Shows the `most` most confident mistakes, as pictures from `images`, u8[N,height,width].
Section worst_mistakes(const ClassificationReport& report, const Array& images, std::size_t most,
                       const ClassNames& names);
/// Shows the filters of a convolution, floats [height,width,in,out], each by the mean over its input channels: 0 is
/// gray, and the largest magnitude of all is black or white. Throws Error for another type.
Section learned_filters(const Array& filters);
Section layers(const ModelSummary& summary);
/// Shows each kernel with its time and its share of the machine's peak.
Section kernels(const runtime::StepProfile& profile);
/// Shows CPU, threads, instructions, system and versions.
Section machine(const runtime::StepProfile& profile);

}  // namespace sluice::report

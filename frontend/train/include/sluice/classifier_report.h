#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/classification_report.h"
#include "sluice/dataset.h"
#include "sluice/history.h"
#include "sluice/ir/graph.h"
#include "sluice/report.h"

namespace sluice {

/// A curve over the epochs for the loss and for each metric, training and validation together, and one for the learning
/// rate if it changed.
std::vector<report::Section> training_curves(const History& history);

/// What there is to tell of a classifier of images after its training. Graphs are as traced; what is null is left out.
struct ClassifierReport {
  std::string title = "Report";
  std::string subtitle = {};
  ClassNames names = {};
  std::int64_t batch = 128;  ///< examples a step, to measure its kernels with
  const History* history = nullptr;
  Dataset training = {};  ///< images u8[N,height,width], as all three
  Dataset validation = {};
  Dataset test = {};
  Array test_probabilities = {};          ///< of the model for the test images, [N,classes]
  const ir::Graph* forward = nullptr;     ///< from images to probabilities or logits
  const ir::Graph* train_step = nullptr;  ///< is compiled again and runs some steps on variables of its own
};

/// The page: curves, data, results on the test images, the model, its kernels and the machine. Throws Error where the
/// parts do not fit each other.
report::Page classifier_page(const ClassifierReport& what);

}  // namespace sluice

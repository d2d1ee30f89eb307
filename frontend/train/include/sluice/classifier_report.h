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

/// Returns a plot over the epochs for the loss and for each metric, training and validation together, and one for the
/// learning rate if it changed.
std::vector<report::Section> training_curves(const History& history);

/// The inputs of an image classifier's report after training. Graphs are as traced; null ones are left out.
struct ClassifierReport {
  std::string title = "Report";
  std::string subtitle = {};
  ClassNames names = {};
  std::int64_t batch = 128;  ///< batch size with which to measure the step's kernels
  const History* history = nullptr;
  Dataset training = {};  ///< images u8[N,height,width], like all three
  Dataset validation = {};
  Dataset test = {};
  Array test_probabilities = {};          ///< the model's output for the test images, [N,classes]
  const ir::Graph* forward = nullptr;     ///< from images to probabilities or logits
  Array filters = {};                     ///< of the first convolution, [height,width,in,out]; rank 0: not shown
  const ir::Graph* train_step = nullptr;  ///< is compiled again and runs some steps on its own variables
};

/// Returns the page: curves, data, results on the test images, the model, its kernels and the machine. Throws Error if
/// the parts do not match.
report::Page classifier_page(const ClassifierReport& what);

}  // namespace sluice

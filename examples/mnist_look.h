#pragma once

#include <sluice/array.h>
#include <sluice/history.h>
#include <sluice/ir/graph.h>
#include <sluice/mnist.h>

#include <filesystem>
#include <string>

/// Prints some digits of each class with their labels, and how many of each there are.
void print_data(const sluice::Mnist& mnist);

/// Prints the curves of a training run of at least two epochs.
void print_curves(const sluice::History& history);

/// Prints accuracy by digit, the confusion matrix, and the test images that were misclassified with the most
/// confidence. `probabilities` are the model's for the test images, [N,10].
void print_results(const sluice::Mnist& mnist, const sluice::Array& probabilities);

/// The contents of write_report's page.
struct MnistRun {
  std::string settings;  ///< "Adam, batch 128"
  std::int64_t batch;
  const sluice::Mnist& mnist;
  const sluice::History& history;
  const sluice::Array* probabilities;  ///< as for print_results; null if they are not finite
  const sluice::ir::Graph& predict;    ///< from images to probabilities
  const sluice::ir::Graph& train_step;
  sluice::Array filters;  ///< of the first convolution, [height,width,in,out]; rank 0: there is none
};

/// Writes all of that, the training curves, the model and its kernels as a page. Throws Error if that fails.
void write_report(const std::filesystem::path& file, const MnistRun& run);

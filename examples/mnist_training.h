#pragma once

#include <sluice/module.h>
#include <sluice/tensor.h>
#include <sluice/trainer.h>

#include <functional>
#include <string>

#include "mnist_trainer_options.h"

// The training run of the programs that classify MNIST's digits with a Trainer.

/// The model of such a program.
struct TrainedModel {
  std::string program;   ///< the program's name, for messages
  std::string settings;  ///< for the page: "784-700-500-10 · Adam"
  sluice::Trainer& trainer;
  sluice::VariableList variables;  ///< of the model, for --hash
  /// Computes the logits [B,10] of images u8[B,28,28] or u8[B,28,28,1], as in evaluation.
  std::function<sluice::Tensor(const sluice::Tensor&)> classify;
};

/// Trains the model, tests it and writes everything that the options ask for. Prints the lines that the guide prints,
/// and what is left of an interrupted run. Returns the exit status. Throws Error.
int run_training(const TrainedModel& model, const MnistTrainerOptions& options);

#include "mnist_trainer_options.h"

#include <sluice/options.h>

#include <utility>

#include "mnist_command_line.h"

MnistTrainerOptions parse_mnist_trainer_options(int argc, char** argv, const std::string& program,
                                                const std::string& description, MnistTrainerOptions defaults) {
  MnistTrainerOptions options = std::move(defaults);
  MnistCommandLine line(program, description);
  CLI::App& app = line.app();
  app.add_option("--learning-rate", options.learning_rate, "Adam's learning rate")
      ->check(sluice::cli::positive())
      ->capture_default_str();
  app.add_option("--schedule", options.schedule,
                 "Learning-rate schedule: constant, step (a tenth after each third of the steps) or cosine (down to 0)")
      ->check(CLI::IsMember({"constant", "step", "cosine"}))
      ->capture_default_str();
  app.add_option("--warm-up", options.warm_up, "Steps over which the learning rate rises")
      ->check(sluice::cli::whole<std::int64_t>(0))
      ->capture_default_str();
  app.add_option("--clip-norm", options.clip_norm, "Scale gradients down to this global norm")
      ->check(sluice::cli::positive());
  app.add_option("--patience", options.patience,
                 "Stop when the validation loss has not improved for this many epochs, and keep the best weights")
      ->check(sluice::cli::count());
  CLI::Option* const checkpoint =
      app.add_option("--checkpoint", options.checkpoint.folder,
                     "Write a checkpoint to this folder after each epoch, on Ctrl-C, SIGTERM and SIGHUP");
  app.add_option("--checkpoint-steps", options.checkpoint.every_steps, "Also write one every so many steps")
      ->check(sluice::cli::count())
      ->needs(checkpoint);
  app.add_flag("--resume", options.checkpoint.resume,
               "Resume from the checkpoint in that folder, if there is one; needs the same options as before")
      ->needs(checkpoint);
  app.add_flag(
      "--check-numerics", options.check_numerics,
      "Stop at the first step that produces a NaN or an infinity and name the line; the last checkpoint is from "
      "before it");
  std::string trace;
  app.add_option("--trace", trace,
                 "Write the second to sixth step, kernels by thread, to this file for Perfetto or chrome://tracing");
  app.add_option("--tensorboard", options.tensorboard,
                 "Write curves, weights and the graph for TensorBoard to this folder");
  CLI::Option* const json =
      app.add_flag("--json", options.json, "Print a line of JSON for each epoch and one for the test");
  app.add_flag("--look", options.look,
               "Show digits and their distribution before training, and curves, accuracy by digit, the confusion "
               "matrix and the worst mistakes afterwards")
      ->excludes(json);
  app.add_option("--report", options.report,
                 "Write a page with curves, data, results, the model and its kernels, to open in a browser");

  static_cast<MnistOptions&>(options) = line.parse(argc, argv);
  sluice::set_trace(trace);
  return options;
}

#include "examples/mnist_options.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "frontend/options.h"
#include "runtime/thread_team.h"

MnistOptions parse_mnist_options(int argc, char** argv) {
  MnistOptions options;
  sluice::DumpOptions dump;
  std::optional<int> threads;
  std::string engine = "jit";
  std::string stages;

  CLI::App app("Trains a perceptron 784-700-500-10 on handwritten digits, as TensorFlow's guide mlp_core does.",
               "mnist_mlp");
  app.add_option("--epochs", options.epochs, "How often to go through the training images; 0 only evaluates")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--batch", options.batch, "Images a step")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--seed", options.seed, "Of the initial weights and the order of the images")->capture_default_str();
  app.add_option("--threads", threads, "Threads to compute with; all cores by default")->check(CLI::PositiveNumber);
  app.add_option("--data", options.data, "Folder of MNIST's four files, plain or .gz");
  app.add_option("--engine", engine, "jit (native code) or reference (the interpreter)")
      ->check(CLI::IsMember({"jit", "reference"}))
      ->capture_default_str();
  CLI::Option* const dump_ir =
      app.add_option("--dump-ir", stages,
                     "Print the graphs, after the stages STAGE,... (all by default), to stdout and stop")
          ->expected(0, 1)
          ->type_name("[=STAGE,...]");
  app.add_option("--dump-dir", dump.folder, "Write the graphs of all stages to NN-function-stage.ir in this folder");
  app.add_flag("--hash", options.hash, "Print a hash of all weights at the end, to compare two runs");
  app.add_flag("--quiet", options.quiet, "Print the test accuracy only");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }

  sluice::set_default_engine(engine == "jit" ? sluice::Engine::kJit : sluice::Engine::kReference);
  if (threads) sluice::runtime::set_default_threads(*threads);
  if (!stages.empty()) dump.stages = CLI::detail::split(stages, ',');
  dump.to_stdout = dump_ir->count() > 0;
  options.dump_only = dump.to_stdout;
  sluice::set_dump(std::move(dump));
  return options;
}

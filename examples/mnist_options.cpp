#include "mnist_options.h"

#include <sluice/options.h>

#include "mnist_command_line.h"

MnistCommandLine::MnistCommandLine(const std::string& program, const std::string& description)
    : app_(description, program) {
  app_.add_option("--epochs", options_.epochs, "How often to go through the training images; 0 only evaluates")
      ->check(sluice::cli::whole(0))
      ->capture_default_str();
  app_.add_option("--batch", options_.batch, "Images per step")->check(sluice::cli::count())->capture_default_str();
  app_.add_option("--seed", options_.seed, "Seed of the initial weights and the order of the images")
      ->check(sluice::cli::whole<std::uint32_t>(0))
      ->capture_default_str();
  app_.add_option("--threads", threads_, "Threads to compute with; all cores by default")->check(sluice::cli::count());
  app_.add_option("--data", options_.data, "Folder with the four MNIST files, plain or .gz");
  app_.add_option("--save", options_.save,
                  "Write the trained model to this folder, for sluice predict and other programs");
  app_.add_option("--engine", engine_, "jit (native code) or reference (the interpreter)")
      ->check(CLI::IsMember({"jit", "reference"}))
      ->capture_default_str();
  dump_ir_ = app_.add_option("--dump-ir", stages_,
                             "Print the graphs, after the stages STAGE,... (all by default), to stdout and stop")
                 ->expected(0, 1)
                 ->type_name("[=STAGE,...]");
  app_.add_option("--dump-dir", dump_folder_, "Write the graphs of all stages to NN-function-stage.ir in this folder");
  app_.add_flag("--hash", options_.hash, "Print a hash of all weights at the end, to compare two runs");
  app_.add_flag("--quiet", options_.quiet, "Print only the results of the test");
}

MnistOptions MnistCommandLine::parse(int argc, char** argv) {
  sluice::cli::parse(app_, argc, argv);
  sluice::set_default_engine(engine_ == "jit" ? sluice::Engine::kJit : sluice::Engine::kReference);
  if (threads_) sluice::set_num_threads(*threads_);
  sluice::DumpOptions dump{.to_stdout = dump_ir_->count() > 0, .folder = dump_folder_};
  if (!stages_.empty()) dump.stages = CLI::detail::split(stages_, ',');
  options_.dump_only = dump.to_stdout;
  sluice::set_dump(std::move(dump));
  return options_;
}

MnistOptions parse_mnist_options(int argc, char** argv) {
  return MnistCommandLine("mnist_mlp", kMlpDescription).parse(argc, argv);
}

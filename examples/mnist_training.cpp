#include "mnist_training.h"

#include <fmt/format.h>
#include <sluice/mnist.h>
#include <sluice/report.h>
#include <sluice/sluice.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "example_main.h"
#include "mnist_look.h"

using namespace sluice;

namespace {

/// Prints the lines that the guide prints after an epoch.
void print_epoch(const History& history) {
  const EpochRecord& record = history.epochs.back();
  fmt::print("Epoch: {}\n", record.epoch);
  fmt::print("Training loss: {:.3f}, Training accuracy: {:.3f}\n", record.training[0], record.training[1]);
  fmt::print("Validation loss: {:.3f}, Validation accuracy: {:.3f}\n", record.validation[0], record.validation[1]);
  std::fflush(stdout);
}

Schedule schedule_of(const MnistTrainerOptions& options, std::int64_t steps) {
  const double rate = options.learning_rate;
  Schedule schedule = constant_rate(rate);
  if (options.schedule == "step") schedule = step_decay(rate, 0.1, std::max<std::int64_t>(steps / 3, 1));
  if (options.schedule == "cosine") {
    schedule = cosine_decay(rate, std::max<std::int64_t>(steps - options.warm_up, 1));
  }
  return warm_up(options.warm_up, schedule);
}

FitOptions fit_options(const MnistTrainerOptions& options, const Mnist& mnist, const Trainer& trainer) {
  const std::int64_t steps = options.epochs * mnist.train.batches(options.batch).size();
  FitOptions fit{.epochs = options.epochs,
                 .batch = options.batch,
                 .validation = mnist.validation,
                 .seed = options.seed,
                 .schedule = schedule_of(options, steps),
                 .checkpoint = options.checkpoint,
                 .stop_on_interrupt = true};
  if (options.patience) fit.early_stopping = EarlyStopping{.patience = *options.patience};
  if (!options.tensorboard.empty()) fit.callbacks.push_back(tensorboard(options.tensorboard, trainer));
  if (options.quiet) return fit;
  fit.callbacks.push_back(progress_bar());
  fit.callbacks.push_back(options.json ? json_lines() : Callback{.on_epoch = print_epoch});
  return fit;
}

/// The requested outputs that the run has written.
struct Written {
  bool model = false;
  bool report = false;
};

/// Describes what is left of a run that was interrupted or whose model could not be saved.
std::string what_remains(const MnistTrainerOptions& options, const Written& written) {
  const std::string folder = options.checkpoint.folder.string();
  std::string text = written.model    ? fmt::format("the model is in {}", options.save->string())
                     : folder.empty() ? "what was learned is lost, since there was no --checkpoint DIR to keep it"
                                      : fmt::format("--checkpoint {} --resume goes on", folder);
  if (options.report) text += fmt::format("; {} is {}written", options.report->string(), written.report ? "" : "not ");
  return text;
}

/// Computes the probabilities of all images, [N,10], some at a time because a network may need much memory for each.
Array probabilities_of(const Function<Tensor, 1>& predict, const Dataset& images) {
  Array all(DType::kF32, {images.size(), 10});
  auto to = all.data<float>().begin();
  for (const Batch& b : images.batches(1000)) to = std::ranges::copy(predict(b.input()).data<float>(), to).out;
  return all;
}

/// Returns the filters of the first convolution, [height,width,in,out]; a scalar if there is none.
Array first_filters(const VariableList& variables) {
  for (const Variable& variable : variables.all()) {
    if (variable.type().shape.rank() == 4) return variable.value();
  }
  return Array();
}

}  // namespace

int run_training(const TrainedModel& model, const MnistTrainerOptions& options) {
  model.trainer.compile();
  if (options.dump_only) return EXIT_SUCCESS;

  // From here on Ctrl-C, SIGTERM and SIGHUP end it between two of its steps, each of which is completed.
  const InterruptGuard guard;
  Written written;

  // Reports now, not after training, if the page or the model cannot be written.
  if (options.report) report::check_can_write(*options.report);
  if (options.save) check_can_save(*options.save);

  // The guide's split: 50,000 images for training, 10,000 for validation, 10,000 for testing.
  const Mnist mnist = load_mnist(options.data);
  if (options.look) print_data(mnist);
  if (options.checkpoint.resume && !std::filesystem::exists(checkpoint_file(options.checkpoint.folder))) {
    print_to_stderr("{}: {}: no checkpoint is there yet, so this begins anew\n", model.program,
                    options.checkpoint.folder.string());
  }
  const History history = model.trainer.fit(mnist.train, fit_options(options, mnist, model.trainer));
  if (InterruptGuard::happened()) return end_by_signal(model.program, what_remains(options, written));
  if (history.ending == Ending::kEarly && !options.quiet) {
    print_to_stderr("{}: ended early, {} epoch{} after the best one\n", model.program, *options.patience,
                    *options.patience == 1 ? "" : "s");
  }

  const auto test = model.trainer.evaluate(mnist.test);
  if (options.json) {
    fmt::print("{{\"test\":{}}}\n", to_json(test));
  } else {
    fmt::print("Test accuracy: {:.3f}\n", test.at("accuracy"));
  }
  const bool useful = std::isfinite(test.at("loss"));
  if (!useful) {
    print_to_stderr("{}: the model gives numbers that are not finite{}\n", model.program,
                    options.save ? ", so it is not saved" : "");
  }
  if (InterruptGuard::happened()) return end_by_signal(model.program, what_remains(options, written));
  if (options.save && useful) {
    if (history.epochs.empty())
      print_to_stderr("{}: no epoch was trained, so the model in {} has learned nothing\n", model.program,
                      options.save->string());
    try {
      save(ExportModule(u8(batch, 28, 28, 1), model.classify), *options.save);
      written.model = true;
    } catch (const Error& error) {
      fail("{}; {}", error.what(), what_remains(options, written));
    }
  }
  if ((options.look || options.report) && !InterruptGuard::happened()) {
    const auto predict = function("predict", {u8(batch, 28, 28).named("images").range(0, 256)},
                                  [&](Tensor i) { return softmax(model.classify(i)); });
    const Array probabilities = probabilities_of(predict, mnist.test);
    if (options.look) {
      print_curves(history);
      if (useful) print_results(mnist, probabilities);
    }
    if (options.report && !InterruptGuard::happened()) {
      const std::string settings = fmt::format("{} · batch {} · seed {}", model.settings, options.batch, options.seed);
      write_report(*options.report, {.settings = settings,
                                     .batch = options.batch,
                                     .mnist = mnist,
                                     .history = history,
                                     .probabilities = useful ? &probabilities : nullptr,
                                     .predict = predict.graph(),
                                     .train_step = model.trainer.step_graph(),
                                     .filters = useful ? first_filters(model.variables) : Array()});
      written.report = true;
    }
  }
  if (InterruptGuard::happened()) return end_by_signal(model.program, what_remains(options, written));
  if (options.hash) {
    const std::string hash = fmt::format("{:016x}", hash_of(model.variables));
    fmt::print("{}\n", options.json ? fmt::format("{{\"weights_hash\":\"{}\"}}", hash) : "Weights hash: " + hash);
  }
  return useful ? EXIT_SUCCESS : EXIT_FAILURE;
}

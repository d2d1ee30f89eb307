// The perceptron of mnist_mlp.cpp without its loop: a Trainer runs it, with everything a training run needs.
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
#include "mnist_trainer_options.h"

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

FitOptions fit_options(const MnistTrainerOptions& options, const Mnist& mnist) {
  const std::int64_t steps = options.epochs * mnist.train.batches(options.batch).size();
  FitOptions fit{.epochs = options.epochs,
                 .batch = options.batch,
                 .validation = mnist.validation,
                 .seed = options.seed,
                 .schedule = schedule_of(options, steps),
                 .checkpoint = options.checkpoint,
                 .stop_on_interrupt = true};
  if (options.patience) fit.early_stopping = EarlyStopping{.patience = *options.patience};
  if (!options.tensorboard.empty()) fit.callbacks.push_back(tensorboard(options.tensorboard));
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

int train(const MnistTrainerOptions& options) {
  set_seed(options.seed);
  MLP model(Dense(700, relu), Dense(500, relu), Dense(10));
  Adam adam({.learning_rate = options.learning_rate, .epsilon_place = AdamEpsilon::kPyTorch});  // as in the guide

  const std::vector<TensorSpec> images_and_labels{u8(batch, 28, 28).named("images").range(0, 256),
                                                  u8(batch).named("labels").range(0, 10)};
  const auto classify = [&](const Tensor& images) { return model(reshape(cast(images, f32), {batch, 784}) / 255); };
  const auto objective = [&](Tensor images, Tensor labels) -> Objective {
    const Tensor logits = classify(images);
    return {.loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels)),
            .metrics = {{"accuracy", reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32))}}};
  };
  Trainer trainer(model, adam, images_and_labels, objective,
                  {.clip_norm = options.clip_norm, .check_numerics = options.check_numerics});
  trainer.compile();
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
    print_to_stderr("mnist_trainer: {}: no checkpoint is there yet, so this begins anew\n",
                    options.checkpoint.folder.string());
  }
  const History history = trainer.fit(mnist.train, fit_options(options, mnist));
  if (InterruptGuard::happened()) return end_by_signal("mnist_trainer", what_remains(options, written));
  if (history.ending == Ending::kEarly && !options.quiet) {
    print_to_stderr("mnist_trainer: ended early, {} epoch{} after the best one\n", *options.patience,
                    *options.patience == 1 ? "" : "s");
  }

  const auto test = trainer.evaluate(mnist.test);
  if (options.json) {
    fmt::print("{{\"test\":{}}}\n", to_json(test));
  } else {
    fmt::print("Test accuracy: {:.3f}\n", test.at("accuracy"));
  }
  const bool useful = std::isfinite(test.at("loss"));
  if (!useful) {
    print_to_stderr("mnist_trainer: the model gives numbers that are not finite{}\n",
                    options.save ? ", so it is not saved" : "");
  }
  if (InterruptGuard::happened()) return end_by_signal("mnist_trainer", what_remains(options, written));
  if (options.save && useful) {
    if (history.epochs.empty())
      print_to_stderr("mnist_trainer: no epoch was trained, so the model in {} has learned nothing\n",
                      options.save->string());
    try {
      save(ExportModule(u8(batch, 28, 28, 1), classify), *options.save);
      written.model = true;
    } catch (const Error& error) {
      fail("{}; {}", error.what(), what_remains(options, written));
    }
  }
  if ((options.look || options.report) && !InterruptGuard::happened()) {
    const auto predict = function("predict", {images_and_labels[0]}, [&](Tensor i) { return softmax(classify(i)); });
    const Array probabilities = predict(mnist.test.input());
    if (options.look) {
      print_curves(history);
      if (useful) print_results(mnist, probabilities);
    }
    if (options.report && !InterruptGuard::happened()) {
      const std::string settings =
          fmt::format("784-700-500-10 · Adam · batch {} · seed {}", options.batch, options.seed);
      write_report(*options.report, {.settings = settings,
                                     .batch = options.batch,
                                     .mnist = mnist,
                                     .history = history,
                                     .probabilities = useful ? &probabilities : nullptr,
                                     .predict = predict.graph(),
                                     .train_step = trainer.step_graph()});
      written.report = true;
    }
  }
  if (InterruptGuard::happened()) return end_by_signal("mnist_trainer", what_remains(options, written));
  if (options.hash) {
    const std::string hash = fmt::format("{:016x}", hash_of(model.variables()));
    fmt::print("{}\n", options.json ? fmt::format("{{\"weights_hash\":\"{}\"}}", hash) : "Weights hash: " + hash);
  }
  return useful ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
  return example_main("mnist_trainer", [&] { return train(parse_mnist_trainer_options(argc, argv)); });
}

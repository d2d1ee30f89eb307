// A small training run that resumes from its checkpoint after being killed: `kill_program FOLDER [all]`, where `all`
// means with all options that have state of their own. It writes a byte to stdout after each step, and at the end a
// hash of everything that it has learned, as 16 hex digits. The test kills it.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/train/toy.h"

using namespace sluice;

namespace {

void write_out(std::string_view text) {
  if (write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

/// Seven updates per epoch, the last of one batch. The first layer has its own rate, and its bias does not change.
TrainerOptions all_options() {
  return {.clip_norm = 0.5,
          .accumulate = 2,
          .ema_decay = 0.9,
          .freeze = "dense_0/b",
          .rate_multipliers = {{"dense_0/*", 0.5}}};
}

int run(const char* folder, const TrainerOptions& options) {
  set_seed(11);
  ToyModel toy;
  Trainer trainer = toy.trainer_with(options);
  const Callback tick{.on_step = [](const StepReport&) { write_out("."); }};
  const History history =
      trainer.fit(toy_examples(100), {.epochs = 5,
                                      .batch = 8,
                                      .validation = toy_examples(30, 2),
                                      .seed = 4,
                                      .schedule = warm_up(10, cosine_decay(0.03, 55)),
                                      .early_stopping = EarlyStopping{.patience = 4},
                                      .callbacks = {tick},
                                      .checkpoint = {.folder = folder, .every_steps = 5, .resume = true},
                                      .stop_on_interrupt = true});
  if (history.ending == Ending::kInterrupted) return 130;
  // The history without the times.
  std::string learnt = fmt::format("{}", toy.hash());
  for (const EpochRecord& record : history.epochs) {
    for (const double value : record.training) learnt += fmt::format(" {}", value);
    for (const double value : record.validation) learnt += fmt::format(" {}", value);
    learnt += fmt::format(" {}", record.learning_rate);
  }
  learnt += fmt::format(" {}", random_variables()[1].value().item<std::int64_t>());
  write_out(fmt::format("{:016x}", std::hash<std::string>()(learnt)));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2) return run(argv[1], {});
    return argc == 3 && std::string_view(argv[2]) == "all" ? run(argv[1], all_options()) : EXIT_FAILURE;
  } catch (const Error& error) {
    fmt::print(stderr, "kill_program: {}\n", error.what());
    return EXIT_FAILURE;
  }
}

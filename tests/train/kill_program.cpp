// A small training run that resumes from its checkpoint after being killed: `kill_program FOLDER`. It writes a byte to
// stdout after each step, and at the end a hash of everything that it has learned, as 16 hex digits. The test kills it.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tests/train/toy.h"

using namespace sluice;

namespace {

void write_out(std::string_view text) {
  if (write(STDOUT_FILENO, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

int run(const char* folder) {
  set_seed(11);
  ToyModel toy;
  const Callback tick{.on_step = [](const StepReport&) { write_out("."); }};
  const History history =
      toy.trainer.fit(toy_examples(100), {.epochs = 5,
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
    return argc == 2 ? run(argv[1]) : EXIT_FAILURE;
  } catch (const Error& error) {
    fmt::print(stderr, "kill_program: {}\n", error.what());
    return EXIT_FAILURE;
  }
}

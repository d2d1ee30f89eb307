// Checkpoints: their contents, that training resumes from them, and what is rejected. kill_test.cpp proves that they
// work wherever a process is killed.
#include "sluice/checkpoint.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "sluice/safetensors.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/support/scoped_variable.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy.h"

using namespace sluice;

namespace {

FitOptions with_checkpoints(const TemporaryFolder& folder, std::int64_t epochs = 2) {
  return {.epochs = epochs, .batch = 8, .seed = 4, .checkpoint = {.folder = folder.path()}};
}

FitOptions resuming(const TemporaryFolder& folder, std::int64_t epochs = 2) {
  FitOptions options = with_checkpoints(folder, epochs);
  options.checkpoint.resume = true;
  return options;
}

std::string name_of(const TemporaryFolder& folder) { return checkpoint_file(folder.path()).string(); }

/// Returns the error of resuming `toy`, which must leave it unchanged.
std::string refused(ToyModel& toy, const FitOptions& options, std::int64_t examples = 20) {
  toy.trainer.compile();
  const std::uint64_t before = toy.hash();
  std::string message = thrown([&] { toy.trainer.fit(toy_examples(examples), options); });
  CHECK(toy.hash() == before);
  return message;
}

/// Writes a new file with the same arrays and metadata, except for what `change` does to them.
template <typename F>
void rewrite(const TemporaryFolder& folder, F change) {
  SafeTensors file = read_safetensors(checkpoint_file(folder.path()));
  change(file);
  write_safetensors(checkpoint_file(folder.path()), file);
}

}  // namespace

TEST_CASE("training stopped anywhere resumes to the same bits and the same history") {
  set_seed(1);
  ToyModel whole;
  const History expected = whole.trainer.fit(toy_examples(20), {.epochs = 3, .batch = 8, .seed = 4});
  for (std::int64_t stop_after = 0; stop_after <= 9; ++stop_after) {
    CAPTURE(stop_after);
    const TemporaryFolder folder;
    {
      set_seed(1);
      ToyModel toy;
      FitOptions options = with_checkpoints(folder, 3);
      options.callbacks = {{.on_step = [&](const StepReport& report) {
        if (report.total_steps() == stop_after) toy.trainer.stop();
      }}};
      if (stop_after == 0) options.epochs = 0;
      toy.trainer.fit(toy_examples(20), options);
    }
    set_seed(77);  // the checkpoint overrides it
    ToyModel toy;
    const History history = toy.trainer.fit(toy_examples(20), resuming(folder, 3));
    CHECK(toy.hash() == whole.hash());
    REQUIRE(history.epochs.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(history.epochs[i].training == expected.epochs[i].training);
  }
}

TEST_CASE("a checkpoint is a safetensors file that names everything by its position") {
  const TemporaryFolder folder;
  ToyModel other;  // so that the variables have other names in the process
  other.trainer.compile();
  ToyModel toy;
  toy.trainer.fit(toy_examples(20), with_checkpoints(folder));
  const SafeTensors file = read_safetensors(checkpoint_file(folder.path()));
  CHECK(file.metadata.at("format") == "sluice-checkpoint-1");
  CHECK(file.arrays.at("model/0/w") == toy.model.variables()[0].value());
  CHECK(file.arrays.at("model/3/b") == toy.model.variables()[3].value());
  CHECK(file.arrays.at("optimizer/0/learning_rate").item<float>() == 1e-2F);
  CHECK(file.arrays.at("optimizer/10/v").type() == Type{DType::kF32, {2}});
  CHECK(file.arrays.at("random/1/counter").item<int>() > 0);
  CHECK(file.arrays.size() == 4 + 11 + 2);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("checkpoints are written after the requested steps and epochs") {
  const TemporaryFolder folder;
  ToyModel toy;
  FitOptions options = with_checkpoints(folder, 3);
  options.checkpoint.every_steps = 2;
  options.checkpoint.every_epochs = 2;
  std::vector<std::string> seen;  // the expected messages at each step of three epochs of three
  options.callbacks = {{.on_step = [&](const StepReport&) {
    const std::string words = read_safetensors(checkpoint_file(folder.path())).metadata.at("training");
    seen.push_back(words.substr(words.find("\"epoch\""), words.find(",\"seconds\"") - words.find("\"epoch\"")));
  }}};
  toy.trainer.fit(toy_examples(20), options);
  const std::string first = R"("epoch":0,"step":0)";
  const std::string third = R"("epoch":0,"step":2)";
  CHECK(seen == std::vector<std::string>{first, first, third, third, R"("epoch":1,"step":1)", R"("epoch":1,"step":1)",
                                         R"("epoch":2,"step":0)", R"("epoch":2,"step":0)", R"("epoch":2,"step":2)"});
}

TEST_CASE("completed training can be given more epochs") {
  set_seed(1);
  ToyModel whole;
  whole.trainer.fit(toy_examples(20), {.epochs = 4, .batch = 8, .seed = 4});
  const TemporaryFolder folder;
  set_seed(1);
  ToyModel toy;
  toy.trainer.fit(toy_examples(20), with_checkpoints(folder, 2));
  CHECK(toy.trainer.fit(toy_examples(20), resuming(folder, 2)).epochs.size() == 2);  // nothing to do
  ToyModel more;
  CHECK(more.trainer.fit(toy_examples(20), resuming(folder, 4)).epochs.size() == 4);
  CHECK(more.hash() == whole.hash());
}

TEST_CASE("early stopping resumes with its state and the best weights") {
  const auto fit = [](Parabola& parabola, const TemporaryFolder& folder, std::int64_t stop_after) {
    Trainer trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) { return parabola.objective(); });
    FitOptions options = resuming(folder, 20);
    options.early_stopping = EarlyStopping{.patience = 3};
    options.callbacks = {{.on_epoch = [&](const History& history) {
      if (std::ssize(history.epochs) == stop_after) trainer.stop();
    }}};
    return trainer.fit(toy_examples(8), options);
  };
  const TemporaryFolder folder;
  Parabola first(1.25);  // w: 1, -1.5, 2.25, -3.375, 5.0625
  fit(first, folder, 2);
  Parabola second(1.25);
  const History history = fit(second, folder, 20);
  CHECK(history.ending == Ending::kEarly);
  CHECK(history.epochs.size() == 4);
  CHECK(second.value() == -1.5F);
  Parabola third(1.25);  // has already ended
  CHECK(fit(third, folder, 20).epochs.size() == 4);
  CHECK(third.value() == -1.5F);
}

TEST_CASE("non-finite values survive") {
  const TemporaryFolder folder;
  const auto fit = [&](std::int64_t epochs) {
    Parabola parabola(0.25);                                    // w: 1, 1/2, 1/4, ...
    const test::ScopedVariable flags("SLUICE_FLAGS", nullptr);  // a check would find that most results are not finite
    Trainer trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) -> Objective {
      const Tensor below = parabola.w - 0.5;
      return {.loss = square(parabola.w), .metrics = {{"inverse", 1 / below}, {"logarithm", log(below)}}};
    });
    return trainer.fit(toy_examples(8), resuming(folder, epochs));
  };
  fit(4);
  const History history = fit(5);
  REQUIRE(history.epochs.size() == 5);
  CHECK(history.epochs[0].training[1] == 2);
  CHECK(std::isinf(history.epochs[1].training[1]));
  CHECK(std::isnan(history.epochs[3].training[2]));
}

TEST_CASE("the last checkpoint is from before the weights became non-finite") {
  const TemporaryFolder folder;
  const auto fit = [&](double rate) {
    Parabola parabola(rate);
    Trainer trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) { return parabola.objective(); });
    return trainer.fit(toy_examples(8), resuming(folder, 5));
  };
  CHECK(fit(1e30).ending == Ending::kNotFinite);
  const auto weight = [&] { return read_safetensors(checkpoint_file(folder.path())).arrays.at("model/0/w"); };
  const History again = fit(1e30);
  CHECK(again.ending == Ending::kNotFinite);
  CHECK(again.epochs.size() == 2);
  CHECK(weight().item<float>() == doctest::Approx(-2e30F));
}

TEST_CASE("no checkpoint within an epoch has non-finite variables") {
  const TemporaryFolder folder;
  Parabola parabola(1e30);
  Trainer trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) { return parabola.objective(); });
  FitOptions options = resuming(folder, 1);
  options.checkpoint.every_steps = 1;
  const History history = trainer.fit(toy_examples(80), options);
  CHECK(history.ending == Ending::kNotFinite);
  CHECK(history.epochs.empty());
  CHECK(std::isfinite(read_safetensors(checkpoint_file(folder.path())).arrays.at("model/0/w").item<float>()));
}

TEST_CASE("the last step may make the variables non-finite") {
  const TemporaryFolder folder;
  Parabola parabola(0.25);
  Trainer trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) { return parabola.objective(); });
  FitOptions options = resuming(folder, 1);  // per step
  // Not the optimizer's own rate: the checks of a pass start with that, and a step full of infinities proves nothing.
  options.schedule = constant_rate(3e38);
  const History history = trainer.fit(toy_examples(8), options);
  CHECK(std::isfinite(history.epochs.at(0).training[0]));
  CHECK(history.ending == Ending::kNotFinite);
  CHECK(std::isfinite(read_safetensors(checkpoint_file(folder.path())).arrays.at("model/0/w").item<float>()));
}

TEST_CASE("a checkpoint of another run is rejected, and nothing changes") {
  const TemporaryFolder folder;
  ToyModel written;
  written.trainer.fit(toy_examples(20), with_checkpoints(folder));
  const std::string name = name_of(folder);
  ToyModel toy;
  CHECK(refused(toy, with_checkpoints(folder)) ==
        name + ": already exists and would be overwritten: resume from it, remove it, or name another folder");
  FitOptions other_batch = resuming(folder);
  other_batch.batch = 4;
  CHECK(refused(toy, other_batch) == name + ": comes from a run with batches of 8, got 4: it cannot be resumed");
  FitOptions other_seed = resuming(folder);
  other_seed.seed = 5;
  CHECK(refused(toy, other_seed) == name + ": comes from a run with seed 4, got 5: it cannot be resumed");
  CHECK(refused(toy, resuming(folder), 21) ==
        name + ": comes from a run with a number of examples of 20, got 21: it cannot be resumed");
  toy.trainer.fit(toy_examples(20), resuming(folder));
  CHECK(toy.hash() == written.hash());
}

TEST_CASE("a checkpoint of another model or optimizer is rejected") {
  const TemporaryFolder folder;
  ToyModel written;
  written.trainer.fit(toy_examples(20), with_checkpoints(folder));
  const std::string name = name_of(folder);
  const auto resume = [&](const auto& model, const auto& optimizer) {
    return thrown([&] {
      Trainer(model, optimizer, toy_batch(), [copy = model](Tensor images, Tensor labels) mutable -> Objective {
        const Tensor logits = copy(reshape(cast(images, f32), {batch, 16}));
        const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
        return {.loss = loss, .metrics = {{"accuracy", loss}}};
      }).fit(toy_examples(20), resuming(folder));
    });
  };
  const std::string by_others = ": another model or optimizer wrote it";
  const std::string wider = resume(MLP(Dense(9), Dense(2)), Adam());
  CHECK(wider.starts_with(name + ": \"model/0/w\" is f32[16,8], but f32[16,9] here (variable \"dense_"));
  CHECK(wider.ends_with(by_others));
  const std::string deeper = resume(MLP(Dense(8), Dense(2), Dense(2)), Adam());
  CHECK(deeper.starts_with(name + ": has no \"model/4/w\", which is f32[2,2] here (variable \"dense_"));
  const std::string plain = resume(MLP(Dense(8), Dense(2)), SGD());
  CHECK(plain == name + ": has 17 arrays, of which this model and optimizer know 7: others wrote it");
  Parabola parabola(0.5);
  CHECK(thrown([&] {
          Trainer(parabola, parabola.sgd, toy_batch(), [&](Tensor, Tensor) {
            return parabola.objective();
          }).fit(toy_examples(20), resuming(folder));
        }) == name + ": comes from a run with the values loss, accuracy, got loss, w: it cannot be resumed");
}

TEST_CASE("other or damaged files are rejected") {
  const TemporaryFolder folder;
  ToyModel toy;
  toy.trainer.fit(toy_examples(20), with_checkpoints(folder));
  const std::string name = name_of(folder);
  const std::vector<std::uint8_t> bytes = read_bytes(name);
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, bytes.size() / 2, bytes.size() - 1}) {
    folder.file("checkpoint.safetensors", {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
    CHECK(refused(toy, resuming(folder)).starts_with(name + ": "));
  }
  const auto changed = [&](auto change) {
    folder.file("checkpoint.safetensors", bytes);
    rewrite(folder, change);
    return refused(toy, resuming(folder));
  };
  CHECK(changed([](SafeTensors& file) { file.metadata.clear(); }) == name + ": is not a training checkpoint");
  CHECK(changed([](SafeTensors& file) { file.metadata["format"] = "sluice-checkpoint-2"; }) ==
        name + ": expected a checkpoint sluice-checkpoint-1, got sluice-checkpoint-2");
  CHECK(changed([](SafeTensors& file) { file.metadata.erase("training"); }) ==
        name + ": the metadata \"training\" is missing");
  const auto replaced = [&](std::string_view part, const std::string& by) {
    return changed([&](SafeTensors& file) {
      std::string& training = file.metadata["training"];
      training.replace(training.find(part), part.size(), by);
    });
  };
  const std::string damaged = name + ": is damaged: ";
  std::vector<std::uint8_t> flipped = bytes;
  flipped[flipped.size() - 100] ^= 1;
  folder.file("checkpoint.safetensors", flipped);
  CHECK(refused(toy, resuming(folder)).starts_with(damaged + "its contents have the crc32 "));
  CHECK(replaced("\"epoch\":2", "\"epoch\":\"two\"").starts_with(damaged));
  CHECK(replaced("\"epoch\":2", "\"epoch\":3") == damaged + "its progress contradicts itself");
  CHECK(replaced("\"step\":0", "\"step\":4") == damaged + "its progress contradicts itself");
  CHECK(replaced("\"step\":0", "\"other\":0").starts_with(damaged));
  CHECK(replaced("{", "").starts_with(name + ": "));
  CHECK(replaced("", "").empty());
}

TEST_CASE("a checkpoint that does not fit on the disk leaves the previous one") {
  const TemporaryFolder folder;
  set_seed(1);
  ToyModel toy;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  FitOptions options = with_checkpoints(folder, 3);
  options.callbacks = {{.on_epoch = [&](const History& history) {
    const rlimit small{2000, before.rlim_max};
    if (history.epochs.size() == 2) setrlimit(RLIMIT_FSIZE, &small);
  }}};
  const std::string message = thrown([&] { toy.trainer.fit(toy_examples(20), options); });
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(message.starts_with(name_of(folder) + ": "));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);

  set_seed(1);
  ToyModel whole;
  whole.trainer.fit(toy_examples(20), {.epochs = 3, .batch = 8, .seed = 4});
  ToyModel resumed;
  std::vector<std::int64_t> epochs;
  FitOptions rest = resuming(folder, 3);
  rest.callbacks = {{.on_epoch = [&](const History& history) { epochs.push_back(history.epochs.back().epoch); }}};
  resumed.trainer.fit(toy_examples(20), rest);
  CHECK(epochs == std::vector<std::int64_t>{1, 2});
  CHECK(resumed.hash() == whole.hash());
}

TEST_CASE("an unusable folder is an error before the first step") {
  ToyModel toy;
  int steps = 0;
  const auto fit = [&](CheckpointOptions checkpoint) {
    return thrown([&] {
      toy.trainer.fit(toy_examples(20),
                      {.callbacks = {{.on_step = [&](const StepReport&) { ++steps; }}}, .checkpoint = checkpoint});
    });
  };
  CHECK(fit({.folder = "/dev/null/folder"}).starts_with("/dev/null/folder: cannot create the folder: "));
  CHECK(fit({.folder = "/proc/self"}).starts_with("/proc/self/checkpoint.safetensors: "));
  CHECK(fit({.folder = "/tmp", .every_steps = -1}) ==
        "fit: expected every_steps of at least 0 and every_epochs of at least 1, got -1 and 1");
  CHECK(steps == 0);
}

TEST_CASE("only leftovers of killed processes are removed") {
  const TemporaryFolder folder;
  folder.file("checkpoint.safetensors.Ab3dE6", {1, 2, 3});
  folder.file("notes.txt", {1});
  ToyModel toy;
  toy.trainer.fit(toy_examples(20), with_checkpoints(folder));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "checkpoint.safetensors.Ab3dE6"));
  CHECK(std::filesystem::exists(folder.path() / "notes.txt"));
}

TEST_CASE("training does not silently resume with another learning rate") {
  const TemporaryFolder folder;
  ToyModel first;
  first.trainer.fit(toy_examples(20), with_checkpoints(folder, 1));
  ToyModel other;
  other.adam.learning_rate().assign(0.05);
  CHECK(refused(other, resuming(folder)) ==
        name_of(folder) + ": comes from a run with a learning rate of 0.01, got 0.05: it cannot be resumed");
  ToyModel same;
  CHECK_NOTHROW(same.trainer.fit(toy_examples(20), resuming(folder)));
}

TEST_CASE("training resumes after its learning rate was changed by a callback or a schedule") {
  const TemporaryFolder folder;
  FitOptions options = with_checkpoints(folder, 1);
  ToyModel first;
  options.callbacks = {{.on_step = [&](const StepReport&) { first.adam.learning_rate().assign(0.005); }}};
  first.trainer.fit(toy_examples(20), options);
  ToyModel anew;
  anew.trainer.fit(toy_examples(20), resuming(folder));
  CHECK(anew.adam.learning_rate().value().item<float>() == 0.005F);
  CHECK_NOTHROW(first.trainer.fit(toy_examples(20), resuming(folder, 3)));  // it already has 0.005
  FitOptions scheduled = resuming(folder, 4);
  scheduled.schedule = constant_rate(0.2);
  ToyModel by_schedule;
  by_schedule.adam.learning_rate().assign(0.3);
  CHECK_NOTHROW(by_schedule.trainer.fit(toy_examples(20), scheduled));
}

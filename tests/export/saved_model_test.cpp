#include "sluice/saved_model.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>

#include "runtime/io/atomic_folder.h"
#include "sluice/ir/text.h"
#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "tests/export/digits_model.h"
#include "tests/export/saved_model_files.h"
#include "tests/frontend/thrown.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/refusal.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;
using test::DigitsModel;
using test::names_in;
using test::text_of;
using test::write_text;

TEST_CASE("a loaded model predicts the same bits as before saving, for every batch size") {
  const TemporaryFolder folder;
  const DigitsModel model(28, {100, 50, 10});
  save(model.module, folder.path() / "digits");
  const LoadedModel loaded = load(folder.path() / "digits");
  CHECK(loaded.is_classifier());
  Array first;
  for (const std::int64_t count : {1, 3, 64, 128}) {
    INFO(count);
    const Array images = test::noise(count, 28);
    const Predictions before = model.module.predict(images);
    const Predictions after = loaded.predict(images);
    CHECK(before.classes.type() == Type{DType::kI64, {count}});
    CHECK(before.probabilities.type() == Type{DType::kF32, {count, 10}});
    CHECK(after.classes == before.classes);
    CHECK(after.probabilities == before.probabilities);
    CHECK(loaded.predict(images.reshaped({count, 28, 28})).probabilities == before.probabilities);
    CHECK(model.module.predict(images.reshaped({count, 28, 28})).probabilities == before.probabilities);
    const auto probabilities = after.probabilities.data<float>();
    for (std::size_t row = 0; row < static_cast<std::size_t>(count); ++row) {
      const auto of_row = probabilities.subspan(row * 10, 10);
      CHECK(std::ranges::max_element(of_row) - of_row.begin() == after.classes.data<std::int64_t>()[row]);
      float sum = 0;
      for (const float p : of_row) sum += p;
      CHECK(sum == doctest::Approx(1));
    }
    // An image's probabilities do not depend on the other images.
    if (count == 1) first = after.probabilities;
    CHECK(std::memcmp(after.probabilities.bytes(), first.bytes(), first.byte_count()) == 0);
  }
  // Threads may share it.
  const Array images = test::noise(64, 28);
  std::array<Predictions, 3> of_threads;
  {
    std::vector<std::jthread> threads;
    for (Predictions& predictions : of_threads) threads.emplace_back([&] { predictions = loaded.predict(images); });
  }
  for (const Predictions& predictions : of_threads)
    CHECK(predictions.probabilities == model.module.predict(images).probabilities);
  CHECK(thrown([&] { loaded.predict(test::noise(2, 27)); }) ==
        "@saved_model_test.cpp @predict: input 0 is u8[2,27,27,1], expected u8[B,28,28,1]");
  const int line = __LINE__ + 1;
  const std::string error = test::refusal([&] { model.module.predict(test::noise(2, 27)); });
  CHECK(error.starts_with(fmt::format("{}:{}: ", __FILE__, line)));
  CHECK(thrown([&] { loaded.run({}); }) == "@saved_model_test.cpp @predict: expected 1 input, got 0");
}

TEST_CASE("saving writes the variables' current values, and saving again replaces them") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a" / "digits";
  const DigitsModel model(8, {16, 12, 4}, {"zero", "one", "two", "three"});
  const Array images = test::noise(5, 8);
  const Predictions old = model.module.predict(images);
  save(model.module, path);
  for (const Variable& variable : model.mlp.variables()) {
    Array value = variable.value();
    for (float& element : value.data<float>()) element = 0.5F - element;
    variable.assign(value);
  }
  CHECK(load(path).predict(images).probabilities == old.probabilities);
  save(model.module, path);
  CHECK(load(path).predict(images).probabilities == model.module.predict(images).probabilities);
  CHECK(load(path).predict(images).probabilities != old.probabilities);
  CHECK(load(path).class_names() == std::vector<std::string>{"zero", "one", "two", "three"});
  CHECK(names_in(folder.path() / "a") == std::vector<std::string>{"digits"});
  CHECK(names_in(path) == std::vector<std::string>{"manifest.json", "model.ir", "weights.safetensors"});
}

TEST_CASE("the files have the documented formats") {
  const TemporaryFolder folder;
  const DigitsModel model(8, {16, 12, 4}, {"zero", "one", "two", "three"});
  save(model.module, folder.path());  // an empty folder is taken
  const std::string text = text_of(folder.path() / "model.ir");
  CHECK(ir::print(ir::parse(text)) == text);
  const SafeTensors weights = read_safetensors(folder.path() / "weights.safetensors");
  CHECK(weights.arrays.size() == 6);
  for (const Variable& variable : model.mlp.variables()) CHECK(weights.arrays.at(variable.name()) == variable.value());
  const auto manifest = nlohmann::json::parse(text_of(folder.path() / "manifest.json"));
  CHECK(manifest["format"] == "sluice saved model");
  CHECK(manifest["version"] == 1);
  CHECK(manifest["inputs"] == nlohmann::json::parse(R"([{"name": "images", "type": "u8[B,8,8,1]"}])"));
  CHECK(manifest["outputs"] == nlohmann::json::parse(R"([{"name": "class", "type": "i64[B]"},
                                                         {"name": "probabilities", "type": "f32[B,4]"}])"));
  CHECK(manifest["class_names"][3] == "three");
}

TEST_CASE("any graph without updates can be saved") {
  const TemporaryFolder folder;
  const Variable w("w", Array{{1., 2.}, {2}});
  const auto scale = function("scale", {f64(batch, 2).named("x"), f64()},
                              [&](Tensor x, Tensor y) { return outputs(x * w, reduce_sum(x) * y); });
  const auto path = folder.path() / "scale";
  save(scale, path, {"scaled", "sum"});
  const LoadedModel loaded = load(path);
  CHECK(!loaded.is_classifier());
  CHECK(loaded.output_names() == std::vector<std::string>{"scaled", "sum"});
  const std::vector<Array> inputs{Array{{1., 2., 3., 4.}, {2, 2}}, Array::scalar(10.)};
  CHECK(loaded.run({inputs[0], inputs[1]})[1] == Array::scalar(100.));
  CHECK(loaded.run(inputs)[0] == Array{{1., 4., 3., 8.}, {2, 2}});
  CHECK(loaded.run(inputs)[1] == Array::scalar(100.));
  CHECK(test::refusal([&] { loaded.predict(inputs[0]); }) ==
        "@scale: expected a model that takes images and returns \"class\" i64[B] and \"probabilities\" f32[B,classes]");

  // Names of results that nobody gave; and a function without a signature, as it was called last.
  save(scale, path);
  CHECK(load(path).output_names() == std::vector<std::string>{"output_0", "output_1"});
  const auto twice = function("twice", [&](Tensor x) { return x * w; });
  CHECK(test::refusal([&] { save(twice, path); }) ==
        "twice: without a signature there is no graph before the first call");
  twice(Array{{1., 2.}, {2}});
  save(twice, path);
  CHECK(load(path).output_names() == std::vector<std::string>{"output"});
  CHECK(load(path).run({Array{{3., 4.}, {2}}})[0] == Array{{3., 8.}, {2}});
}

TEST_CASE("a full disk and a killed process leave a complete model") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model";
  const DigitsModel digits(8, {16, 12, 4});
  save(digits.module, path);
  const SavedModel ones = [&] {
    SavedModel model = read_saved_model(path);
    for (Array& weights : model.weights) std::ranges::fill(weights.data<float>(), 1.F);
    return model;
  }();
  SavedModel twos = ones;
  for (Array& weights : twos.weights) {
    weights = weights.clone();
    std::ranges::fill(weights.data<float>(), 2.F);
  }
  write_saved_model(path, ones);
  for (const rlim_t bytes : {0U, 300U, 1500U, 4000U}) {  // each ends in another file, or in another part of it
    const test::FileSizeLimit limit(bytes);
    CHECK(test::refusal([&] { write_saved_model(path, twos); }).ends_with(": cannot be written: File too large"));
  }
  CHECK(names_in(folder.path()) == std::vector<std::string>{"model"});
  CHECK((read_saved_model(path).weights == ones.weights));

  std::mt19937 random(1);
  int seen_ones = 0;
  int seen_twos = 0;
  // Rounds become longer where the disk is so slow that nothing was written in them.
  for (unsigned round = 0; round < 25 || ((seen_ones == 0 || seen_twos == 0) && round < 500); ++round) {
    const pid_t writer = fork();
    REQUIRE(writer >= 0);
    if (writer == 0) {
      for (;;) {
        write_saved_model(path, twos);
        write_saved_model(path, ones);
      }
    }
    // While it writes, and after it was killed, there is one of both.
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::microseconds(random() % (20'000 * (round / 25 + 1)));
    bool killed = false;
    while (!killed) {
      if (std::chrono::steady_clock::now() >= end) {
        kill(writer, SIGKILL);
        waitpid(writer, nullptr, 0);
        killed = true;
      }
      const std::vector<Array> weights = read_saved_model(path).weights;
      const bool is_ones = weights == ones.weights;
      CHECK((is_ones || weights == twos.weights));
      (is_ones ? seen_ones : seen_twos) += 1;
    }
  }
  CHECK(seen_ones > 0);
  CHECK(seen_twos > 0);
}

TEST_CASE("a folder is replaced atomically, and a link stays a link") {
  const TemporaryFolder folder;
  const auto target = folder.path() / "target";
  std::filesystem::create_directory(target);
  write_text(target / "a", "old");
  std::filesystem::create_directory_symlink(target, folder.path() / "link");
  {
    const AtomicFolder dropped(target, {"a", "b"});
    write_text(dropped.path() / "a", "new");
    CHECK(text_of(target / "a") == "old");
  }
  CHECK(text_of(target / "a") == "old");
  {
    AtomicFolder whole(folder.path() / "link" / "", {"a", "b"});
    write_text(whole.path() / "b", "new");
    whole.commit();
  }
  CHECK(std::filesystem::is_symlink(folder.path() / "link"));
  CHECK(names_in(target) == std::vector<std::string>{"b"});
  CHECK(names_in(folder.path()) == std::vector<std::string>{"link", "target"});
}

TEST_CASE("a bare name is a folder in the current one") {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  AtomicFolder whole("target", {"a"});
  write_text(whole.path() / "a", "new");
  whole.commit();
  std::filesystem::current_path(before);
  CHECK(text_of(folder.path() / "target" / "a") == "new");
}

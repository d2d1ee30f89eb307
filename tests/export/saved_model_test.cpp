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

#include "ir/random_arrays.h"
#include "runtime/io/atomic_folder.h"
#include "sluice/ir/text.h"
#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "tests/export/digits_model.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;
using test::DigitsModel;

namespace {

std::string text_of(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  return {bytes.begin(), bytes.end()};
}

void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// `text` with the first `from` replaced.
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t place = text.find(from);
  REQUIRE(place != std::string::npos);
  return text.replace(place, from.size(), to);
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

}  // namespace

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
    // What one image gives does not depend on the others.
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
  CHECK(test::refusal([&] { loaded.predict(test::noise(2, 27)); }) ==
        "@predict: input 0 is u8[2,27,27,1], expected u8[B,28,28,1]");
  const int line = __LINE__ + 1;
  const std::string error = test::refusal([&] { model.module.predict(test::noise(2, 27)); });
  CHECK(error.starts_with(fmt::format("{}:{}: ", __FILE__, line)));
  CHECK(test::refusal([&] { loaded.run({}); }) == "@predict: expected 1 input, got 0");
}

TEST_CASE("what is saved is what the variables hold at that time, and saving again replaces it") {
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

TEST_CASE("the files are what they are said to be") {
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

TEST_CASE("any graph that changes nothing can be saved") {
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
        "@scale: expected a model that takes images and gives \"class\" i64[B] and \"probabilities\" f32[B,classes]");

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

TEST_CASE("what cannot be saved is an error, and nothing is written") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model";
  const std::string name = path.string();
  const Variable w("counter", Array::scalar(1.));
  const auto count = function("count", {f64(batch)}, [&](Tensor x) {
    w.assign_add(1);
    return x * w;
  });
  const auto save_as = [&](const ir::Graph& graph, std::vector<std::string> outputs, std::vector<std::string> classes) {
    return test::refusal([&] { write_saved_model(path, {graph, {Array::scalar(1.)}, outputs, classes}); });
  };
  CHECK(save_as(count.graph(), {"y"}, {}) == name + ": @count updates \"counter\"; a saved model changes nothing");
  const auto good = function("good", {f64(batch)}, [&](Tensor x) { return x * w; });
  CHECK(save_as(good.graph(), {}, {}) == name + ": expected a name for each of the 1 results of @good, got 0");
  CHECK(save_as(good.graph(), {"y\xff"}, {}) ==
        name + ": expected names of outputs in UTF-8 without control characters, got \"y\\ufffd\"");
  CHECK(save_as(good.graph(), {"y"}, {"a"}) ==
        name + ": got names of classes, but there is no result \"probabilities\"");
  CHECK(save_as(good.graph(), {"y"}, {"a\x1b"}) ==
        name + ": expected names of classes in UTF-8 without control characters, got \"a\\u001b\"");
  CHECK(save_as(good.graph(), {"y\x1b[2J"}, {}) ==
        name + ": expected names of outputs in UTF-8 without control characters, got \"y\\u001b[2J\"");
  CHECK(test::refusal([&] { save(count, path); }) ==
        name + ": @count updates \"counter\"; a saved model changes nothing");
  const DigitsModel wrong(8, {16, 12, 4}, {"zero", "one"});
  CHECK(test::refusal([&] { save(wrong.module, path); }) ==
        name + ": got names for 2 classes, but \"probabilities\" is f32[B,4]");
  const ExportModule flat(u8(batch, 8), [](const Tensor& x) { return reduce_sum(cast(x, f32), 1); });
  CHECK(test::refusal([&] { save(flat, path); }).ends_with(": export: expected logits f32[B,classes], got f32[B]"));
  CHECK(names_in(folder.path()).empty());

  // What is not ours is not replaced.
  std::filesystem::create_directory(path);
  write_text(path / "thesis.txt", "text");
  const DigitsModel model(8, {16, 12, 4});
  CHECK(test::refusal([&] { save(model.module, path); }) ==
        name + ": there is a folder that holds 'thesis.txt', so it is not replaced; name another");
  CHECK(text_of(path / "thesis.txt") == "text");
  CHECK(test::refusal([&] { check_can_save(path); }) ==
        name + ": there is a folder that holds 'thesis.txt', so it is not replaced; name another");
  CHECK(test::refusal([&] { check_can_save(folder.path() / "new"); }) == "accepted");
  CHECK(test::refusal([&] { save(model.module, path / "thesis.txt"); }) ==
        name + "/thesis.txt: expected a folder, got a file");
  CHECK(test::refusal([&] { save(model.module, path / "thesis.txt" / "model"); }).ends_with("Not a directory"));
  CHECK(names_in(path) == std::vector<std::string>{"thesis.txt"});
  CHECK(names_in(folder.path()) == std::vector<std::string>{"model"});
}

TEST_CASE("a full disk and a killed process leave a whole model") {
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

TEST_CASE("a folder takes its place whole or not at all, and a link stays a link") {
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

TEST_CASE("a name alone is a folder in the current one") {
  const TemporaryFolder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder.path());
  AtomicFolder whole("target", {"a"});
  write_text(whole.path() / "a", "new");
  whole.commit();
  std::filesystem::current_path(before);
  CHECK(text_of(folder.path() / "target" / "a") == "new");
}

TEST_CASE("a folder that is not a whole saved model is an error that names the file") {
  const TemporaryFolder folder;
  const DigitsModel model(8, {16, 12, 4}, {"zero", "one", "two", "three"});
  const auto path = folder.path() / "digits";
  const auto manifest = path / "manifest.json";
  const auto graph = path / "model.ir";
  const auto weights = path / "weights.safetensors";
  save(model.module, path);
  const std::string manifest_text = text_of(manifest);
  const std::string graph_text = text_of(graph);
  const std::string first = model.mlp.variables()[0].name();  // "dense_N/w"

  const auto error = [&] { return test::refusal([&] { read_saved_model(path); }); };
  const auto with_manifest = [&](std::string_view from, std::string_view to) {
    write_text(manifest, replaced(manifest_text, from, to));
    const std::string what = error();
    write_text(manifest, manifest_text);
    CHECK(what.starts_with(manifest.string() + ": "));
    return what.substr(std::min(what.size(), manifest.string().size() + 2));
  };
  const auto with_graph = [&](std::string_view from, std::string_view to) {
    write_text(graph, replaced(graph_text, from, to));
    const std::string what = error();
    write_text(graph, graph_text);
    return what;
  };
  const auto with_weights = [&](auto change) {
    const SafeTensors good = read_safetensors(weights);
    SafeTensors changed = good;
    change(changed.arrays);
    write_safetensors(weights, changed);
    const std::string what = error();
    write_safetensors(weights, good);
    CHECK(what.starts_with(weights.string() + ": "));
    return what.substr(std::min(what.size(), weights.string().size() + 2));
  };

  CHECK(error() == "accepted");
  CHECK(test::refusal([&] { load(folder.path() / "none"); }) ==
        (folder.path() / "none").string() + ": expected a folder with a saved model, there is none");
  CHECK(test::refusal([&] { load(folder.path()); }) ==
        folder.path().string() + ": expected a saved model, whose folder holds manifest.json; there is none");
  for (const auto& file : {graph, weights}) {
    std::filesystem::rename(file, folder.path() / "away");
    CHECK(error() == file.string() + ": cannot be read: No such file or directory");
    std::filesystem::rename(folder.path() / "away", file);
  }

  CHECK(with_manifest("{", "[").starts_with("cannot be read as JSON: parse error at line 2"));
  CHECK(with_manifest("{", R"({"version": 1, )") == "the key \"version\" stands twice in one object of JSON");
  CHECK(with_manifest("sluice saved model", "SavedModel") ==
        "expected the manifest of a saved model, with \"format\": \"sluice saved model\"");
  CHECK(with_manifest("\"version\": 1", "\"version\": 2") ==
        "version 2 of saved models is newer than what this Sluice reads, 1");
  CHECK(with_manifest("\"version\": 1", "\"version\": \"1\"") == "expected a \"version\" from 1 on, got \"1\"");
  CHECK(with_manifest("u8[B,8,8,1]", "u8[B,8,9,1]") ==
        "expected item 0 of \"inputs\" to have a name and the type u8[B,8,8,1], as model.ir says, got "
        "{\"name\":\"images\",\"type\":\"u8[B,8,9,1]\"}");
  CHECK(with_manifest("\"images\"", "\"pictures\"") == "the inputs have other names than in model.ir");
  CHECK(
      with_manifest("f32[B,4]", "f64[B,4]").starts_with("expected item 1 of \"outputs\" to have a name and the type"));
  CHECK(with_manifest("\"outputs\"", "\"results\"") == "expected a list as \"outputs\", got null");
  CHECK(with_manifest("\"three\"", "3") == "expected strings in \"class_names\", got 3");
  CHECK(with_manifest("\"three\"", "\"three\", \"four\"") ==
        "got names for 5 classes, but \"probabilities\" is f32[B,4]");
  CHECK(with_manifest("sluice 0.1.0", "\\u001b[2J") ==
        "expected \"written_by\" in UTF-8 without control characters, got \"\\u001b[2J\"");
  CHECK(with_manifest("\"written_by\"", "\"author\"") == "expected a string as \"written_by\", got null");

  CHECK(
      with_graph("sluice-ir 1", "sluice-ir 2").starts_with(graph.string() + ":1:11: expected text of version 1, got"));
  CHECK(with_graph("relu", "rely").find("unknown op 'rely'; did you mean 'relu'?") != std::string::npos);
  CHECK(with_graph("u8[B,8,8,1]", "u8[B,8,8,2]").starts_with(graph.string() + ":"));
  CHECK(with_graph(graph_text.substr(graph_text.size() / 2), "").starts_with(graph.string() + ":"));

  CHECK(with_weights([&](auto& arrays) { arrays.erase(first); }) ==
        "expected \"" + first + "\", f32[64,16], as model.ir says; there is none");
  CHECK(with_weights([&](auto& arrays) {
          arrays[first] = Array(DType::kF64, {64, 16});
        }) == "expected \"" + first + "\" to be f32[64,16], as model.ir says, got f64[64,16]");
  CHECK(with_weights([&](auto& arrays) {
          arrays[first] = Array(DType::kF32, {16, 64});
        }) == "expected \"" + first + "\" to be f32[64,16], as model.ir says, got f32[16,64]");
  CHECK(with_weights([&](auto& arrays) { arrays["more"] = Array(); }) == "\"more\" is no state of model.ir");

  for (const auto& file : {manifest, graph, weights}) {
    const std::string whole = text_of(file);
    for (std::size_t size = 0; size + 1 < whole.size(); size += 7) {
      write_text(file, whole.substr(0, size));
      INFO(file.string());
      INFO(size);
      CHECK(error().starts_with(file.string()));
    }
    write_text(file, whole);
  }
  CHECK(error() == "accepted");

  // A file cannot claim what is compiled code's own, or more than there is.
  const std::string fused =
      "sluice-ir 1\ngraph @g(%x: f32[B]) {\n  %0: f32[B] = fused(%y: f32[B] = %x) {\n    %0: f32[B] = neg %y\n"
      "    return %0\n  }\n  return %0\n}\n";
  const std::string signature = R"({"format": "sluice saved model", "version": 1, "written_by": "", "class_names": [],
    "inputs": [{"name": "x", "type": "f32[B]"}], "outputs": [{"name": "y", "type": "f32[B]"}]})";
  write_text(manifest, signature);
  write_text(graph, fused);
  write_safetensors(weights, {});
  CHECK(error() == manifest.string() + ": expected a graph as it was traced, got one with fused nodes");
  write_text(graph,
             "sluice-ir 1\ngraph @g(%x: f32[B]) {\n  %0: i64[1000000000000,9] = iota {axis=0, dtype=i64, "
             "shape=[1000000000000,9]}\n"
             "  %1: i64[] = reduce_sum %0 {axes=[0,1]}\n  %2: f32[] = cast %1 {dtype=f32}\n"
             "  %3: f32[B] = broadcast %2 {shape=[B]}\n  return %3\n}\n");
  CHECK(test::refusal([&] { load(path); }) ==
        "@g: a value is i64[1000000000000,9], which is larger than this machine's memory");
}

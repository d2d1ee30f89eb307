// Models that cannot be saved, and folders that are not whole saved models: exact errors, and nothing changes.
#include <doctest/doctest.h>

#include <string>

#include "sluice/ir/text.h"
#include "sluice/safetensors.h"
#include "sluice/saved_model.h"
#include "sluice/sluice.h"
#include "tests/export/digits_model.h"
#include "tests/export/saved_model_files.h"
#include "tests/frontend/thrown.h"
#include "tests/support/refusal.h"
#include "tests/support/run_program.h"

using namespace sluice;
using test::DigitsModel;
using test::names_in;
using test::text_of;
using test::write_text;

namespace {

/// Returns `text` with the first `from` replaced.
std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t place = text.find(from);
  REQUIRE(place != std::string::npos);
  return text.replace(place, from.size(), to);
}

}  // namespace

TEST_CASE("models that cannot be saved are errors, and nothing is written") {
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
  CHECK(save_as(count.graph(), {"y"}, {}) == name + ": @count updates \"counter\"; a saved model has no updates");
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
  CHECK(thrown([&] { save(count, path); }) ==
        "@saved_model_errors_test.cpp save: @count updates \"counter\"; a saved model has no updates");
  CHECK(thrown([&] {
          save(good, path, {"y", "z"});
        }) == "@saved_model_errors_test.cpp save: expected a name for each of the 1 results of @good, got 2");
  const DigitsModel wrong(8, {16, 12, 4}, {"zero", "one"});
  CHECK(test::refusal([&] { save(wrong.module, path); }) ==
        name + ": got names for 2 classes, but \"probabilities\" is f32[B,4]");
  const ExportModule flat(u8(batch, 8), [](const Tensor& x) { return reduce_sum(cast(x, f32), 1); });
  CHECK(test::refusal([&] { save(flat, path); }).ends_with(": export: expected logits f32[B,classes], got f32[B]"));
  CHECK(names_in(folder.path()).empty());

  // A folder with other files in it is not replaced.
  std::filesystem::create_directory(path);
  write_text(path / "thesis.txt", "text");
  const DigitsModel model(8, {16, 12, 4});
  CHECK(test::refusal([&] { save(model.module, path); }) ==
        name + ": the folder holds 'thesis.txt', so it is not replaced; name another");
  CHECK(text_of(path / "thesis.txt") == "text");
  CHECK(test::refusal([&] { check_can_save(path); }) ==
        name + ": the folder holds 'thesis.txt', so it is not replaced; name another");
  CHECK(test::refusal([&] { check_can_save(folder.path() / "new"); }) == "accepted");
  CHECK(test::refusal([&] { save(model.module, path / "thesis.txt"); }) ==
        name + "/thesis.txt: expected a folder, got a file");
  CHECK(test::refusal([&] { save(model.module, path / "thesis.txt" / "model"); }).ends_with("Not a directory"));
  CHECK(names_in(path) == std::vector<std::string>{"thesis.txt"});
  CHECK(names_in(folder.path()) == std::vector<std::string>{"model"});
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
  CHECK(with_manifest("{", R"({"version": 1, )") == "the key \"version\" occurs twice in one JSON object");
  CHECK(with_manifest("sluice saved model", "SavedModel") ==
        "expected the manifest of a saved model, with \"format\": \"sluice saved model\"");
  CHECK(with_manifest("\"version\": 1", "\"version\": 2") ==
        "version 2 of saved models is newer than this Sluice supports, 1");
  CHECK(with_manifest("\"version\": 1", "\"version\": \"1\"") == "expected a \"version\" of at least 1, got \"1\"");
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
  CHECK(with_weights([&](auto& arrays) { arrays["more"] = Array(); }) == "\"more\" is not a state of model.ir");

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
  CHECK(error() == manifest.string() + ": expected a graph as traced, got one with fused nodes");
  write_text(graph,
             "sluice-ir 1\ngraph @g(%x: f32[B]) {\n  %0: i64[1000000000000,9] = iota {axis=0, dtype=i64, "
             "shape=[1000000000000,9]}\n"
             "  %1: i64[] = reduce_sum %0 {axes=[0,1]}\n  %2: f32[] = cast %1 {dtype=f32}\n"
             "  %3: f32[B] = broadcast %2 {shape=[B]}\n  return %3\n}\n");
  CHECK(test::refusal([&] { load(path); }) ==
        "@g: a value is i64[1000000000000,9], which is larger than this machine's memory");
}

// Malicious saved models, as encountered by `sluice predict`, `evaluate`, `summary` and a program.
#include "sluice/idx.h"
#include "sluice/picture.h"
#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "tests/support/refusal.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// A folder with a classifier of 4 classes that returns a fixed class and probability for every picture of 2 by 2.
struct Work : TemporaryFolder {
  Work(std::string_view label, std::string_view probability, std::string_view graph = "evil") {
    const auto model = path() / "model";
    std::filesystem::create_directory(model);
    write_text(model / "model.ir", fmt::format(R"(sluice-ir 1
graph @"{}"(%x: u8[B,2,2]) {{
  %0: i64[] = constant {{value={}}}
  %1: i64[B] = broadcast %0 {{shape=[B]}}
  %2: f32[] = constant {{value={}}}
  %3: f32[B,4] = broadcast %2 {{shape=[B,4]}}
  return %1, %3
}}
)",
                                               graph, label, probability));
    write_text(model / "manifest.json", R"({"format": "sluice saved model", "version": 1, "written_by": "me",
"inputs": [{"name": "x", "type": "u8[B,2,2]"}], "outputs": [{"name": "class", "type": "i64[B]"},
{"name": "probabilities", "type": "f32[B,4]"}], "class_names": []})");
    write_safetensors(model / "weights.safetensors", {});
    file("a.png", encode_png(Array(DType::kU8, {2, 2})));
    write_idx(path() / "images", Array(DType::kU8, {1, 2, 2}));
    write_idx(path() / "labels", Array(DType::kU8, {1}));
  }
  Outcome run(const std::string& arguments) const {
    return run_sluice(arguments, fmt::format("cd '{}'; export SLUICE_CACHE_DIR=;", path().string()));
  }
};

}  // namespace

TEST_CASE("a class without a probability is an error, not an out-of-bounds read") {
  for (const std::string label : {"4", "10", "-1", "1000000000000", "-9223372036854775808"}) {
    CAPTURE(label);
    const Work work(label, "0.25");
    const std::string message = fmt::format(
        "@evil: expected a \"class\" from 0 to 3, as \"probabilities\" has them, got {} for example 0", label);
    CHECK(refusal([&] { load(work.path() / "model").predict(Array(DType::kU8, {3, 2, 2})); }) == message);
    for (const char* const arguments : {"predict model a.png", "predict --no-picture model a.png",
                                        "evaluate model --images images --labels labels"}) {
      const Outcome outcome = work.run(arguments);
      CHECK(outcome.status == 1);
      CHECK(outcome.out == "");
      CHECK(contains(outcome.err, "sluice: " + message + "\n"));
    }
  }
  const Work work("3", "0.25");
  CHECK(load(work.path() / "model").predict(Array(DType::kU8, {1, 2, 2})).classes == Array{{std::int64_t{3}}, {1}});
}

TEST_CASE("a bar is at most as long as a probability of 1") {
  struct Case {
    const char* probability;
    const char* shown;
    std::size_t bar;
  };
  for (const auto& [probability, shown, bar] :
       {Case{"8e7", "8000000000.0%", 24}, Case{"inf", "inf%", 24}, Case{"-3", "-300.0%", 0}, Case{"nan", "nan", 0},
        Case{"-inf", "-inf%", 0}, Case{"1", "100.0%", 24}}) {
    CAPTURE(probability);
    const Work work("1", probability);
    const Outcome outcome = work.run("predict model a.png");
    CHECK(outcome.status == 0);
    CHECK(outcome.out.starts_with(fmt::format("a.png: 1 with {}\n", shown)));
    CHECK(contains(outcome.out, fmt::format("{}  {}\n", shown, std::string(bar, '#'))) == (bar > 0));
    CHECK(outcome.out.size() < 1000);
    const Outcome evaluation = work.run("evaluate model --images images --labels labels");
    CHECK((evaluation.status == 0) == (bar == 24 && std::string_view(probability) == "1"));
  }
}

TEST_CASE("a terminal interprets nothing in a model's names") {
  const Work work("1", "1", "\\x1b[31mEVIL\\nforged\\xc2\\x9b\\xe2\\x80\\xae");
  const Outcome outcome = work.run("summary model");
  CHECK(outcome.status == 0);
  CHECK(outcome.out.starts_with("model: @\\x1b[31mEVIL\\nforged\\xc2\\x9b\\xe2\\x80\\xae, written by me\n"));
  CHECK(work.run("run model --output out").status == 0);
  const auto manifest = work.path() / "model" / "manifest.json";
  std::string text = text_of(manifest);
  text.replace(text.find("[]"), 2, R"(["a", "b", "c\u202e", "d"])");
  write_text(manifest, text);
  CHECK(contains(work.run("predict model a.png").err,
                 "expected names of classes in UTF-8 without control characters, got \"c\\u202e\""));
}

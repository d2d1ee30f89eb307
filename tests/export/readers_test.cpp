// Files as read by third-party readers: NumPy, the safetensors package and TensorBoard, which `scripts/setup --readers`
// installs. Skipped, and reported as skipped, if they are missing.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "sluice/npy.h"
#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "sluice/tensorboard.h"
#include "tests/support/run_program.h"
#include "tests/support/skip.h"
#include "tests/train/toy.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

bool are_there() { return std::filesystem::exists(SLUICE_READERS_PYTHON); }
constexpr const char* kMissing = "there are no readers; scripts/setup --readers installs them";

json read_by_python(const char* what, const std::filesystem::path& folder) {
  const Outcome outcome =
      run_program(SLUICE_READERS_PYTHON, fmt::format("'{}' {} '{}'", READERS, what, folder.string()));
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  return json::parse(outcome.out);
}

std::map<std::string, Array> arrays() {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::map<std::string, Array> all{{"f32", Array({1.5F, -0.F, 1e-45F, std::nanf("7"), kInfinity, -kInfinity}, {2, 3})},
                                   {"f64", Array({1e300, 0.1, 5e-324}, {3, 1})},
                                   {"i32", Array({std::numeric_limits<std::int32_t>::min(), 8}, {1, 2})},
                                   {"i64", Array({std::numeric_limits<std::int64_t>::max(), std::int64_t{-1}}, {2})},
                                   {"u8", Array({std::uint8_t{255}, std::uint8_t{0}, std::uint8_t{7}}, {3})},
                                   {"bool", Array({true, false}, {2, 1, 1})}};
  for (int i = 0; i < kDTypeCount; ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::string name(to_string(dtype));
    all.emplace(name + "_empty", Array(dtype, {0, 5}));
    all.emplace(name + "_scalar", Array(dtype, {}));
  }
  return all;
}

/// Returns what Python must say about an array.
json expected(const Array& array) {
  static const std::map<DType, const char*> kNames{{DType::kF32, "<f4"}, {DType::kF64, "<f8"}, {DType::kI32, "<i4"},
                                                   {DType::kI64, "<i8"}, {DType::kU8, "|u1"},  {DType::kBool, "|b1"}};
  std::string bytes;
  for (std::size_t i = 0; i < array.byte_count(); ++i)
    bytes += fmt::format("{:02x}", static_cast<unsigned char>(array.bytes()[i]));
  return {{"dtype", kNames.at(array.dtype())}, {"shape", array.sizes()}, {"bytes", bytes}};
}

/// Compares type and bits, including NaN.
bool same(const Array& a, const Array& b) { return expected(a) == expected(b); }

}  // namespace

TEST_CASE("NumPy and safetensors read what Sluice writes, and Sluice reads what they write") {
  if (!are_there()) return test::skip(kMissing);
  const TemporaryFolder folder;
  SafeTensors tensors;
  for (const auto& [name, array] : arrays()) {
    write_npy(folder.path() / fmt::format("sluice-{}.npy", name), array);
    tensors.arrays.emplace(name, array);
  }
  write_safetensors(folder.path() / "sluice.safetensors", tensors);
  const json read = read_by_python("arrays", folder.path());
  const SafeTensors from_python = read_safetensors(folder.path() / "python.safetensors");
  CHECK(from_python.metadata.at("from") == "python");
  CHECK(read["npy"].size() == arrays().size());
  CHECK(read["safetensors"].size() == arrays().size());
  CHECK(from_python.arrays.size() == arrays().size());
  for (const auto& [name, array] : arrays()) {
    CAPTURE(name);
    CHECK((read["npy"].at(name) == expected(array)));
    CHECK((read["safetensors"].at(name) == expected(array)));
    CHECK(same(from_python.arrays.at(name), array));
    CHECK(same(read_npy(folder.path() / fmt::format("python-{}.npy", name)), array));
  }
}

TEST_CASE("safetensors reads the weights of a saved model") {
  if (!are_there()) return test::skip(kMissing);
  const TemporaryFolder folder;
  ToyModel toy;
  toy.trainer.fit(toy_examples(20), {.epochs = 1, .batch = 8});
  const ExportModule module(u8(batch, 4, 4), [&](const Tensor& images) {
    return toy.model(reshape(cast(images, f32), {batch, 16}) / 255);
  });
  save(module, folder.path() / "model");
  std::filesystem::copy_file(folder.path() / "model" / "weights.safetensors", folder.path() / "sluice.safetensors");
  const json read = read_by_python("arrays", folder.path())["safetensors"];
  const std::vector<Variable> variables = toy.model.variables();
  REQUIRE(variables.size() == 4);
  CHECK(read.size() == variables.size());
  for (const Variable& variable : variables) CHECK((read.at(variable.name()) == expected(variable.value())));
}

TEST_CASE("TensorBoard reads the curves of a training run, and of a resumed one") {
  if (!are_there()) return test::skip(kMissing);
  const TemporaryFolder folder;
  const auto runs = folder.path() / "runs";
  std::map<std::int64_t, double> losses;
  const auto fit = [&](std::int64_t epochs) {
    ToyModel toy;
    const Callback noting{
        .on_step = [&](const StepReport& report) { losses[report.total_steps()] = report.values[0]; }};
    return toy.trainer.fit(toy_examples(20),
                           {.epochs = epochs,
                            .batch = 8,
                            .validation = toy_examples(10, 2),
                            .callbacks = {tensorboard(runs), noting},
                            .checkpoint = {.folder = folder.path() / "training", .every_epochs = 1, .resume = true}});
  };
  const auto points = [](const json& tag) {
    std::map<std::int64_t, float> all;
    for (const json& point : tag) all[point[0]] = std::stof(point[1].get<std::string>());
    CHECK(all.size() == tag.size());  // no duplicate steps
    return all;
  };
  const History first = fit(2);
  const History second = fit(3);
  const json steps = read_by_python("events", runs / "steps");
  const std::map<std::int64_t, float> read = points(steps.at("batch_loss"));
  REQUIRE(losses.size() == 9);
  CHECK(read.size() == losses.size());
  for (const auto& [step, loss] : losses) CHECK(read.at(step) == static_cast<float>(loss));
  const std::map<std::int64_t, float> rates = points(steps.at("batch_learning_rate"));
  CHECK(rates.size() == losses.size());
  for (const auto& [step, rate] : rates) CHECK(rate == 1e-2F);

  const json trained = read_by_python("events", runs / "train");
  const json validated = read_by_python("events", runs / "validation");
  for (const char* const tag : {"epoch_loss", "epoch_accuracy"}) {
    const std::size_t value = std::string_view(tag) == "epoch_loss" ? 0 : 1;
    const auto training = points(trained.at(tag));
    const auto validation = points(validated.at(tag));
    CHECK(training.size() == 3);
    CHECK(validation.size() == 3);
    for (const History* const history : {&first, &second}) {
      for (const EpochRecord& record : history->epochs) {
        const std::int64_t step = record.epoch;
        CHECK(training.at(step) == static_cast<float>(record.training[value]));
        CHECK(validation.at(step) == static_cast<float>(record.validation[value]));
      }
    }
  }
}

TEST_CASE("TensorBoard reads the graph and the histograms of a training run, and of a resumed one") {
  if (!are_there()) return test::skip(kMissing);
  const TemporaryFolder folder;
  const auto runs = folder.path() / "runs";
  std::map<std::int64_t, Array> weights;
  for (const std::int64_t epochs : {2, 3}) {
    ToyModel toy;
    const Callback noting{.on_epoch = [&](const History& history) {
      weights.insert_or_assign(history.epochs.back().epoch, toy.model.variables()[0].value());
    }};
    toy.trainer.fit(toy_examples(20), {.epochs = epochs,
                                       .batch = 8,
                                       .callbacks = {tensorboard(runs, toy.trainer), noting},
                                       .checkpoint = {.folder = folder.path() / "training", .resume = true}});
  }
  const json histograms = read_by_python("histograms", runs / "train");
  CHECK(histograms.size() == 4);
  const json& of_weights = histograms.at("dense_0/w");
  REQUIRE(of_weights.size() == 3);
  for (const json& point : of_weights) {
    const auto elements = weights.at(point[0].get<std::int64_t>()).data<float>();
    double count = 0;
    for (const json& range : point[1]) count += range[2].get<double>();
    CHECK(count == 128);
    CHECK(point[1].front()[0].get<float>() == std::ranges::min(elements));
    CHECK(point[1].back()[1].get<float>() == std::ranges::max(elements));
    const auto in_first = std::ranges::count_if(elements, [&](float x) { return x < point[1][0][1].get<float>(); });
    CHECK(point[1].front()[2].get<std::int64_t>() == in_first);
  }

  const json graph = read_by_python("graph", runs / "train");
  const json& weight = graph.at("dense_0/w");
  CHECK(weight.at("op") == "state");
  CHECK(weight.at("dtype") == "DT_FLOAT");
  CHECK(weight.at("shapes") == json({{16, 8}}));
  CHECK(weight.at("text").at("type") == "f32[16,8]");
  CHECK(graph.at("dense_0/w/assign").at("inputs")[0] == "dense_0/w");
  bool images = false;
  bool derivatives = false;  // a graph as traced has one node for the whole backward pass
  for (const auto& [name, node] : graph.items()) {
    for (const json& input : node.at("inputs")) {
      const auto from = input.get<std::string>();
      CHECK_MESSAGE(graph.contains(from.substr(0, from.find(':'))), name, " has the input ", from);
      derivatives = derivatives || from.ends_with("/gradient:3");
    }
    if (node.at("op") == "gradient") CHECK(node.at("shapes") == json({{16, 8}, {8}, {8, 2}, {2}}));
    images = images || (node.at("op") == "parameter" && node.at("shapes") == json({{-1, 4, 4}}) &&
                        node.at("dtype") == "DT_UINT8");
  }
  CHECK(derivatives);
  CHECK(images);
}

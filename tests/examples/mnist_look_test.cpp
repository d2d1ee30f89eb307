// How mnist_trainer shows data and results, in the terminal and as a page.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/examples/run_example.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

/// Returns the data that a page shows.
json data_of(const std::filesystem::path& file) {
  const std::string page = text_of(file);
  const std::string start = "<script id=\"data\" type=\"application/json\">";
  const std::size_t begin = page.find(start) + start.size();
  return json::parse(page.substr(begin, page.find("</script>", begin) - begin));
}

std::vector<std::string> titles_of(const json& data) {
  std::vector<std::string> titles;
  for (const json& part : data["parts"]) {
    for (const json& section : part["sections"]) titles.push_back(section["title"]);
  }
  return titles;
}

}  // namespace

TEST_CASE("--look shows digits, their distribution, curves, accuracy by digit and the confusion matrix") {
  const Outcome outcome = train("--epochs 2 --look");
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  CHECK(contains(outcome.out, "      0              1              2              3              4\n"));
  CHECK(contains(outcome.out, "\nDigit 9 "));
  CHECK(contains(outcome.out, "\nLoss\n"));
  CHECK(contains(outcome.out, " * training   o validation\n"));
  CHECK(contains(outcome.out, "\nAccuracy by digit:\nDigit "));
  CHECK(contains(outcome.out, " of 100)\n\n      predicted\ntrue"));
  CHECK_FALSE(contains(outcome.out, "\033"));  // stdout is not a terminal
  CHECK(train("--json --look").status != 0);
}

TEST_CASE("--report writes a complete page") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "report.html";
  const Outcome outcome = train(fmt::format("--epochs 2 --quiet --report '{}'", file.string()));
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  const json data = data_of(file);
  CHECK(titles_of(data) == std::vector<std::string>{"Loss", "Accuracy", "Accuracy by class", "Confusion matrix",
                                                    "Most confidently wrong", "Samples", "Class distribution", "Layers",
                                                    "Kernels of train_step", "What it ran on"});
  const json& loss = data["parts"][0]["sections"][0];
  CHECK(loss["x"] == json{0, 1});
  REQUIRE(loss["series"].size() == 2);
  CHECK(loss["series"][0]["values"][1] < loss["series"][0]["values"][0]);
  const json& confusion = data["parts"][1]["sections"][1]["counts"];
  int images = 0;
  for (const json& count : confusion) images += count.get<int>();
  CHECK(images == 100);
  const json& layers = data["parts"][3]["sections"][0]["rows"];
  CHECK(layers.back()[3]["text"] == "905,010");
  CHECK(data["parts"][4]["sections"][0]["rows"].size() > 10);
}

TEST_CASE("an unwritable page is an error before training") {
  const Outcome outcome = train("--report /no/such/folder/report.html");
  CHECK(outcome.status != 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "/no/such/folder/report.html: cannot be written"));
  const TemporaryFolder folder;
  const Outcome taken = train(fmt::format("--report '{}'", folder.path().string()));
  CHECK(taken.status != 0);
  CHECK(taken.out.empty());
  CHECK(contains(taken.err, folder.path().string() + ": cannot be written: Is a directory"));
}

TEST_CASE("a training run that diverges ends and saves nothing, but still writes its page") {
  const TemporaryFolder folder;
  const auto file = folder.path() / "report.html";
  const auto model = folder.path() / "model";
  const Outcome outcome = train(
      fmt::format("--epochs 9 --look --learning-rate 1e30 --report '{}' --save '{}'", file.string(), model.string()));
  CHECK(outcome.status == EXIT_FAILURE);
  CHECK(contains(outcome.err, "sluice: warning: "));
  CHECK(contains(outcome.err,
                 ": fit: the loss is nan in epoch 0, and \"dense_0/w\" is not finite either, so the training "
                 "ends; TrainerOptions::check_numerics, or SLUICE_FLAGS=--check-numerics, ends at the "
                 "first such number and names the line that makes it\n"));
  CHECK(contains(outcome.err, "mnist_trainer: the model gives numbers that are not finite, so it is not saved\n"));
  CHECK_FALSE(contains(outcome.out, "Epoch: 1"));
  CHECK_FALSE(std::filesystem::exists(model));
  CHECK(titles_of(data_of(file)) ==
        std::vector<std::string>{"Loss", "Accuracy", "Layers", "Kernels of train_step", "What it ran on"});
}

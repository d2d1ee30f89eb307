#include "sluice/classifier_report.h"

#include <doctest/doctest.h>

#include <variant>

#include "sluice/error.h"

using namespace sluice;

namespace {

/// Two epochs with loss and accuracy; the second one is validated if `validated` says so.
History two_epochs(bool validated, double second_rate) {
  return {{"loss", "accuracy"},
          {{0, {0.5, 0.75}, {0.25, 0.875}, 0.001, 2, 1000},
           {1, {0.25, 0.875}, validated ? std::vector{0.125, 0.9375} : std::vector<double>{}, second_rate, 2, 2000}}};
}

const report::Lines& lines_of(const report::Section& section) { return std::get<report::Lines>(section.content); }

}  // namespace

TEST_CASE("curves of a training run: one for the loss and each metric") {
  const auto sections = training_curves(two_epochs(true, 0.001));
  REQUIRE(sections.size() == 2);
  CHECK(sections[0].title == "Loss");
  CHECK(lines_of(sections[0]).x == std::vector<double>{0, 1});
  REQUIRE(lines_of(sections[1]).series.size() == 2);
  CHECK(lines_of(sections[1]).series[0].values == std::vector<double>{0.75, 0.875});
  CHECK(lines_of(sections[1]).series[1].name == "validation");
  CHECK(lines_of(sections[1]).series[1].values == std::vector<double>{0.875, 0.9375});
}

TEST_CASE("a changing learning rate has a curve, and metrics without validation have none") {
  const auto sections = training_curves(two_epochs(false, 0.0005));
  REQUIRE(sections.size() == 3);
  CHECK(lines_of(sections[0]).series.size() == 1);
  CHECK(sections[2].title == "Learning rate");
  CHECK(lines_of(sections[2]).series[0].values == std::vector<double>{0.001, 0.0005});
  CHECK(sections[2].wide);
}

TEST_CASE("a report with some of the parts is a page with those") {
  const History history = two_epochs(true, 0.001);
  const std::string page = classifier_page({.title = "Curves alone", .history = &history}).html();
  CHECK(page.find("<title>Curves alone</title>") != std::string::npos);
  CHECK(page.find("\"title\":\"Training\"") != std::string::npos);
  CHECK(page.find("\"title\":\"Model\"") == std::string::npos);
  CHECK(page.find("\"in 4.0 s\"") != std::string::npos);
  CHECK(page.find("\"examples a second\"") != std::string::npos);
  // A user's own loop need not measure times.
  const History untimed{{"loss"}, {{.epoch = 0, .training = {0.5}}, {.epoch = 1, .training = {0.25}}}};
  const std::string short_page = classifier_page({.history = &untimed}).html();
  CHECK(short_page.find("\"name\":\"epochs\"") != std::string::npos);
  CHECK(short_page.find("0.0 s") == std::string::npos);
  CHECK(short_page.find("examples a second") == std::string::npos);
  const Dataset test(Array(DType::kU8, {2, 4, 4}), Array(std::vector<std::uint8_t>{0, 3}, {2}));
  CHECK_THROWS_WITH(classifier_page({.test = test, .test_probabilities = Array(DType::kF32, {2, 3})}),
                    "classification report: expected labels 0 to 2, got 3 for example 1");
}

#include "sluice/classification_report.h"

#include <doctest/doctest.h>

#include <limits>

#include "sluice/error.h"
#include "tests/support/refusal.h"

using namespace sluice;

namespace {

/// Six examples of three classes: 0 is right twice, 1 once out of three times, 2 never.
ClassificationReport three_classes() {
  const Array labels(std::vector<std::uint8_t>{0, 1, 2, 1, 0, 1}, {6});
  const Array probabilities(std::vector<float>{0.5F, 0.25F, 0.25F,  // right
                                               0.75F, 0.25F, 0,     // 1 predicted as 0
                                               0.75F, 0, 0.25F,  // 2 predicted as 0, as confidently as the one before
                                               0.25F, 0.5F, 0.25F,  // right
                                               0.5F, 0.5F, 0,       // right: ties go to the lower class
                                               0, 0.1F, 0.9F},      // 1 predicted as 2, most confidently
                            {6, 3});
  return classification_report(labels, probabilities);
}

std::string error_of(const Array& labels, const Array& probabilities) {
  return test::refusal([&] { classification_report(labels, probabilities); });
}

}  // namespace

TEST_CASE("a confusion matrix counts which class was predicted as which") {
  const ClassificationReport report = three_classes();
  CHECK(report.confusion == std::vector<std::int64_t>{2, 0, 0, 1, 1, 1, 1, 0, 0});
  CHECK(report.count(1, 2) == 1);
  CHECK(report.examples() == 6);
  CHECK(report.accuracy() == 0.5);
}

TEST_CASE("the least accurate classes come first") {
  const auto rows = three_classes().by_class();
  REQUIRE(rows.size() == 3);
  CHECK(rows[0].label == 2);
  CHECK(rows[0].accuracy() == 0);
  CHECK(rows[1].label == 1);
  CHECK(rows[1].examples == 3);
  CHECK(rows[1].correct == 1);
  CHECK(rows[2].label == 0);
  CHECK(rows[2].accuracy() == 1);
}

TEST_CASE("the most confident mistakes come first, ties in the order of examples") {
  const auto mistakes = three_classes().mistakes;
  REQUIRE(mistakes.size() == 3);
  CHECK(mistakes[0].example == 5);
  CHECK(mistakes[0].predicted == 2);
  CHECK(mistakes[0].probability == doctest::Approx(0.9));
  CHECK(mistakes[0].label_probability == doctest::Approx(0.1));
  CHECK(mistakes[1].example == 1);
  CHECK(mistakes[2].example == 2);
}

TEST_CASE("reports as text") {
  const ClassificationReport report = three_classes();
  CHECK(accuracy_text(report, {"Digit", {}}) == R"(Digit 2: 0.000  (0 of 1)
Digit 1: 0.333  (1 of 3)
Digit 0: 1.000  (2 of 2)
All:     0.500  (3 of 6)
)");
  CHECK(confusion_text(report, {"Digit", {"cat", "dog", "horse"}}) == R"(       predicted
true    cat   dog horse
  cat     2     .     .
  dog     1     1     1
horse     1     .     .
)");
  CHECK(mistakes_text(report, 1) == "example 5: 1 taken for 2 with 90.0% (right one: 10.0%)\n");
}

TEST_CASE("a class without examples is not listed, and no examples make an empty report") {
  const ClassificationReport two =
      classification_report(Array(std::vector<std::int64_t>{1}, {1}), Array(std::vector<double>{0, 1}, {1, 2}));
  CHECK(two.by_class().size() == 1);
  CHECK(two.accuracy() == 1);
  const ClassificationReport none = classification_report(Array(DType::kI32, {0}), Array(DType::kF32, {0, 3}));
  CHECK(none.examples() == 0);
  CHECK(none.accuracy() == 0);
  CHECK(accuracy_text(none) == "All: 0.000  (0 of 0)\n");
}

TEST_CASE("invalid inputs are rejected") {
  const Array labels(std::vector<std::uint8_t>{0, 1}, {2});
  const Array good(std::vector<float>{0.5F, 0.5F, 0.5F, 0.5F}, {2, 2});
  CHECK(error_of(Array(DType::kF32, {2}), good) ==
        "classification report: expected labels as integers [N], got f32[2]");
  CHECK(error_of(labels, Array(DType::kF32, {2})) ==
        "classification report: expected probabilities as f32 or f64 [N,classes], got f32[2]");
  CHECK(error_of(labels, Array(DType::kF32, {3, 2})) ==
        "classification report: expected a label for each row of probabilities, got u8[2] and f32[3,2]");
  CHECK(error_of(Array(std::vector<std::int64_t>{0, -1}, {2}), good) ==
        "classification report: expected labels 0 to 1, got -1 for example 1");
  CHECK(error_of(labels, Array(std::vector<float>{0.5F, 0.5F, 4.25F, 0.5F}, {2, 2})) ==
        "classification report: expected probabilities from 0 to 1, got 4.25 for example 1, class 0");
  CHECK(error_of(labels, Array(std::vector<float>{0, std::numeric_limits<float>::quiet_NaN(), 1, 0}, {2, 2})) ==
        "classification report: expected probabilities from 0 to 1, got nan for example 0, class 1");
  CHECK_THROWS_WITH(confusion_text(three_classes(), {"", {"one"}}),
                    "class names: expected a name for class 1, got 1 names");
}

TEST_CASE("examples by class") {
  CHECK(count_classes(Array(std::vector<std::uint8_t>{2, 0, 2}, {3}), 3) == std::vector<std::int64_t>{1, 0, 2});
  CHECK_THROWS_AS(count_classes(Array(std::vector<std::uint8_t>{3}, {1}), 3), Error);
  CHECK(class_counts_text({25, 100, 0}, {"Digit", {}}) ==
        "Digit 0  25 " + std::string(13, '#') + "\nDigit 1 100 " + std::string(50, '#') + "\nDigit 2   0 \n");
}

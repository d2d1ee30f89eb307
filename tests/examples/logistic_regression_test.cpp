#include "tests/examples/guide_run.h"

using namespace sluice::test;

// The means of the classes are 1.2 standard deviations apart in each of 10 features, so the best that anybody can do is
// an accuracy of about Phi(1.2 sqrt(10) / 2) = 0.971, give or take 0.011 (one standard deviation) for 250 examples.
TEST_CASE("logistic_regression tells the tumors apart") {
  const std::string out = output_of("");
  const std::vector<double> losses = numbers_at(out, "Epoch: \\d+, Training log loss: (\\S+)\n");
  REQUIRE(losses.size() == 10);
  CHECK(losses.front() > 0.4);
  for (std::size_t i = 1; i < losses.size(); ++i) CHECK(losses[i] < losses[i - 1]);

  CHECK(number_at(out, "Final training log loss: ([0-9.]+), accuracy") < 0.15);
  CHECK(number_at(out, "Final test log loss: ([0-9.]+), accuracy") < 0.18);
  CHECK(number_at(out, "Final training log loss: \\S+ accuracy: (\\S+)") > 0.95);
  const double test_accuracy = number_at(out, "Final test log loss: \\S+ accuracy: (\\S+)");
  CHECK(test_accuracy > 0.93);

  // Both matrices: the rows are the classes, the columns what the examples were taken for.
  const auto benign = numbers_at(out, "benign +(\\d+) +\\d+");
  const auto as_malignant = numbers_at(out, "benign +\\d+ +(\\d+)");
  const auto as_benign = numbers_at(out, "malignant +(\\d+) +\\d+");
  const auto malignant = numbers_at(out, "malignant +\\d+ +(\\d+)");
  const auto false_positive = numbers_at(out, "False positive rate: ([0-9.]+)");
  const auto false_negative = numbers_at(out, "false negative rate: ([0-9.]+)");
  const std::vector<double> examples{750, 250};
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(benign.at(i) + as_malignant.at(i) + as_benign.at(i) + malignant.at(i) == examples[i]);
    CHECK(false_positive.at(i) == doctest::Approx(as_malignant[i] / (benign[i] + as_malignant[i])).epsilon(0.02));
    CHECK(false_negative.at(i) == doctest::Approx(as_benign[i] / (malignant[i] + as_benign[i])).epsilon(0.02));
  }
  CHECK((benign[1] + malignant[1]) / 250 == doctest::Approx(test_accuracy).epsilon(0.001));
}

TEST_CASE("logistic_regression: seeds") { check_seeds(); }
TEST_CASE("logistic_regression: options") { check_refuses_unknown_option(); }

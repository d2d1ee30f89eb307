#include <cmath>

#include "sluice/loaded_model.h"
#include "tests/examples/guide_run.h"

using namespace sluice;
using namespace sluice::test;

// The means of the classes are 1.2 standard deviations apart in each of 10 features, so the best possible accuracy is
// about Phi(1.2 sqrt(10) / 2) = 0.971, give or take 0.011 (one standard deviation) for 250 examples.
TEST_CASE("logistic_regression classifies the tumors") {
  const std::string out = output_of("");
  const std::vector<double> losses = numbers_at(out, "Epoch: \\d+, Training log loss: (\\S+)\n");
  REQUIRE(losses.size() == 10);
  CHECK(losses.front() > 0.4);
  for (std::size_t i = 1; i < losses.size(); ++i) CHECK(losses[i] < losses[i - 1]);

  // Benign ones have mean 10 and deviation 1 in units of e^(i - 5), malignant ones, 37% of all, mean 11.2.
  const auto means = numbers_at(out, "\n +\\d  +([0-9.]+) +[0-9.]+");
  const auto deviations = numbers_at(out, "\n +\\d  +[0-9.]+ +([0-9.]+)");
  REQUIRE(means.size() == 10);
  CHECK(means[9] == doctest::Approx((10 + 0.37 * 1.2) * std::exp(4)).epsilon(0.02));
  CHECK(deviations.at(9) == doctest::Approx(std::sqrt(1 + 0.37 * 0.63 * 1.2 * 1.2) * std::exp(4)).epsilon(0.1));

  CHECK(number_at(out, "Final training log loss: ([0-9.]+), accuracy") < 0.15);
  CHECK(number_at(out, "Final test log loss: ([0-9.]+), accuracy") < 0.18);
  CHECK(number_at(out, "Final training log loss: \\S+ accuracy: (\\S+)") > 0.95);
  const double test_accuracy = number_at(out, "Final test log loss: \\S+ accuracy: (\\S+)");
  CHECK(test_accuracy > 0.93);

  // Both matrices: rows are true classes, columns predicted classes.
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

TEST_CASE("logistic_regression saves a model that any program can use") {
  const TemporaryFolder folder;
  const auto saved = folder.path() / "tumors";
  const std::string out = output_of(fmt::format("--save '{}'", saved.string()));
  CHECK(number_at(out, "Test accuracy of the saved model: (\\S+)") ==
        number_at(out, "Final test log loss: \\S+ accuracy: (\\S+)"));

  // The features of a mean benign tumor, and of a mean malignant one.
  std::vector<float> features;
  for (const float mean : {10.F, 11.2F}) {
    for (int i = 0; i < 10; ++i) features.push_back(mean * std::exp(static_cast<float>(i) - 5));
  }
  const LoadedModel model = load(saved);
  CHECK(model.class_names() == std::vector<std::string>{"benign", "malignant"});
  const Predictions predictions = model.predict(Array(features, {2, 10}));
  const auto probabilities = predictions.probabilities.data<float>();
  CHECK(probabilities[0] > 0.9);
  CHECK(probabilities[3] > 0.9);
}

TEST_CASE("logistic_regression reports before training that it cannot save") {
  const Outcome outcome = run_program(SLUICE_PROGRAM, "--save /dev/null/tumors");
  CHECK(outcome.status != 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "logistic_regression: /dev/null"));
}

TEST_CASE("logistic_regression: seeds") { check_seeds(); }
TEST_CASE("logistic_regression: options") { check_refuses_unknown_option(); }

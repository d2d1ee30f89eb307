// Distinguishes tumors by measurements: the steps of TensorFlow's guide "Logistic regression for binary classification
// with Core APIs" (https://www.tensorflow.org/guide/core/logistic_regression_core), on generated data.
#include <fmt/format.h>
#include <sluice/classification_report.h>
#include <sluice/dataset.h>
#include <sluice/sluice.h>

#include <vector>

#include "guide_options.h"
#include "terminal_plot.h"

using namespace sluice;

namespace {

constexpr std::int64_t kExamples = 1000;
constexpr std::int64_t kTestExamples = 250;
constexpr std::int64_t kFeatures = 10;

/// Made-up tumors, f32[1000,10], and whether each is malignant, u8[1000]: 37% are, with larger values of each feature.
/// The features' units differ widely.
Dataset make_data() {
  const auto draw = function("data", [] {
    const Tensor malignant = cast(random_uniform({kExamples, 1}) < 0.37, f32);
    const Tensor standard = random_normal({kExamples, kFeatures}) + 1.2 * malignant;
    const Tensor unit = exp(iota({kFeatures}, 0, f32) - 5);
    return outputs((standard + 10) * unit, cast(reshape(malignant, {kExamples}), u8));
  });
  const auto [features, malignant] = draw();
  return {features, malignant};
}

/// The metrics of each epoch.
struct Course {
  report::Series loss;
  report::Series accuracy;

  void add(double of_loss, double of_accuracy) {
    loss.values.push_back(of_loss);
    accuracy.values.push_back(of_accuracy);
  }
  void print(std::string_view which) const {
    fmt::print("Final {} log loss: {:.3f}, accuracy: {:.3f}\n", which, loss.values.back(), accuracy.values.back());
  }
};

void classify_tumors(const GuideOptions& options) {
  if (options.save) check_can_save(*options.save);  // rather now than after the training run
  set_seed(options.seed);
  const Dataset data = make_data();
  const Dataset test = data.slice(0, kTestExamples);
  const Dataset training = data.slice(kTestExamples, kExamples);

  // Standardizes each feature to mean 0 and variance 1, computed on the training data.
  const auto moments =
      function("moments", [](Tensor x) { return outputs(reduce_mean(x, 0), sqrt(reduce_variance(x, 0))); });
  const auto [mean, deviation] = moments(training.input());
  fmt::print("Feature        mean   standard deviation\n");
  for (std::size_t i = 0; i < kFeatures; ++i) {
    fmt::print("{:>7}  {:>10.3f}   {:>18.3f}\n", i, mean.data<float>()[i], deviation.data<float>()[i]);
  }
  fmt::print("\n");
  const auto normalize = [&](const Tensor& x) { return (x - constant(mean)) / constant(deviation); };

  // Logistic regression is a dense layer with one result, the log-odds.
  Dense dense(1);
  const auto logits = [&](const Tensor& x) { return reshape(dense(normalize(x)), {batch}); };
  const auto metrics = [&](const Tensor& x, const Tensor& y) {
    const Tensor z = logits(x);
    const Tensor malignant = cast(y, f32);
    return outputs(reduce_mean(sigmoid_cross_entropy(z, malignant)),
                   reduce_mean(cast(cast(z > 0, f32) == malignant, f32)));
  };
  SGD sgd({.learning_rate = 0.01});
  const std::vector<TensorSpec> signature{f32(batch, kFeatures), u8(batch)};
  const auto train_step = function("train_step", signature, [&](Tensor x, Tensor y) {
    const auto [loss, accuracy] = metrics(x, y);
    sgd.minimize(loss, dense);
    return outputs(loss, accuracy);
  });
  const auto evaluate = function("evaluate", signature, metrics);

  Course of_training{{"training", {}}, {"training", {}}};
  Course of_test{{"test", {}}, {"test", {}}};
  for (int epoch = 0; epoch < 200; ++epoch) {
    const std::uint64_t order = (std::uint64_t{options.seed} << 32) + static_cast<std::uint64_t>(epoch);
    Mean loss;
    Mean accuracy;
    for (const Batch& tumors : training.shuffled(order).batches(64)) {
      const auto [of_batch, right] = train_step(tumors.input(), tumors.target());
      loss.add(of_batch, tumors.target().element_count());
      accuracy.add(right, tumors.target().element_count());
    }
    of_training.add(loss.result(), accuracy.result());
    const auto [test_loss, test_accuracy] = evaluate(test.input(), test.target());
    of_test.add(test_loss.item<double>(), test_accuracy.item<double>());
    if (epoch % 20 == 0) fmt::print("Epoch: {}, Training log loss: {:.3f}\n", epoch, loss.result());
  }
  of_training.print("training");
  of_test.print("test");

  // The model for use elsewhere, from raw features to classes. Softmax of (0, z) is (1 - sigmoid(z), sigmoid(z)).
  const ClassNames names{.kind = "Tumor", .names = {"benign", "malignant"}};
  const auto both_logits = [&](const Tensor& x) {
    const Tensor z = reshape(logits(x), {batch, 1});
    return concat({zeros_like(z), z}, 1);
  };
  const ExportModule tumor_classifier(signature[0], both_logits, names.names);
  for (const auto& [title, tumors] : {std::pair{"training", training}, std::pair{"test", test}}) {
    const ClassificationReport report =
        classification_report(tumors.target(), tumor_classifier.predict(tumors.input()).probabilities);
    fmt::print("\nConfusion matrix: {}\n{}", title, confusion_text(report, names));
    const auto rate = [&](std::int64_t label) {
      const auto of_label = static_cast<double>(report.count(label, 0) + report.count(label, 1));
      return static_cast<double>(report.count(label, 1 - label)) / of_label;
    };
    fmt::print("False positive rate: {:.3f}, false negative rate: {:.3f}\n", rate(0), rate(1));
  }
  fmt::print("\n");
  plot_course("Log loss", "epoch", "loss", {of_training.loss, of_test.loss});
  plot_course("Accuracy", "epoch", "accuracy", {of_training.accuracy, of_test.accuracy});
  if (options.save) {
    save(tumor_classifier, *options.save);
    const Predictions predictions = load(*options.save).predict(test.input());
    const ClassificationReport report = classification_report(test.target(), predictions.probabilities);
    fmt::print("Test accuracy of the saved model: {:.3f}\n", report.accuracy());
  }
  if (options.hash) fmt::print("Weights hash: {:016x}\n", hash_of(dense.variables()));
}

}  // namespace

int main(int argc, char** argv) {
  return guide_main(argc, argv,
                    {.name = "logistic_regression",
                     .description = "Classifies made-up tumors by logistic regression.",
                     .saves = true},
                    classify_tumors);
}

#include "tests/guide/guide_model.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include "sluice/mnist.h"
#include "sluice/synthetic_digits.h"

namespace sluice {

namespace {

const std::vector<TensorSpec>& signature() {
  static const std::vector specs{u8(batch, 28, 28).named("images").range(0, 256),
                                 u8(batch).named("labels").range(0, 10)};
  return specs;
}

}  // namespace

Dataset guide_examples(std::int64_t count) {
  const char* const folder = std::getenv("SLUICE_DATA_DIR");
  if (folder != nullptr && *folder != '\0') return read_mnist(folder).train.slice(0, count);
  return synthetic_digits(1, 0, count);
}

GuideModel::GuideModel(std::int64_t seed)
    : train_step(function("train_step", signature(),
                          [this](Tensor images, Tensor labels) {
                            const auto [loss, accuracy] = metrics(images, labels);
                            adam.apply(gradients(loss, model.trainable_variables()), model.trainable_variables());
                            return outputs(loss, accuracy);
                          })),
      evaluate(
          function("evaluate", signature(), [this](Tensor images, Tensor labels) { return metrics(images, labels); })),
      loss_and_gradients(function("loss_and_gradients", signature(), [this](Tensor images, Tensor labels) {
        const Tensor loss = metrics(images, labels)[0];
        std::vector<Tensor> results = gradients(loss, model.trainable_variables());
        results.insert(results.begin(), loss);
        return results;
      })) {
  set_seed(seed);
  evaluate.graph();  // the trace creates the weights
}

std::array<Tensor, 2> GuideModel::metrics(const Tensor& images, const Tensor& labels) {
  const Tensor scores = logits(images);
  return outputs(reduce_mean(sparse_softmax_cross_entropy(scores, labels)),
                 reduce_mean(cast(argmax(scores, 1) == cast(labels, i64), f32)));
}

std::vector<Variable> GuideModel::state() const {
  std::vector<Variable> all = model.variables();
  for (const Variable& variable : adam.variables()) all.push_back(variable);
  return all;
}

double relative_norm(const Array& a, const Array& b) {
  const auto x = a.data<float>();
  const auto y = b.data<float>();
  SLUICE_CHECK(a.sizes() == b.sizes(), "relative norm of arrays of different sizes");
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    difference += (double{x[i]} - y[i]) * (double{x[i]} - y[i]);
    norm += double{y[i]} * y[i];
  }
  if (difference == 0) return 0;
  const double ratio = std::sqrt(difference / norm);
  return std::isnan(ratio) ? std::numeric_limits<double>::infinity() : ratio;
}

}  // namespace sluice

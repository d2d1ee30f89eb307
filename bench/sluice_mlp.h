#pragma once

#include <array>
#include <optional>
#include <vector>

#include "sluice/dataset.h"
#include "sluice/sluice.h"

namespace sluice::bench {

/// Dense layers with relu between them.
class Perceptron : public Module {
 public:
  /// The sizes of the input, of each hidden layer and of the result.
  explicit Perceptron(const std::vector<int>& sizes);
  Tensor operator()(const Arg& x);

 private:
  std::vector<Dense> layers_;
};

/// The training step of a perceptron with Adam, as in examples/mnist_mlp.cpp.
class SluiceTraining {
 public:
  /// Compiles the step. The images of `data` have sizes.front() pixels.
  SluiceTraining(const std::vector<int>& sizes, const ShuffledDataset& data, int batch_size);
  SluiceTraining(const SluiceTraining&) = delete;  // its function refers to it
  SluiceTraining& operator=(const SluiceTraining&) = delete;

  /// Gathers the next batch, trains on it and returns its mean loss.
  double step();
  /// Returns the seconds for tracing, passes and code generation.
  double compile_seconds() const { return compile_seconds_; }

 private:
  std::array<Tensor, 2> trace(const Tensor& images, const Tensor& labels);

  Batches batches_;
  std::optional<Batches::Iterator> at_;
  int pixels_;
  Perceptron model_;
  Adam adam_;
  Function<std::array<Tensor, 2>, 2> train_step_;
  double compile_seconds_ = 0;
};

}  // namespace sluice::bench

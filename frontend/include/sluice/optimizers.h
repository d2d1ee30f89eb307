#pragma once

#include <cstdint>
#include <memory>
#include <source_location>
#include <vector>

#include "sluice/module.h"

namespace sluice {

/// What optimizers share: a learning rate that is a variable, so that it can change without a recompile
/// (`adam.learning_rate().assign(1e-4)`), and slots, which are variables beside each variable that it updates.
class Optimizer : public Module {
 public:
  /// A variable f32[].
  const Variable& learning_rate() const { return learning_rate_; }

 protected:
  /// Throws Error at the user's line unless the learning rate is finite and above 0.
  Optimizer(std::string_view kind, double learning_rate, std::source_location where = std::source_location::current());

  /// The variable `name` beside `variable`, of its type; it begins as zeros. `range`: what values it takes, for tools.
  Variable slot(const Variable& variable, std::string_view name, std::optional<ir::Range> range = {});
  /// Throws Error, naming the optimizer and the option, unless low <= value < high.
  static void check_option(std::string_view kind, std::string_view option, double value, double low, double high,
                           const std::source_location& where);
  /// Throws Error, naming the optimizer, unless there are variables, and a gradient of its type for each.
  static void check(std::string_view kind, const std::vector<Tensor>& gradients,
                    const std::vector<Variable>& variables);

 private:
  Variable learning_rate_;
  /// Those that have slots: kept alive, since their names are those of the slots.
  std::shared_ptr<std::vector<Variable>> updated_ = std::make_shared<std::vector<Variable>>();
};

struct SgdOptions {
  double learning_rate = 0.01;  ///< above 0
  double momentum = 0;          ///< at least 0
};

/// Gradient descent: w -= learning_rate * g, or with momentum: v = momentum * v - learning_rate * g; w += v.
class SGD : public Optimizer {
 public:
  /// Throws Error at the user's line for options out of their limits.
  explicit SGD(SgdOptions options = {}, std::source_location where = std::source_location::current());
  /// Updates the variables inside of a function. Throws Error if the gradients do not fit them.
  void apply(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables,
             std::source_location where = std::source_location::current());

 private:
  double momentum_;
};

/// Where Adam adds epsilon, which matters where gradients are about as small as it. With m and v, the running means of
/// the gradient and of its square, and c_1 = 1 - beta_1^t, c_2 = 1 - beta_2^t at step t:
enum class AdamEpsilon : std::uint8_t {
  kKeras,    ///< w -= learning_rate * sqrt(c_2) / c_1 * m / (sqrt(v) + epsilon): Keras and TensorFlow
  kPyTorch,  ///< w -= learning_rate * (m / c_1) / (sqrt(v / c_2) + epsilon): PyTorch, and the paper's algorithm 1
};

struct AdamOptions {
  double learning_rate = 1e-3;  ///< above 0
  double beta_1 = 0.9;          ///< 0 <= beta_1 < 1, as beta_2
  double beta_2 = 0.999;
  double epsilon = 1e-7;  ///< at least 0; PyTorch's own default is 1e-8
  AdamEpsilon epsilon_place = AdamEpsilon::kKeras;
};

/// Adam of Kingma and Ba (2015) with bias correction. A finite gradient too large for its square to be a number of the
/// dtype counts as the largest that is not: the step that it causes is the same.
class Adam : public Optimizer {
 public:
  /// Throws Error at the user's line for options out of their limits.
  explicit Adam(AdamOptions options = {}, std::source_location where = std::source_location::current());
  /// Updates the variables inside of a function. Throws Error if the gradients do not fit them.
  void apply(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables,
             std::source_location where = std::source_location::current());

 private:
  AdamOptions options_;
  Variable beta_1_power_;
  Variable beta_2_power_;
};

}  // namespace sluice

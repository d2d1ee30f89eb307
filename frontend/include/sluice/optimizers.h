#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>
#include <vector>

#include "sluice/module.h"

namespace sluice {

/// What optimizers share: a learning rate that is a variable, so that it can change without a recompile
/// (`adam.learning_rate().assign(1e-4)`), and slots, which are variables beside each variable that it updates. One of
/// your own overrides update().
class Optimizer : public Module {
 public:
  virtual ~Optimizer() = default;

  /// A variable f32[].
  const Variable& learning_rate() const { return learning_rate_; }

  /// Inside of a function: derives `loss` by those of the variables that are trainable, and updates them. Throws Error
  /// if there are none.
  void minimize(const Arg& loss, const VariableList& variables) const;
  /// Inside of a function: updates variables by a gradient for each, in their order. A module stands for its trainable
  /// variables, as it does for gradients(). Throws Error if there are no variables, unless the gradients have their
  /// types, and if one is a derivative by another variable than the one in its place (stop_gradient(g) is by none).
  void apply(const std::vector<Tensor>& gradients, const VariableList& variables,
             std::source_location where = std::source_location::current()) const;
  /// Makes the variables that update() would make for these, so that they can be loaded before the first step. Outside
  /// of functions. Nothing is updated.
  void build(const VariableList& variables, std::source_location where = std::source_location::current()) const;

 protected:
  /// Throws Error at the user's line unless the learning rate is finite and above 0.
  Optimizer(std::string_view kind, double learning_rate, std::source_location where = std::source_location::current());
  Optimizer(const Optimizer&) = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(const Optimizer&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  /// Assigns new values to the variables. There is a gradient of its type for each. What is assigned becomes part of
  /// the compiled step.
  virtual void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const = 0;

  /// The variable `name` beside `variable`, of its type; it begins as zeros. `range`: what values it takes, for tools.
  Variable slot(const Variable& variable, std::string_view name, std::optional<ir::Range> range = {}) const;
  /// Throws Error, naming the optimizer and the option, unless low <= value < high.
  static void check_option(std::string_view kind, std::string_view option, double value, double low, double high,
                           const std::source_location& where);

 private:
  Variable learning_rate_;
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

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

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

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  AdamOptions options_;
  Variable beta_1_power_;
  Variable beta_2_power_;
};

}  // namespace sluice

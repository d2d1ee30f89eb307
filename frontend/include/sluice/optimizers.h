#pragma once

#include <cstdint>
#include <optional>
#include <source_location>
#include <string_view>
#include <vector>

#include "sluice/module.h"

namespace sluice {

/// The part that optimizers share: a learning rate that is a variable, so it can change without recompilation
/// (`adam.learning_rate().assign(1e-4)`), and slots, which are variables associated with each variable that it updates.
/// Your own optimizer overrides update().
class Optimizer : public Module {
 public:
  virtual ~Optimizer() = default;

  /// A variable f32[].
  const Variable& learning_rate() const { return learning_rate_; }

  /// Inside a function: differentiates `loss` with respect to the trainable ones of the variables, and updates them.
  /// Throws Error if there are none.
  void minimize(const Arg& loss, const VariableList& variables) const;
  /// Inside a function: updates variables with one gradient each, in their order. A module stands for its trainable
  /// variables, as in gradients(). Throws Error if there are no variables, if the gradients' types differ from theirs,
  /// or if a gradient is a derivative with respect to another variable than the one at its position (stop_gradient(g)
  /// is with respect to none).
  void apply(const std::vector<Tensor>& gradients, const VariableList& variables,
             std::source_location where = std::source_location::current()) const;
  /// Creates the variables that update() would create for these, so that they can be loaded before the first step. For
  /// use outside functions. Updates nothing.
  void build(const VariableList& variables, std::source_location where = std::source_location::current()) const;

 protected:
  /// Throws Error at the user's line unless the learning rate is finite and above 0.
  Optimizer(std::string_view kind, double learning_rate, std::source_location where = std::source_location::current());
  Optimizer(const Optimizer&) = default;
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(const Optimizer&) = default;
  Optimizer& operator=(Optimizer&&) = default;

  /// Assigns new values to the variables. There is one gradient of the same type for each. All assignments become part
  /// of the compiled step.
  virtual void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const = 0;

  /// Returns the variable `name` associated with `variable`, of its type, initially zeros. `range`: its possible
  /// values, for tools.
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
  /// Throws Error at the user's line for options outside their limits.
  explicit SGD(SgdOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  double momentum_;
};

/// Where Adam adds epsilon, which matters if gradients are about as small as it is. With m and v, the running means of
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

/// Adam of Kingma and Ba (2015) with bias correction. A finite gradient whose square overflows the dtype is clamped to
/// the largest whose square does not: the step it causes is the same.
class Adam : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Adam(AdamOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  AdamOptions options_;
  Variable beta_1_power_;
  Variable beta_2_power_;
};

}  // namespace sluice

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <source_location>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/module.h"

namespace sluice {

/// Decoupled weight decay, as in Loshchilov and Hutter (2019) and in Keras: before each update, w -= learning_rate *
/// rate * w. It does not pass through the moments of the gradient, as the L2 penalty that PyTorch's SGD calls
/// weight_decay does; for SGD without momentum both are the same.
class WeightDecay {
 public:
  using Predicate = std::function<bool(const Variable& variable)>;

  /// `applies_to` selects the variables that decay, once, while the step is traced; empty: all. To spare biases and
  /// scales:
  ///
  ///     AdamW adam({.weight_decay = {0.01, [](const Variable& w) { return w.type().shape.rank() > 1; }}});
  WeightDecay(double rate = 0, Predicate applies_to = {})  // NOLINT: a number is a rate for all
      : rate_(rate), applies_to_(std::move(applies_to)) {}

  double rate() const { return rate_; }
  bool applies_to(const Variable& variable) const { return rate_ != 0 && (!applies_to_ || applies_to_(variable)); }

 private:
  double rate_;
  Predicate applies_to_;
};

/// The part that optimizers share: weight decay, a learning rate that is a variable, so it can change without
/// recompilation
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
  Optimizer(std::string_view kind, double learning_rate, std::source_location where = std::source_location::current())
      : Optimizer(kind, learning_rate, {}, where) {}
  /// The same, and unless the decay's rate is finite and at least 0.
  Optimizer(std::string_view kind, double learning_rate, WeightDecay weight_decay, const std::source_location& where);
  /// For an optimizer that uses another one, whose learning rate becomes its own.
  Optimizer(std::string_view kind, const Variable& learning_rate) : Module(kind), learning_rate_(learning_rate) {
    register_variable(learning_rate);
  }
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
  /// The same, initially filled with `initial`.
  Variable slot(const Variable& variable, std::string_view name, double initial,
                std::optional<ir::Range> range = {}) const;
  /// Returns the trainable ones of the variables. Throws Error if there are none.
  std::vector<Variable> required_trainable(const VariableList& variables) const;
  /// Throws Error, naming the optimizer and the option, unless low <= value < high.
  static void check_option(std::string_view kind, std::string_view option, double value, double low, double high,
                           const std::source_location& where);

 private:
  Variable learning_rate_;
  WeightDecay weight_decay_;
};

struct SgdOptions {
  double learning_rate = 0.01;  ///< above 0
  double momentum = 0;          ///< at least 0
  bool nesterov = false;        ///< looks ahead by another step of the momentum
  WeightDecay weight_decay = {};
};

/// Gradient descent: w -= learning_rate * g, or with momentum: v = momentum * v - learning_rate * g; w += v. Nesterov's
/// momentum: w += momentum * v - learning_rate * g with the new v, as in Keras and in Sutskever et al. (2013).
///
/// Without momentum and weight decay, the update of a table that the loss only looks up by gather or Embedding costs
/// what the rows that are looked up cost, however many the table has: TensorFlow's IndexedSlices, PyTorch's sparse
/// gradients. A row that is looked up several times takes one step after the other, so its sum may be rounded
/// differently. Uses of the table other than lookups, and clipped gradients, lead to an update of all rows.
class SGD : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit SGD(SgdOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  SgdOptions options_;
};

struct LionOptions {
  double learning_rate = 1e-3;  ///< above 0; a tenth of a good one for Adam
  double beta_1 = 0.9;          ///< 0 <= beta_1 < 1, as beta_2
  double beta_2 = 0.99;
  WeightDecay weight_decay = {};
};

/// Lion of Chen et al. (2023): w -= learning_rate * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2)
/// * g. sign(0) is 0.
class Lion : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Lion(LionOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  LionOptions options_;
};

// The optimizers below divide by a mean of squared gradients. A finite gradient whose square overflows the dtype is
// clamped to the largest whose square does not; as they are invariant to the gradient's scale, a first step is the
// same.

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
  bool amsgrad = false;  ///< divides by the largest v so far: Reddi, Kale and Kumar (2018)
  WeightDecay weight_decay = {};
};

/// Adam of Kingma and Ba (2015) with bias correction.
class Adam : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Adam(AdamOptions options = {}, std::source_location where = std::source_location::current());

 protected:
  /// The same under another name. `lazy`: as LazyAdam.
  Adam(std::string_view kind, const AdamOptions& options, const std::source_location& where, bool lazy = false);

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  AdamOptions options_;
  bool lazy_;
  Variable beta_1_power_;
  Variable beta_2_power_;
};

struct AdamWOptions {
  double learning_rate = 1e-3;         ///< above 0
  WeightDecay weight_decay = {0.004};  ///< Keras's default; PyTorch's is 0.01
  double beta_1 = 0.9;                 ///< 0 <= beta_1 < 1, as beta_2
  double beta_2 = 0.999;
  double epsilon = 1e-7;  ///< at least 0; PyTorch's own default is 1e-8
  AdamEpsilon epsilon_place = AdamEpsilon::kKeras;
  bool amsgrad = false;
};

/// Adam with weight decay by default: Loshchilov and Hutter (2019).
class AdamW : public Adam {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit AdamW(const AdamWOptions& options = {}, std::source_location where = std::source_location::current());
};

/// Adam for tables of which a step reads few rows by gather or Embedding: it changes these rows and their moments only,
/// at their cost, while Adam moves all rows by their moments. As TensorFlow Addons' LazyAdam and PyTorch's SparseAdam;
/// the bias correction counts all steps, not those of a row. Occurrences of a row are added up first. All rows are
/// updated, as by Adam, where the loss uses the table in another way as well, and where gradients are accumulated over
/// several steps. Clipped gradients change the rows that were looked up, but clipping goes over all rows, as does
/// weight decay. A variable "position" beside each other holds scratch: i32 for each row.
class LazyAdam : public Adam {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit LazyAdam(const AdamOptions& options = {}, std::source_location where = std::source_location::current());
};

struct NadamOptions {
  double learning_rate = 1e-3;  ///< above 0
  double beta_1 = 0.9;          ///< 0 <= beta_1 < 1, as beta_2
  double beta_2 = 0.999;
  double epsilon = 1e-7;  ///< at least 0
  WeightDecay weight_decay = {};
};

/// Adam with Nesterov's momentum: Dozat (2016), with Keras's schedule of the momentum, mu_t = beta_1 * (1 - 0.96^t /
/// 2). With M_t the product of mu up to step t: w -= learning_rate * (mu_{t+1} * m / (1 - M_{t+1}) + (1 - mu_t) * g /
/// (1 - M_t)) / (sqrt(v / (1 - beta_2^t)) + epsilon).
class Nadam : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Nadam(NadamOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  NadamOptions options_;
  Variable beta_2_power_;
  Variable decay_power_;       ///< 0.96^t
  Variable momentum_product_;  ///< M_t
};

struct AdamaxOptions {
  double learning_rate = 1e-3;  ///< above 0
  double beta_1 = 0.9;          ///< 0 <= beta_1 < 1, as beta_2
  double beta_2 = 0.999;
  double epsilon = 1e-7;  ///< at least 0
  WeightDecay weight_decay = {};
};

/// Adam with the infinity norm: Kingma and Ba (2015), section 7. u = max(beta_2 * u, |g|); w -= learning_rate / (1 -
/// beta_1^t) * m / (u + epsilon).
class Adamax : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Adamax(AdamaxOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  AdamaxOptions options_;
  Variable beta_1_power_;
};

struct RMSpropOptions {
  double learning_rate = 1e-3;  ///< above 0
  double rho = 0.9;             ///< 0 <= rho < 1
  double momentum = 0;          ///< at least 0
  double epsilon = 1e-7;        ///< at least 0
  bool centered = false;        ///< divides by the variance of the gradients instead of the mean of their squares
  WeightDecay weight_decay = {};
};

/// RMSprop as in Keras, with epsilon inside the root (PyTorch adds it to the root): v = rho * v + (1 - rho) * g^2; step
/// = learning_rate * g / sqrt(v + epsilon); w -= step, or with momentum: m = momentum * m + step; w -= m.
class RMSprop : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit RMSprop(RMSpropOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  RMSpropOptions options_;
};

struct AdagradOptions {
  double learning_rate = 1e-3;             ///< above 0
  double initial_accumulator_value = 0.1;  ///< at least 0; PyTorch's default is 0
  double epsilon = 1e-7;                   ///< at least 0
  WeightDecay weight_decay = {};
};

/// Adagrad of Duchi, Hazan and Singer (2011), as in Keras: a += g^2; w -= learning_rate * g / sqrt(a + epsilon).
class Adagrad : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Adagrad(AdagradOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  AdagradOptions options_;
};

struct AdadeltaOptions {
  double learning_rate = 1e-3;  ///< above 0; 1 is the paper's
  double rho = 0.95;            ///< 0 <= rho < 1
  double epsilon = 1e-7;        ///< at least 0; with 0 it never moves
  WeightDecay weight_decay = {};
};

/// Adadelta of Zeiler (2012), as in Keras: step = sqrt(d + epsilon) / sqrt(v + epsilon) * g, where v and d are running
/// means of the squares of the gradients and of previous steps; w -= learning_rate * step.
class Adadelta : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Adadelta(AdadeltaOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  AdadeltaOptions options_;
};

struct FtrlOptions {
  double learning_rate = 1e-3;             ///< above 0
  double learning_rate_power = -0.5;       ///< at most 0; 0 is a constant rate
  double initial_accumulator_value = 0.1;  ///< at least 0
  double l1 = 0;                           ///< at least 0: sets weights to 0
  double l2 = 0;                           ///< at least 0
  double l2_shrinkage = 0;                 ///< at least 0: an L2 penalty on the loss, not on the solution
  double beta = 0;                         ///< at least 0
  WeightDecay weight_decay = {};
};

/// FTRL-proximal of McMahan et al. (2013), as in Keras: for sparse linear models.
class Ftrl : public Optimizer {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit Ftrl(FtrlOptions options = {}, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  FtrlOptions options_;
};

}  // namespace sluice

#pragma once

#include <concepts>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/optimizers.h"

namespace sluice {

namespace detail {

/// The part of GradientAccumulation that does not depend on the optimizer's type.
class Accumulation : public Optimizer {
 public:
  /// Inside a function: adds the gradients of a micro-batch whose `loss` is a sum over `items`, a scalar of numbers,
  /// such as the tokens that count. The window's update takes the sum of its gradients divided by the sum of its items:
  /// the gradient of the mean over all items, however they are distributed over micro-batches. Without items the loss
  /// is the mean of a micro-batch, and the update takes the mean of the gradients: the same result as one large batch
  /// if all micro-batches have the same size.
  void minimize(const Arg& loss, const VariableList& variables, const TensorOrNumber& items) const;
  using Optimizer::minimize;

  /// Inside a function: updates the variables with the gradients of a window that is not complete, and begins a new
  /// one; does nothing if there are none. Takes the variables of the other calls. For the end of training, and wherever
  /// a window must not continue: function("flush", {}, [&] { accumulation.flush(model); })().
  void flush(const VariableList& variables, std::source_location where = std::source_location::current()) const;

 protected:
  /// Throws Error at the user's line unless there is at least one step.
  Accumulation(const Optimizer& optimizer, std::int64_t steps, const std::source_location& where);

  virtual const Optimizer& optimizer() const = 0;
  /// Inside a function: returns whether the micro-batch that was just added is the last one of its window.
  virtual Tensor ends_window() const;
  /// Returns the number of micro-batches in the current window, an i64[].
  const Variable& micro_batches() const { return micro_batches_; }
  /// Outside functions: begins a new window, without the gradients of the current one.
  void drop_window(const std::vector<Variable>& variables) const;

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;
  void add(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables,
           const TensorOrNumber& items) const;
  /// Updates the variables with the window's gradients and begins a new window, both where the scalar `ends` holds.
  void end_window(const Tensor& ends, const std::vector<Variable>& variables) const;
  Variable sum_for(const Variable& variable) const { return slot(variable, "sum"); }

  std::int64_t steps_;
  Variable micro_batches_;  ///< in the current window
  Variable items_;
};

}  // namespace detail

/// An optimizer that updates once for every `steps` calls of minimize() or apply(), with the gradients of all of them:
/// for batches that do not fit in memory. A Trainer takes it as any optimizer.
///
///     GradientAccumulation adam(Adam({.learning_rate = 1e-3}), 4);
///
/// Each call is part of the compiled step and does the work of an update; the results count only at the end of a
/// window. Its learning rate is that of the optimizer inside, whose other variables are among its own.
template <std::derived_from<Optimizer> Method>
class GradientAccumulation : public detail::Accumulation {
 public:
  /// Throws Error at the user's line unless there is at least one step.
  GradientAccumulation(const Method& optimizer, std::int64_t steps,
                       std::source_location where = std::source_location::current())
      : Accumulation(optimizer, steps, where), optimizer_(optimizer) {}

 private:
  const Optimizer& optimizer() const override { return optimizer_; }

  Method optimizer_;
};

}  // namespace sluice

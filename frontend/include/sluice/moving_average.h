#pragma once

#include <source_location>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/module.h"

namespace sluice {

/// Exponential moving averages of variables, which often generalize better than the variables themselves: average =
/// decay * average + (1 - decay) * variable, from the variable's value in the first update on. By TensorFlow's name.
///
///     ExponentialMovingAverage averages(0.999);
///     const auto train_step = function("train_step", {...}, [&](Tensor x, Tensor y) {
///       ...
///       adam.minimize(loss, model);
///       averages.update(model);
///     });
///     ...
///     const auto swapped = averages.swap_in(model);  // until the end of the block
///     evaluate(...);
///
/// The list of variables, which each call takes, may be a module: all its variables are averaged, so also the moving
/// statistics of batch normalization. Integers and bools, such as counters, are copied.
class ExponentialMovingAverage : public Module {
 public:
  /// Throws Error at the user's line unless 0 <= decay < 1.
  explicit ExponentialMovingAverage(double decay = 0.99, std::source_location where = std::source_location::current());

  /// Inside a function, after the optimizer's update: moves the averages. Throws Error if there are no variables.
  void update(const VariableList& variables, std::source_location where = std::source_location::current()) const;

  /// Returns the average of `variable`: a variable of its type, which is zeros before the first update.
  Variable average(const Variable& variable) const;

  /// Outside functions: returns whether all of the variables have averages: update() has run for each.
  bool updated(const VariableList& variables) const;

  /// While it exists, variables have the values of their averages; then they get back their own.
  class [[nodiscard]] SwappedIn {
   public:
    SwappedIn(SwappedIn&& other) noexcept : own_(std::exchange(other.own_, {})) {}
    SwappedIn& operator=(SwappedIn&&) = delete;
    ~SwappedIn();

   private:
    friend class ExponentialMovingAverage;
    explicit SwappedIn(std::vector<std::pair<Variable, Array>> own) : own_(std::move(own)) {}

    std::vector<std::pair<Variable, Array>> own_;
  };
  /// Outside functions: puts the averages in the place of the variables, as long as the result exists. Assignments to
  /// the variables in between are lost. Throws Error if there are no variables, or if one was never updated.
  SwappedIn swap_in(const VariableList& variables, std::source_location where = std::source_location::current()) const;
  /// Outside functions: sets the variables to their averages for good, as before a model is saved. Throws Error as
  /// swap_in does; then nothing has changed.
  void finalize(const VariableList& variables, std::source_location where = std::source_location::current()) const;

 private:
  Variable updates_of(const Variable& variable) const;
  /// Returns each variable with its average, after checking that there are such.
  std::vector<std::pair<Variable, Array>> averages_of(std::string_view name, const VariableList& variables) const;

  double decay_;
};

}  // namespace sluice

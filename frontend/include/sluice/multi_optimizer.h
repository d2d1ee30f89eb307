#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <utility>
#include <vector>

#include "sluice/optimizers.h"

namespace sluice {

/// An optimizer of any class, by value: a copy shares its variables, as copies of a module do, and clone() clones it.
class AnyOptimizer {
 public:
  template <std::derived_from<Optimizer> Method>
  AnyOptimizer(const Method& optimizer)  // NOLINT: it is any optimizer
      : optimizer_(std::make_shared<const Method>(optimizer)),
        copy_([](const Optimizer& other) -> std::shared_ptr<const Optimizer> {
          return std::make_shared<const Method>(static_cast<const Method&>(other));
        }) {}
  AnyOptimizer(const AnyOptimizer& other) : optimizer_(other.copy_(*other.optimizer_)), copy_(other.copy_) {}
  AnyOptimizer(AnyOptimizer&&) = default;
  AnyOptimizer& operator=(AnyOptimizer other) noexcept {
    optimizer_ = std::move(other.optimizer_);
    copy_ = other.copy_;
    return *this;
  }
  ~AnyOptimizer() = default;

  const Optimizer& operator*() const { return *optimizer_; }
  const Optimizer* operator->() const { return optimizer_.get(); }

 private:
  std::shared_ptr<const Optimizer> optimizer_;
  std::shared_ptr<const Optimizer> (*copy_)(const Optimizer&);
};

/// Several optimizers, each for its own variables: other learning rates or other methods for parts of a model.
///
///     const MultiOptimizer both({{Adam({.learning_rate = 1e-4}), encoder}, {SGD({.momentum = 0.9}), {head, scale}}});
///
/// Its learning_rate() is a factor of the optimizers' own rates, initially 1, and a Trainer's schedule is one of
/// factors.
class MultiOptimizer : public Optimizer {
 public:
  struct Part {
    AnyOptimizer optimizer;
    VariableList variables;
  };

  /// Throws Error at the user's line if there are no parts, or if two of them have the same optimizer: clone() makes
  /// another one. An update throws Error at the user's line if it is given a variable that no part lists, or several.
  explicit MultiOptimizer(const std::vector<Part>& parts, std::source_location where = std::source_location::current());

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  struct Held {
    AnyOptimizer optimizer;
    std::shared_ptr<const VariableList> variables;  ///< a clone of an optimizer serves the same variables
  };

  std::vector<Held> parts_;
};

}  // namespace sluice

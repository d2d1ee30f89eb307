#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

#include "sluice/array.h"
#include "sluice/detail/clone.h"
#include "sluice/runtime/variable.h"
#include "sluice/tensor.h"

namespace sluice {

struct VariableOptions {
  bool trainable = true;                ///< whether it is a weight, which optimizers update
  std::optional<ir::Range> range = {};  ///< its range of values, for tools that generate inputs
};

/// State that persists between calls: weights, moments, counters. A handle: copies are the same variable. Inside a
/// function it can be used as a Tensor (its value before the call, or the value assigned since); outside, value() and
/// assign() move whole arrays.
class Variable {
 public:
  /// A new variable with initial value `value`. Several may have the same name; a graph that reads them numbers those
  /// after the first: "w", "w_1".
  Variable(std::string_view name, const Array& value, VariableOptions options = {});

  const std::string& name() const { return storage_->name(); }
  Type type() const { return storage_->type(); }
  bool trainable() const;
  /// Freezes it, or makes it trainable again: this decides whether modules include it in their trainable_variables(),
  /// and whether minimize() and Trainer update it. Affects functions that are already traced: one whose trace depended
  /// on it is traced again on its next call. Throws Error while a function is traced.
  void set_trainable(bool trainable, std::source_location where = std::source_location::current()) const;

  /// Returns a copy of its elements. Waits while a function runs.
  Array value() const;
  /// Sets its elements, outside functions. Throws Error inside a function, or if the type differs.
  void assign(const Array& value, std::source_location where = std::source_location::current()) const;
  /// Inside a function: from here on, and after the call, its value is `value`. A number is broadcast to the variable's
  /// shape and may also be assigned outside functions. Throws Error if the type differs.
  void assign(const TensorOrNumber& value) const;
  /// Inside a function: adds or subtracts `value`, which broadcasts.
  void assign_add(const TensorOrNumber& value) const;
  void assign_sub(const TensorOrNumber& value) const;

  /// Returns whether both are handles of one variable.
  bool is(const Variable& other) const { return storage_ == other.storage_; }
  const std::shared_ptr<runtime::VariableStorage>& storage() const { return storage_.pointer(); }

 private:
  detail::Handle<runtime::VariableStorage> storage_;
};

/// Returns "w = [1, 2] f32[2]", or "w: f32[2]" while a function is traced.
std::string to_string(const Variable& variable);

template <>
inline constexpr bool prints_by_to_string<Variable> = true;

}  // namespace sluice

template <>
struct fmt::formatter<sluice::Variable> : sluice::ByToString<sluice::Variable> {};

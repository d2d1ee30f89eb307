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
  bool trainable = true;                ///< whether it is a weight, which optimizers see
  std::optional<ir::Range> range = {};  ///< what values it takes, for tools that make up inputs
};

/// State that lives between calls: weights, moments, counters. A handle: copies are the same variable. Inside of a
/// function it stands wherever a Tensor does (its value before the call, or what was assigned to it since); outside,
/// value() and assign() move whole arrays.
class Variable {
 public:
  /// A new variable that begins as `value`. Several may have one name; in a graph that reads them a number is added to
  /// those after the first: "w", "w_1".
  Variable(std::string_view name, const Array& value, VariableOptions options = {});

  const std::string& name() const { return storage_->name(); }
  Type type() const { return storage_->type(); }
  bool trainable() const;
  /// Freezes it, or has it trained again: modules count it among their trainable_variables() or not, and minimize() and
  /// Trainer update it or not. Functions that are traced already obey: one whose trace has asked is traced again at its
  /// next call. Throws Error while a function is traced.
  void set_trainable(bool trainable, std::source_location where = std::source_location::current()) const;

  /// A copy of its elements. Waits while a function runs.
  Array value() const;
  /// Sets its elements, outside of functions. Throws Error inside of one, or if the type differs.
  void assign(const Array& value, std::source_location where = std::source_location::current()) const;
  /// Inside of a function: from here on, and after the call, its value is `value`. A number is repeated to the
  /// variable's shape and may also be assigned outside of a function. Throws Error if the type differs.
  void assign(const TensorOrNumber& value) const;
  /// Inside of a function: adds `value`, which broadcasts, and subtracts it.
  void assign_add(const TensorOrNumber& value) const;
  void assign_sub(const TensorOrNumber& value) const;

  /// Whether both are handles of one variable.
  bool is(const Variable& other) const { return storage_ == other.storage_; }
  const std::shared_ptr<runtime::VariableStorage>& storage() const { return storage_.pointer(); }

 private:
  detail::Handle<runtime::VariableStorage> storage_;
};

/// "w = [1, 2] f32[2]", or "w: f32[2]" while a function is traced.
std::string to_string(const Variable& variable);

template <>
inline constexpr bool prints_by_to_string<Variable> = true;

}  // namespace sluice

template <>
struct fmt::formatter<sluice::Variable> : sluice::ByToString<sluice::Variable> {};

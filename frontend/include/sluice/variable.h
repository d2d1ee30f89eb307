#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>

#include "sluice/array.h"
#include "sluice/runtime/variable.h"
#include "sluice/tensor.h"

namespace sluice {

struct VariableOptions {
  bool trainable = true;                ///< whether optimizers see it
  std::optional<ir::Range> range = {};  ///< what values it takes, for tools that make up inputs
};

/// State that lives between calls: weights, moments, counters. A handle: copies are the same variable. Inside of a
/// function it stands wherever a Tensor does (its value before the call, or what was assigned to it since); outside,
/// value() and assign() move whole arrays.
class Variable {
 public:
  /// A new variable that begins as `value`. If another lives by the same name, a number is added: "w", "w_1".
  Variable(std::string_view name, const Array& value, VariableOptions options = {});

  const std::string& name() const { return storage_->name(); }
  Type type() const { return storage_->type(); }
  bool trainable() const { return storage_->trainable(); }

  /// A copy of its elements. Waits while a function runs.
  Array value() const;
  /// Sets its elements, outside of functions. Throws Error inside of one, or if the type differs.
  void assign(const Array& value, std::source_location where = std::source_location::current()) const;
  /// Inside of a function: from here on, and after the call, its value is `value`. A number is repeated to the
  /// variable's shape and may also be assigned outside of a function. Throws Error if the type differs.
  void assign(const Operand& value) const;
  /// Inside of a function: adds `value`, which broadcasts, and subtracts it.
  void assign_add(const Operand& value) const;
  void assign_sub(const Operand& value) const;

  /// Whether both are handles of one variable.
  bool is(const Variable& other) const { return storage_ == other.storage_; }
  const std::shared_ptr<runtime::VariableStorage>& storage() const { return storage_; }

 private:
  std::shared_ptr<runtime::VariableStorage> storage_;
};

/// A hash (64-bit FNV-1a) of the bits of all elements, to compare two runs.
std::uint64_t hash_of(std::span<const Variable> variables);

/// The smallest of "kind_0", "kind_1", ... in which no variable lives ("kind_0/w").
std::string free_scope(std::string_view kind);

}  // namespace sluice

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/read_write_lock.h"

namespace sluice::runtime {

/// Where a variable lives between calls: a name, a static type and its elements, which lie in memory as compiled
/// kernels want them. Functions that share it hold the same VariableStorage.
class VariableStorage {
 public:
  /// `value` is copied. `trainable`: whether optimizers see it. `range`: what values it takes, for tools that make up
  /// inputs.
  VariableStorage(std::string name, const Array& value, bool trainable, std::optional<ir::Range> range = {});
  VariableStorage(const VariableStorage&) = delete;
  VariableStorage& operator=(const VariableStorage&) = delete;

  const std::string& name() const { return name_; }
  /// Whether optimizers see it now.
  bool trainable() const { return trainable_; }
  /// Whether it is a weight at all, and not a counter or a running mean: what set_trainable(true) gives back.
  bool is_weight() const { return is_weight_; }
  /// Functions whose trace asked for it are traced again at their next call.
  void set_trainable(bool trainable);
  const std::optional<ir::Range>& range() const { return range_; }
  /// The value that all elements began with, as a scalar; none if they began with several.
  const std::optional<Array>& init() const { return init_; }
  const Type& type() const { return type_; }

  /// A copy of the elements, row-major. Waits for steps that write them.
  Array value() const;
  /// Sets all elements. Waits for steps that read or write them. Throws Error if the type differs.
  void assign(const Array& value);

  /// Held by a step around what follows, and by value() and assign().
  ReadWriteLock& lock() const { return lock_; }
  Array unlocked_value() const;
  void unlocked_assign(const Array& value);
  /// The elements as they lie in memory, laid out as backend::state_layout says for the type.
  Array& memory() { return memory_; }

 private:
  std::string name_;
  std::atomic<bool> trainable_;
  std::atomic<bool> is_weight_;
  std::optional<ir::Range> range_;
  std::optional<Array> init_;
  Type type_;
  Array memory_;
  mutable ReadWriteLock lock_;
};

using Variables = std::vector<std::shared_ptr<VariableStorage>>;

/// How often set_trainable has changed a variable of the process.
std::uint64_t trainable_changes();

/// New variables for the states of `graph`, in their order, with these values.
Variables variables_for(const ir::Graph& graph, std::span<const Array> values, bool trainable = true);

}  // namespace sluice::runtime

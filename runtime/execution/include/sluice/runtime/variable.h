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

/// The storage of a variable between calls: a name, a static type and its elements, in the layout that compiled kernels
/// use. Functions that share a variable hold the same VariableStorage.
class VariableStorage {
 public:
  /// Copies `value`. `trainable`: whether optimizers update it. `range`: its possible values, for tools that generate
  /// inputs.
  VariableStorage(std::string name, const Array& value, bool trainable, std::optional<ir::Range> range = {});
  VariableStorage(const VariableStorage&) = delete;
  VariableStorage& operator=(const VariableStorage&) = delete;

  const std::string& name() const { return name_; }
  /// Returns whether optimizers currently update it.
  bool trainable() const { return trainable_; }
  /// Returns whether it is a weight at all, not a counter or a running mean: whether set_trainable(true) makes it
  /// trainable.
  bool is_weight() const { return is_weight_; }
  /// Functions whose trace queried it are traced again on their next call.
  void set_trainable(bool trainable);
  const std::optional<ir::Range>& range() const { return range_; }
  /// Returns the initial value of all elements as a scalar; nothing if they differed.
  const std::optional<Array>& init() const { return init_; }
  const Type& type() const { return type_; }

  /// Returns a copy of the elements, row-major. Waits for steps that write them.
  Array value() const;
  /// Sets all elements. Waits for steps that read or write them. Throws Error if the type differs.
  void assign(const Array& value);

  /// Held by a step while it uses the members below, and by value() and assign().
  ReadWriteLock& lock() const { return lock_; }
  Array unlocked_value() const;
  void unlocked_assign(const Array& value);
  /// The elements in memory, in backend::state_layout of the type.
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

/// Returns how often set_trainable has changed a variable of the process.
std::uint64_t trainable_changes();

/// Returns new variables for the states of `graph`, in order, with these values.
Variables variables_for(const ir::Graph& graph, std::span<const Array> values, bool trainable = true);

}  // namespace sluice::runtime

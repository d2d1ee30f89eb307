#include "sluice/runtime/variable.h"

#include <cstring>
#include <mutex>
#include <shared_mutex>

#include "backend/layout.h"
#include "runtime/execution/gate.h"
#include "sluice/error.h"

namespace sluice::runtime {

namespace {

std::atomic<std::uint64_t> changes_of_trainable = 0;

/// Returns the value that all elements share, bit for bit, as a scalar.
std::optional<Array> value_throughout(const Array& array) {
  if (array.element_count() == 0) return std::nullopt;
  const std::size_t size = size_of(array.dtype());
  // All are equal if each equals the one before it.
  if (std::memcmp(array.bytes(), array.bytes() + size, array.byte_count() - size) != 0) return std::nullopt;
  Array first(array.dtype(), {});
  std::memcpy(first.bytes(), array.bytes(), size);
  return first;
}

}  // namespace

VariableStorage::VariableStorage(std::string name, const Array& value, bool trainable, std::optional<ir::Range> range)
    : name_(std::move(name)),
      trainable_(trainable),
      is_weight_(trainable),
      range_(range),
      init_(value_throughout(value)),
      type_(value.type()),
      memory_(type_.dtype, {backend::element_count(backend::state_layout(type_), type_.shape).size}) {
  unlocked_assign(value);
}

void VariableStorage::set_trainable(bool trainable) {
  if (trainable) is_weight_ = true;
  if (trainable_.exchange(trainable) != trainable) ++changes_of_trainable;
}

std::uint64_t trainable_changes() { return changes_of_trainable; }

Array VariableStorage::value() const {
  const GatePass pass;
  const std::shared_lock lock(lock_);
  return unlocked_value();
}

void VariableStorage::assign(const Array& value) {
  if (value.type() != type_)
    fail("assign: variable \"{}\" is {}, got {}", name_, to_string(type_), to_string(value.type()));
  const GatePass pass;
  const std::scoped_lock lock(lock_);
  unlocked_assign(value);
}

Array VariableStorage::unlocked_value() const {
  Array value(type_.dtype, type_.shape.at(1));
  backend::unpack(backend::state_layout(type_), memory_.bytes(), value);
  return value;
}

void VariableStorage::unlocked_assign(const Array& value) {
  backend::pack(backend::state_layout(type_), value, memory_.bytes());
}

Variables variables_for(const ir::Graph& graph, std::span<const Array> values, bool trainable) {
  SLUICE_CHECK(values.size() == graph.states().size(), "@{}: {} values for {} states", graph.name(), values.size(),
               graph.states().size());
  Variables variables;
  for (const Array& value : values) {
    const ir::State& state = graph.states()[variables.size()];
    variables.push_back(std::make_shared<VariableStorage>(state.variable, value, trainable, state.range));
  }
  return variables;
}

}  // namespace sluice::runtime

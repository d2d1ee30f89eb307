#include "runtime/variable.h"

#include <cstring>

#include "ir/error.h"
#include "runtime/step_lock.h"

namespace sluice::runtime {

std::mutex& step_lock() {
  static std::mutex mutex;
  return mutex;
}

VariableStorage::VariableStorage(std::string name, const Array& value, bool trainable, std::optional<ir::Range> range)
    : name_(std::move(name)), trainable_(trainable), range_(range), elements_(value.clone()) {}

Array VariableStorage::value() const {
  const std::scoped_lock lock(step_lock());
  return elements_.clone();
}

void VariableStorage::assign(const Array& value) {
  if (value.type() != type())
    fail("assign: variable \"{}\" is {}, got {}", name_, to_string(type()), to_string(value.type()));
  const std::scoped_lock lock(step_lock());
  if (value.byte_count() > 0) std::memcpy(elements_.bytes(), value.bytes(), value.byte_count());
}

}  // namespace sluice::runtime

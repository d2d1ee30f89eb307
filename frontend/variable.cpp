#include "sluice/variable.h"

#include <fmt/format.h>

#include <mutex>
#include <set>
#include <vector>

#include "frontend/broadcasting.h"
#include "runtime/execution/gate.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"

namespace sluice {

namespace {

/// The names of all variables that live.
struct Names {
  std::mutex mutex;
  std::set<std::string, std::less<>> used;
};

Names& names() {
  static auto* const instance = new Names;  // never destroyed: variables may outlive every static
  return *instance;
}

std::string reserve_name(std::string_view wanted) {
  if (wanted.empty()) fail_at_user("variable: the name is empty");
  const runtime::GatePass pass;
  const std::scoped_lock lock(names().mutex);
  std::string name(wanted);
  for (int i = 1; !names().used.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
  return name;
}

void release(runtime::VariableStorage* storage) {
  const runtime::GatePass pass;
  const std::scoped_lock lock(names().mutex);
  names().used.erase(storage->name());
  delete storage;
}

}  // namespace

Tensor::Tensor(const Variable& variable, std::source_location where) : trace_(0) {
  const Scope scope(where);
  if (Trace::current() == nullptr) {
    fail_at_user(fmt::format("variable \"{}\" is used as a tensor outside of a function; value() gives its elements",
                             variable.name()));
  }
  *this = Trace::current()->read(variable.storage());
}

Variable::Variable(std::string_view name, const Array& value, VariableOptions options)
    : storage_(new runtime::VariableStorage(reserve_name(name), value, options.trainable, options.range), release) {}

Array Variable::value() const { return storage_->value(); }

void Variable::assign(const Array& value, std::source_location where) const {
  const Scope scope(where);
  if (Trace::current() != nullptr) {
    fail_at_user(
        fmt::format("assign: variable \"{}\" is given an array while {} is traced, which would happen once and "
                    "not in each call; assign constant(array), or assign it outside",
                    name(), Trace::current()->name()));
  }
  if (value.type() != type()) {
    fail_at_user(
        fmt::format("assign: variable \"{}\" is {}, got {}", name(), to_string(type()), to_string(value.type())));
  }
  storage_->assign(value);
}

namespace {

void fill(runtime::VariableStorage& storage, const Literal& literal) {
  Array value = storage.value();
  visit_dtype(value.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T element = detail::to_array("assign", literal, value.dtype()).data<T>()[0];
    for (T& each : value.data<T>()) each = element;
  });
  storage.assign(value);
}

}  // namespace

void Variable::assign(const Operand& value) const {
  const Scope scope(value.where());
  if (value.literal() != nullptr && Trace::current() == nullptr) return fill(*storage_, *value.literal());
  Trace& trace = Trace::required("assign");
  if (value.literal() == nullptr) return trace.assign(storage_, *value.tensor());
  trace.assign(storage_, detail::broadcast(detail::scalar("assign", *value.literal(), type().dtype), type().shape));
}

void Variable::assign_add(const Operand& value) const {
  const Scope scope(value.where());
  assign(*this + value);
}

void Variable::assign_sub(const Operand& value) const {
  const Scope scope(value.where());
  assign(*this - value);
}

std::uint64_t hash_of(std::span<const Variable> variables) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const Variable& variable : variables) {
    const Array value = variable.value();
    for (std::size_t i = 0; i < value.byte_count(); ++i) {
      hash = (hash ^ static_cast<std::uint64_t>(value.bytes()[i])) * 0x100000001b3;
    }
  }
  return hash;
}

std::string free_scope(std::string_view kind) {
  const runtime::GatePass pass;
  const std::scoped_lock lock(names().mutex);
  for (int i = 0;; ++i) {
    std::string scope = fmt::format("{}_{}", kind, i);
    const std::string first = scope + "/";
    const auto found = names().used.lower_bound(first);
    if (found == names().used.end() || !found->starts_with(first)) return scope;
  }
}

}  // namespace sluice

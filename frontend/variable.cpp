#include "sluice/variable.h"

#include <fmt/format.h>

#include "frontend/broadcasting.h"
#include "runtime/execution/gate.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"

namespace sluice {

namespace {

const std::string& checked_name(const std::string& name) {
  if (name.empty()) fail_at_user("variable: the name is empty");
  return name;
}

}  // namespace

Tensor::Tensor(const Variable& variable, std::source_location where) : trace_(0) {
  const Scope scope(where);
  if (Trace::current() == nullptr) {
    fail_at_user(fmt::format("variable \"{}\" is used as a tensor outside a function; value() returns its elements",
                             variable.name()));
  }
  *this = Trace::current()->read(variable.storage());
}

Variable::Variable(std::string_view name, const Array& value, VariableOptions options)
    : storage_(std::make_shared<runtime::VariableStorage>(checked_name(std::string(name)), value, options.trainable,
                                                          options.range)) {}

bool Variable::trainable() const {
  const bool trainable = storage_->trainable();
  if (Trace::current() != nullptr) Trace::current()->note_trainable(storage(), trainable);
  return trainable;
}

void Variable::set_trainable(bool trainable, std::source_location where) const {
  const Scope scope(where);
  check_not_traced("set_trainable");
  storage_->set_trainable(trainable);
}

Array Variable::value() const { return storage_->value(); }

void Variable::assign(const Array& value, std::source_location where) const {
  const Scope scope(where);
  if (Trace::current() != nullptr) {
    fail_at_user(
        fmt::format("assign: variable \"{}\" is assigned an array while {} is traced, which would happen once and "
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

void Variable::assign(const TensorOrNumber& value) const {
  const Scope scope(value.where());
  if (value.literal() != nullptr && Trace::current() == nullptr) return fill(*storage_, *value.literal());
  Trace& trace = Trace::required("assign");
  if (value.literal() == nullptr) return trace.assign(storage(), *value.tensor());
  trace.assign(storage(), detail::broadcast(detail::scalar("assign", *value.literal(), type().dtype), type().shape));
}

void Variable::assign_add(const TensorOrNumber& value) const {
  const Scope scope(value.where());
  assign(*this + value);
}

void Variable::assign_sub(const TensorOrNumber& value) const {
  const Scope scope(value.where());
  assign(*this - value);
}

std::string to_string(const Variable& variable) {
  if (Trace::current() != nullptr) return fmt::format("{}: {}", variable.name(), to_string(variable.type()));
  return fmt::format("{} = {}", variable.name(), to_string(variable.value()));
}

}  // namespace sluice

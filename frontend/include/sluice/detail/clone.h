#pragma once

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "sluice/runtime/variable.h"

// How handles are copied while clone() creates a module that shares nothing with the old one. Internal to the frontend.
namespace sluice::detail {

/// While an instance exists, each handle that its thread copies refers to a copy of the old handle's object; handles of
/// the same object get the same copy.
class Cloning {
 public:
  Cloning();
  ~Cloning();
  Cloning(const Cloning&) = delete;
  Cloning& operator=(const Cloning&) = delete;

  /// Returns the copy of what `old` points to, which `make` creates the first time; outside clone(), returns `old`
  /// itself.
  static std::shared_ptr<void> copy_of(const std::shared_ptr<void>& old,
                                       const std::function<std::shared_ptr<void>()>& make);
};

std::shared_ptr<runtime::VariableStorage> clone_of(const runtime::VariableStorage& storage);
template <typename T>
std::shared_ptr<T> clone_of(const T& value) {
  return std::make_shared<T>(value);
}

/// A pointer that its copies share, except for copies made by clone().
template <typename T>
class Handle {
 public:
  Handle() = default;
  explicit Handle(std::shared_ptr<T> pointer) : pointer_(std::move(pointer)) {}
  Handle(const Handle& other)
      : pointer_(std::static_pointer_cast<T>(
            Cloning::copy_of(other.pointer_, [&] { return std::shared_ptr<void>(clone_of(*other.pointer_)); }))) {}
  Handle(Handle&&) noexcept = default;
  Handle& operator=(const Handle& other) {
    Handle copy(other);
    std::swap(pointer_, copy.pointer_);
    return *this;
  }
  Handle& operator=(Handle&&) noexcept = default;
  ~Handle() = default;

  T& operator*() const { return *pointer_; }
  T* operator->() const { return pointer_.get(); }
  const std::shared_ptr<T>& pointer() const { return pointer_; }
  bool operator==(const Handle& other) const { return pointer_ == other.pointer_; }

 private:
  std::shared_ptr<T> pointer_;
};

}  // namespace sluice::detail

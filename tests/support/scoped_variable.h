#pragma once

#include <cstdlib>
#include <optional>
#include <string>

namespace sluice::test {

/// Sets or (with nullptr) unsets a variable of the environment until it is destroyed.
class ScopedVariable {
 public:
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    set(value);
  }
  ~ScopedVariable() { set(old_ ? old_->c_str() : nullptr); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  void set(const char* value) const {
    if (value == nullptr) {
      unsetenv(name_);
      return;
    }
    setenv(name_, value, 1);
  }

  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace sluice::test

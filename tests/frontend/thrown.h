#pragma once

#include <string>
#include <string_view>

#include "sluice/error.h"

namespace sluice {

/// Returns the Error that `f` throws: the first line of its message, preceded by "@file" if it points to a line of this
/// program. Empty if there is none.
template <typename F>
std::string thrown(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    const std::string message = error.message().substr(0, error.message().find('\n'));
    const std::string_view file = error.location().file;
    return file.empty() ? message : "@" + std::string(file.substr(file.rfind('/') + 1)) + " " + message;
  }
  return "";
}

}  // namespace sluice

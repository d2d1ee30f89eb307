#pragma once

#include <string>
#include <string_view>

#include "sluice/error.h"

namespace sluice {

/// The Error that `f` throws: the first line of its message, with "@file" before it where it stands in this program's
/// lines. The empty string if there is none.
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

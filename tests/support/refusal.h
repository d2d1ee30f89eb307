#pragma once

#include <string>

#include "sluice/error.h"

namespace sluice::test {

/// Returns the whole message of the Error that `call` throws, or "accepted".
template <typename F>
std::string refusal(F&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

}  // namespace sluice::test

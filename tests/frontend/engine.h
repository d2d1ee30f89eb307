#pragma once

#include <cstdlib>
#include <string_view>

#include "sluice/options.h"

namespace sluice {

/// Chooses the engine of a test program before main: the interpreter, or native code if SLUICE_TEST_ENGINE is "jit".
/// The DSL means the same in both.
inline const bool kTestEngine = [] {
  const char* const wanted = std::getenv("SLUICE_TEST_ENGINE");
  const bool jit = wanted != nullptr && std::string_view(wanted) == "jit";
  set_default_engine(jit ? Engine::kJit : Engine::kReference);
  return true;
}();

}  // namespace sluice

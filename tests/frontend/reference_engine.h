#pragma once

#include "frontend/options.h"

namespace sluice {

/// Makes the interpreter the engine of a test program: the tests of the frontend need no native code.
inline bool use_reference_engine() {
  set_default_engine(Engine::kReference);
  return true;
}

}  // namespace sluice

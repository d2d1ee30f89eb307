#pragma once

#include <doctest/doctest.h>

#include "sluice/options.h"

namespace sluice::test {

/// Calls `test` with each engine as the default.
template <typename F>
void on_both_engines(F test) {
  for (const Engine engine : {Engine::kJit, Engine::kReference}) {
    CAPTURE(static_cast<int>(engine));
    set_default_engine(engine);
    test();
  }
  set_default_engine(Engine::kJit);
}

}  // namespace sluice::test

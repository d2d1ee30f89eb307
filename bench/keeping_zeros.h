#pragma once

#include <cstdlib>

namespace sluice::bench {

/// Returns the result of `make` with code that does not skip zeros, whose time does not depend on the values.
template <typename Make>
auto keeping_zeros(Make make) {
  setenv("SLUICE_FLAGS", "--keep-zeros", 1);
  auto made = make();
  unsetenv("SLUICE_FLAGS");
  return made;
}

}  // namespace sluice::bench

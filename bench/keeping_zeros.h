#pragma once

#include <cstdlib>

namespace sluice::bench {

/// What `make` makes of code that goes through all zeros: the time of it does not depend on the numbers.
template <typename Make>
auto keeping_zeros(Make make) {
  setenv("SLUICE_FLAGS", "--keep-zeros", 1);
  auto made = make();
  unsetenv("SLUICE_FLAGS");
  return made;
}

}  // namespace sluice::bench

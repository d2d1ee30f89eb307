#pragma once

#include <algorithm>
#include <ctime>
#include <limits>

namespace sluice::test {

/// The least seconds of CPU time of three runs of `work`: whatever else the machine does counts little. A bound in
/// seconds would be one for the machine and the sanitizer; tests compare two such times.
template <typename Work>
double least_cpu_time(const Work& work) {
  double least = std::numeric_limits<double>::infinity();
  for (int run = 0; run < 3; ++run) {
    const std::clock_t start = std::clock();
    work();
    least = std::min(least, static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
  }
  return least;
}

}  // namespace sluice::test

#pragma once

#include <string>
#include <vector>

namespace sluice::test {

/// Returns sets of CPU features of this machine, from all of its own down to the baseline of its architecture: code is
/// generated for each of them, so that the paths for narrower vectors are tested on a machine with wide ones.
inline std::vector<std::string> vector_targets() {
  std::vector<std::string> targets{""};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0)
    targets.emplace_back("+avx,+avx2,+fma");
  targets.emplace_back("+sse2");
#endif
  return targets;
}

}  // namespace sluice::test

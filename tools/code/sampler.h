#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::tools {

/// Interrupts every thread of this process some 5000 times a second and notes the instruction that it was about to
/// execute. Uses SIGPROF; one at a time.
class Sampler {
 public:
  /// Starts with the threads that exist now, and notes at most `most` instructions. Throws Error if the system has no
  /// timers for it.
  explicit Sampler(std::size_t most);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Stops, and returns the addresses in the order of time.
  std::vector<std::uintptr_t> stop();

 private:
  struct Timers;
  Timers* timers_;  ///< null: stopped
  std::vector<std::uintptr_t> addresses_;
};

}  // namespace sluice::tools

#include "sluice/runtime/executable.h"

#include <mutex>

#include "runtime/execution/gate.h"

namespace sluice::runtime {

void Executable::run(std::span<const Array> inputs, std::span<Array> outputs) {
  const GatePass pass;
  const std::lock_guard lock(locks_);
  unlocked_run(inputs, outputs);
}

std::vector<double> Executable::profile(std::span<const Array> inputs, std::span<Array> outputs) {
  const GatePass pass;
  const std::lock_guard lock(locks_);
  return unlocked_profile(inputs, outputs);
}

}  // namespace sluice::runtime

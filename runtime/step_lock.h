#pragma once

#include <mutex>

namespace sluice::runtime {

/// Held by an executable while it runs a step and by whoever reads or writes a variable's elements: so steps run one
/// after the other, and nobody sees half of one.
std::mutex& step_lock();

}  // namespace sluice::runtime

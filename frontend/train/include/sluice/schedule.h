#pragma once

#include <cstdint>
#include <functional>

namespace sluice {

/// Returns the learning rate of the step with this number, counted from 0. It is assigned to the optimizer's variable
/// before the step, so nothing is recompiled.
using Schedule = std::function<double(std::int64_t step)>;

/// `rate` for every step.
Schedule constant_rate(double rate);

/// rate * factor^n, where n increases by one after every `steps` steps. Throws Error unless steps >= 1.
Schedule step_decay(double rate, double factor, std::int64_t steps);

/// Decays from `rate` to `last` at step `steps` along half a cosine wave, then stays at `last`: Loshchilov and Hutter
/// (2017), without restarts. Throws Error unless steps >= 1.
Schedule cosine_decay(double rate, std::int64_t steps, double last = 0);

/// Rises linearly to the first rate of `schedule`, which starts after `steps` steps: step i of them uses (i + 1) /
/// (steps + 1) of it. Throws Error if steps < 0; `schedule` may not be empty.
Schedule warm_up(std::int64_t steps, Schedule schedule);

}  // namespace sluice

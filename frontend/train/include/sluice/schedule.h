#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice {

/// Returns the learning rate of the step with this number, counted from 0: any function, such as a lambda. It is
/// assigned to the optimizer's variable before the step, so nothing is recompiled. fit() throws Error if it is not
/// finite or below 0.
using Schedule = std::function<double(std::int64_t step)>;

/// `rate` for every step.
Schedule constant_rate(double rate);

/// rate * factor^n, where n increases by one after every `steps` steps. Throws Error unless steps >= 1.
Schedule step_decay(double rate, double factor, std::int64_t steps);

/// Decays from `rate` to `last` at step `steps` along half a cosine wave, then stays at `last`: Loshchilov and Hutter
/// (2017), without restarts. Throws Error unless steps >= 1.
Schedule cosine_decay(double rate, std::int64_t steps, double last = 0);

/// rate * factor^(step / steps), which falls in each step: Keras's ExponentialDecay. Throws Error unless steps >= 1.
Schedule exponential_decay(double rate, double factor, std::int64_t steps);

/// Falls from `rate` to `last` at step `steps` as (1 - step / steps)^power, then stays at `last`: Keras's
/// PolynomialDecay, linear by default. Throws Error unless steps >= 1 and power > 0.
Schedule polynomial_decay(double rate, std::int64_t steps, double last = 0, double power = 1);

/// rates[i] up to and including step boundaries[i], and the last rate after all of them: Keras's
/// PiecewiseConstantDecay. Throws Error unless there is one rate more than boundaries, and the boundaries increase.
Schedule piecewise_constant(std::vector<std::int64_t> boundaries, std::vector<double> rates);

/// Rises linearly to the first rate of `schedule`, which starts after `steps` steps: step i of them uses (i + 1) /
/// (steps + 1) of it. Throws Error if steps < 0 or `schedule` is empty.
Schedule warm_up(std::int64_t steps, Schedule schedule);

}  // namespace sluice

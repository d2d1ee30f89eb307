#include "sluice/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "sluice/error.h"

namespace sluice {

Schedule constant_rate(double rate) {
  return [rate](std::int64_t) { return rate; };
}

Schedule step_decay(double rate, double factor, std::int64_t steps) {
  if (steps < 1) fail("step_decay: expected at least 1 step between two rates, got {}", steps);
  return [=](std::int64_t step) { return rate * std::pow(factor, static_cast<double>(step / steps)); };
}

Schedule cosine_decay(double rate, std::int64_t steps, double last) {
  if (steps < 1) fail("cosine_decay: expected at least 1 step, got {}", steps);
  return [=](std::int64_t step) {
    const double part = static_cast<double>(std::min(step, steps)) / static_cast<double>(steps);
    return last + (rate - last) * (1 + std::cos(std::numbers::pi * part)) / 2;
  };
}

Schedule warm_up(std::int64_t steps, Schedule schedule) {
  if (steps < 0) fail("warm_up: expected at least 0 steps, got {}", steps);
  return [steps, schedule = std::move(schedule)](std::int64_t step) {
    if (step >= steps) return schedule(step - steps);
    return schedule(0) * static_cast<double>(step + 1) / static_cast<double>(steps + 1);
  };
}

}  // namespace sluice

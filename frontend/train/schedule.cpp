#include "sluice/schedule.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <functional>
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

Schedule exponential_decay(double rate, double factor, std::int64_t steps) {
  if (steps < 1) fail("exponential_decay: expected at least 1 step, got {}", steps);
  return [=](std::int64_t step) {
    return rate * std::pow(factor, static_cast<double>(step) / static_cast<double>(steps));
  };
}

Schedule polynomial_decay(double rate, std::int64_t steps, double last, double power) {
  if (steps < 1) fail("polynomial_decay: expected at least 1 step, got {}", steps);
  if (!(power > 0)) fail("polynomial_decay: expected a power above 0, got {}", power);
  return [=](std::int64_t step) {
    const double left = 1 - static_cast<double>(std::min(step, steps)) / static_cast<double>(steps);
    return last + (rate - last) * std::pow(left, power);
  };
}

Schedule piecewise_constant(std::vector<std::int64_t> boundaries, std::vector<double> rates) {
  if (rates.size() != boundaries.size() + 1) {
    fail("piecewise_constant: expected one rate more than boundaries, got {} and {}", rates.size(), boundaries.size());
  }
  if (std::ranges::adjacent_find(boundaries, std::greater_equal<>()) != boundaries.end()) {
    fail("piecewise_constant: expected boundaries that increase, got {}", fmt::join(boundaries, ", "));
  }
  return [boundaries = std::move(boundaries), rates = std::move(rates)](std::int64_t step) {
    return rates[static_cast<std::size_t>(std::ranges::lower_bound(boundaries, step) - boundaries.begin())];
  };
}

Schedule warm_up(std::int64_t steps, Schedule schedule) {
  if (steps < 0) fail("warm_up: expected at least 0 steps, got {}", steps);
  if (!schedule) fail("warm_up: expected a schedule to follow, got an empty one");
  return [steps, schedule = std::move(schedule)](std::int64_t step) {
    if (step >= steps) return schedule(step - steps);
    return schedule(0) * static_cast<double>(step + 1) / static_cast<double>(steps + 1);
  };
}

}  // namespace sluice

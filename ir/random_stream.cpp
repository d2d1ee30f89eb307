#include "sluice/random_stream.h"

#include <cmath>
#include <numbers>

#include "ir/philox.h"

namespace sluice {

void RandomStream::refill() {
  words_ = philox4x32_10(counter_, key_);
  used_ = 0;
  if (++counter_[0] == 0) ++counter_[1];
}

float RandomStream::normal(float mean, float deviation) {
  constexpr double kStep = 1.0 / 16777216;
  const double radius = (static_cast<double>(next() >> 8) + 1) * kStep;  // 0 < radius <= 1
  const double angle = static_cast<double>(next() >> 8) * kStep;
  const double x = std::sqrt(-2 * std::log(radius)) * std::cos(2 * std::numbers::pi * angle);
  return static_cast<float>(mean + deviation * x);
}

}  // namespace sluice

#pragma once

#include <array>
#include <cstdint>

namespace sluice {

/// A sequence of random numbers, the same on every machine (unlike the distributions of <random>). Streams of one seed
/// are independent of each other, so work that gives each item its own stream does not depend on the order of the
/// items.
class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, std::uint64_t stream = 0)
      : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
        counter_{0, 0, static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)} {}

  /// 32 random bits.
  std::uint32_t next() {
    if (used_ == words_.size()) refill();
    return words_[used_++];
  }

  /// Returns 0 <= x < bound, all equally likely. `bound` is at least 1. From Lemire, "Fast random integer generation in
  /// an interval" (2019).
  std::uint32_t below(std::uint32_t bound) {
    std::uint64_t product = std::uint64_t{next()} * bound;
    if (static_cast<std::uint32_t>(product) < bound) {
      const std::uint32_t excess = (0U - bound) % bound;  // 2^32 modulo bound
      while (static_cast<std::uint32_t>(product) < excess) product = std::uint64_t{next()} * bound;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

  /// low <= x < high (up to rounding), in steps of 2^-24 of the interval.
  float uniform(float low = 0, float high = 1) {
    constexpr float kStep = 1.0F / 16777216;
    return low + (high - low) * (static_cast<float>(next() >> 8) * kStep);
  }

  /// Returns a normally distributed number, by the transform of Box and Muller (1958) in f64. It consumes two words, so
  /// it is never infinite: |x - mean| < 5.8 deviations. Another libm may round it differently.
  float normal(float mean = 0, float deviation = 1);

 private:
  void refill();

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> words_{};
  std::size_t used_ = 4;
};

}  // namespace sluice

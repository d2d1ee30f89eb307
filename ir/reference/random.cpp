#include <array>
#include <cmath>
#include <numbers>

#include "ir/philox.h"
#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

using Block = std::array<std::uint32_t, 4>;

std::uint32_t low_word(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
std::uint32_t high_word(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

/// Fills a tensor of the node's type: `words_to_elements` turns each block of four words into four elements.
template <typename F>
Tensors fill_blocks(const RuleContext& context, F words_to_elements) {
  const auto key = static_cast<std::uint64_t>(context.x().data<std::int64_t>()[0]);
  const auto counter = static_cast<std::uint64_t>(context.y().data<std::int64_t>()[0]);
  return visit_element(context.arithmetic, context.result_dtype(), [&](auto zero) -> Tensors {
    using T = decltype(zero);
    using Float = std::conditional_t<std::is_same_v<T, float>, float, double>;
    if constexpr (is_float_element<T>) {
      Tensor result = Tensor::zeros<T>(context.result_sizes());
      const auto to = result.data<T>();
      for (std::size_t first = 0; first < to.size(); first += 4) {
        const Block words =
            philox4x32_10({low_word(first / 4), high_word(first / 4), low_word(counter), high_word(counter)},
                          {low_word(key), high_word(key)});
        const std::array<Float, 4> elements = words_to_elements(words, Float{});
        for (std::size_t i = first; i < to.size() && i < first + 4; ++i) to[i] = element<T>(elements[i - first]);
      }
      return {result};
    } else {
      SLUICE_UNREACHABLE("random ops make floats");
    }
  });
}

constexpr std::uint32_t kTwoTo24 = 1U << 24U;

/// (upper 24 bits + `added`) / 2^24: exact in float.
template <typename Float>
Float fraction(std::uint32_t word, std::uint32_t added) {
  return static_cast<Float>((word >> 8U) + added) / static_cast<Float>(kTwoTo24);
}

/// Box and Muller, "A note on the generation of random normal deviates" (1958).
std::array<double, 2> normal_pair(std::uint32_t first, std::uint32_t second) {
  const double radius = std::sqrt(-2 * std::log(fraction<double>(first, 1)));
  const double angle = 2 * std::numbers::pi * fraction<double>(second, 0);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

}  // namespace

template <>
Tensors rule<Op::kRandomUniform>(const RuleContext& context) {
  return fill_blocks(context, []<typename Float>(const Block& words, Float) {
    std::array<Float, 4> elements;
    for (std::size_t i = 0; i < 4; ++i) elements[i] = fraction<Float>(words[i], 0);
    return elements;
  });
}

template <>
Tensors rule<Op::kRandomNormal>(const RuleContext& context) {
  return fill_blocks(context, []<typename Float>(const Block& words, Float) {
    const auto [a, b] = normal_pair(words[0], words[1]);
    const auto [c, d] = normal_pair(words[2], words[3]);
    return std::array{static_cast<Float>(a), static_cast<Float>(b), static_cast<Float>(c), static_cast<Float>(d)};
  });
}

}  // namespace sluice::ir::reference

// Elementwise arithmetic.
#include <cmath>
#include <limits>

#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

template <typename T>
T quotient(T x, T y) {
  if constexpr (std::is_integral_v<T>) {
    if (y == 0) return 0;
    if (std::is_signed_v<T> && y == static_cast<T>(-1)) return static_cast<T>(0 - wide(x));
    return static_cast<T>(x / y);
  } else {
    return x / y;
  }
}

template <typename T>
T negative(T x) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<T>(0 - wide(x));
  } else {
    return -x;
  }
}

/// Returns the first NaN of two operands. Its derivative is that of y, as for any pair for which x >= y and x <= y are
/// false.
template <typename T>
T nan_of(T x, T y) {
  if constexpr (std::is_same_v<T, Dual>) {
    return Dual(std::numeric_limits<double>::quiet_NaN(), y.tangent);
  } else {
    return is_nan(x) ? x : y;
  }
}

template <typename T>
T one() {
  return element<T>(1);
}

/// A function of one float, computed in double and rounded once.
template <typename F, typename Slope>
Tensors map_function(const RuleContext& context, F f, Slope slope) {
  return map_elements<IsFloat>(context, [&]<typename T>(T x) {
    if constexpr (std::is_same_v<T, Dual>) {
      const double y = f(x.value);
      return Dual(y, chain(slope(x.value, y), x.tangent));
    } else {
      return static_cast<T>(f(static_cast<double>(x)));
    }
  });
}

}  // namespace

#define FUNCTION(enumerator, value, slope)                                                                       \
  template <>                                                                                                    \
  Tensors rule<Op::enumerator>(const RuleContext& context) {                                                     \
    const auto f = [](double x) { return value; };                                                               \
    return map_function(context, f, []([[maybe_unused]] double x, [[maybe_unused]] double y) { return slope; }); \
  }
#include "ir/reference/functions.def"
#undef FUNCTION

template <>
Tensors rule<Op::kAdd>(const RuleContext& context) {
  return map_elements<IsNumber>(context, [](auto x, decltype(x) y) { return plus(x, y); });
}

template <>
Tensors rule<Op::kSub>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(wide(x) - wide(y));
    } else {
      return x - y;
    }
  });
}

template <>
Tensors rule<Op::kMul>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) { return product(x, y); });
}

template <>
Tensors rule<Op::kDiv>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) { return quotient(x, y); });
}

template <>
Tensors rule<Op::kPow>(const RuleContext& context) {
  return map_elements<IsFloat>(context, []<typename T>(T x, T y) {
    using std::pow;
    if constexpr (std::is_floating_point_v<T>) {
      if (y == 0) return T{1};  // even for a signaling NaN, where libraries differ
    }
    return pow(x, y);
  });
}

template <>
Tensors rule<Op::kMaximum>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) {
    if (is_nan(x) || is_nan(y)) return nan_of(x, y);
    return x >= y ? x : y;  // x at a tie, including its derivative
  });
}

template <>
Tensors rule<Op::kMinimum>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) {
    if (is_nan(x) || is_nan(y)) return nan_of(x, y);
    return x <= y ? x : y;
  });
}

template <>
Tensors rule<Op::kNeg>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x) { return negative(x); });
}

template <>
Tensors rule<Op::kAbs>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x) -> T {
    if constexpr (std::is_same_v<T, Dual>) {
      const double sign = x.value > 0 ? 1 : (x.value < 0 ? -1 : 0);
      return Dual(std::abs(x.value), sign * x.tangent);
    } else if constexpr (std::is_floating_point_v<T>) {
      return std::abs(x);
    } else {
      return x < T{0} ? negative(x) : x;
    }
  });
}

template <>
Tensors rule<Op::kRsqrt>(const RuleContext& context) {
  return map_elements<IsFloat>(context, []<typename T>(T x) {
    using std::sqrt;
    return one<T>() / sqrt(x);
  });
}

template <>
Tensors rule<Op::kRelu>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x) -> T {
    if constexpr (std::is_same_v<T, Dual>) {
      return Dual(0 > x.value ? 0 : x.value, x.value > 0 ? x.tangent : 0);
    } else {
      return T{0} > x ? T{0} : x;
    }
  });
}

template <>
Tensors rule<Op::kSquare>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x) { return product(x, x); });
}

template <>
Tensors rule<Op::kSign>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x) {
    const T zero{};
    if (is_nan(x)) return element<T>(element<double>(x));  // without its tangent
    return element<T>(static_cast<int>(x > zero) - static_cast<int>(x < zero));
  });
}

template <>
Tensors rule<Op::kFloor>(const RuleContext& context) {
  return map_elements<IsFloat>(context, []<typename T>(T x) {
    using std::floor;
    return floor(x);
  });
}

// Halves go to the even number in the default rounding mode, which nothing here changes.
template <>
Tensors rule<Op::kRound>(const RuleContext& context) {
  return map_elements<IsFloat>(context, []<typename T>(T x) {
    using std::nearbyint;
    return nearbyint(x);
  });
}

}  // namespace sluice::ir::reference

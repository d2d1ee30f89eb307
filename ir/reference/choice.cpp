// Comparisons, logic, conversion and choice between elements.
#include <limits>

#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

/// Converts toward zero, saturating; NaN becomes 0.
template <typename Integer>
Integer truncate(double x) {
  constexpr Integer kLeast = std::numeric_limits<Integer>::min();
  constexpr Integer kMost = std::numeric_limits<Integer>::max();
  if (std::isnan(x)) return 0;
  if (x <= static_cast<double>(kLeast)) return kLeast;
  // For i64, kMost as a double is the next power of two: itself too large, with nothing in between.
  if (x >= static_cast<double>(kMost)) return kMost;
  return static_cast<Integer>(x);
}

template <typename To, typename From>
To convert(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{};
  } else if constexpr (is_float_element<From> && is_integer_element<To>) {
    return truncate<To>(element<double>(x));
  } else {
    return element<To>(x);
  }
}

}  // namespace

template <>
Tensors rule<Op::kEqual>(const RuleContext& context) {
  return map_elements<IsAny>(context, []<typename T>(T x, T y) { return x == y; });
}

template <>
Tensors rule<Op::kNotEqual>(const RuleContext& context) {
  return map_elements<IsAny>(context, []<typename T>(T x, T y) { return x != y; });
}

template <>
Tensors rule<Op::kLess>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) { return x < y; });
}

template <>
Tensors rule<Op::kLessEqual>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) { return x <= y; });
}

template <>
Tensors rule<Op::kGreater>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) { return x > y; });
}

template <>
Tensors rule<Op::kGreaterEqual>(const RuleContext& context) {
  return map_elements<IsNumber>(context, []<typename T>(T x, T y) { return x >= y; });
}

template <>
Tensors rule<Op::kLogicalAnd>(const RuleContext& context) {
  return map_elements<IsBool>(context, []<typename T>(T x, T y) { return x && y; });
}

template <>
Tensors rule<Op::kLogicalOr>(const RuleContext& context) {
  return map_elements<IsBool>(context, []<typename T>(T x, T y) { return x || y; });
}

template <>
Tensors rule<Op::kLogicalNot>(const RuleContext& context) {
  return map_elements<IsBool>(context, []<typename T>(T x) { return !x; });
}

template <>
Tensors rule<Op::kSelect>(const RuleContext& context) {
  const auto condition = context.x().data<bool>();
  return context.y().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    const auto y = context.operands[2].data<T>();
    Tensor result = Tensor::zeros<T>(context.y().sizes());
    const auto to = result.data<T>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = condition[i] ? x[i] : y[i];
    return {result};
  });
}

template <>
Tensors rule<Op::kCast>(const RuleContext& context) {
  return visit_element(context.arithmetic, context.attributes().dtype(), [&](auto zero) {
    using To = decltype(zero);
    return map_elements<IsAny>(context, []<typename From>(From x) { return convert<To>(x); });
  });
}

template <>
Tensors rule<Op::kStopGradient>(const RuleContext& context) {
  return map_elements<IsAny>(context, []<typename T>(T x) {
    if constexpr (std::is_same_v<T, Dual>) {
      return Dual(x.value);
    } else {
      return x;
    }
  });
}

}  // namespace sluice::ir::reference

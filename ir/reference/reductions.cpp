#include <algorithm>
#include <limits>
#include <optional>

#include "ir/reference/folds.h"

namespace sluice::ir::reference {

namespace {

/// Calls `f(state, element)` for each element of x in row-major order with the state of the result that it is folded
/// into; returns the states in row-major order.
template <typename State, typename T, typename F>
std::vector<State> fold(const RuleContext& context, std::span<const T> x, F f) {
  const Sizes kept = strides_of(context.result_sizes());
  const auto& axes = context.attributes().integers(Attr::kAxes);
  Sizes strides;
  std::size_t next_kept = 0;
  for (std::size_t axis = 0; axis < context.x().sizes().size(); ++axis) {
    const bool folded = std::ranges::find(axes, static_cast<std::int64_t>(axis)) != axes.end();
    strides.push_back(folded ? 0 : kept[next_kept++]);
  }
  std::vector<State> states(static_cast<std::size_t>(count_of(context.result_sizes())));
  auto from = x.begin();
  for_each_offset(context.x().sizes(), strides, [&](std::size_t offset) { f(states[offset], *from++); });
  return states;
}

/// The best element so far; for duals, also the tangents of all elements equal to it.
template <typename T>
struct Extremum {
  T best{};
  std::int64_t ties = 0;
  double tangents = 0;

  template <typename Better>
  void take(T x, Better better) {
    const bool tie = ties > 0 && x == best;
    if (ties > 0 && !tie && (is_nan(best) || !(is_nan(x) || better(x, best)))) return;
    ties = tie ? ties + 1 : 1;
    if constexpr (std::is_same_v<T, Dual>) tangents = (tie ? tangents : 0) + x.tangent;
    if (!tie) best = x;
  }

  T result() const {
    if constexpr (std::is_same_v<T, Dual>) {
      // A NaN equals nothing, so nothing attains the maximum.
      const double mean = tangents / static_cast<double>(ties);
      return Dual(best.value, is_nan(best) ? std::numeric_limits<double>::quiet_NaN() : mean);
    } else {
      return best;
    }
  }
};

template <typename Better>
Tensors reduce_to_extremum(const RuleContext& context, Better better) {
  return context.x().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    const auto states = fold<Extremum<T>>(context, x, [&](Extremum<T>& state, T value) { state.take(value, better); });
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    std::ranges::transform(states, result.data<T>().begin(), &Extremum<T>::result);
    return {result};
  });
}

/// Returns y with y[i] = next(i, y[i - 1]) along the axis of the node, y[i] = next(i, nothing) where it begins. What
/// is carried is a double for floats.
template <typename Next>
Tensors recurrence(const RuleContext& context, Next next) {
  return context.x().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    if constexpr (std::is_same_v<T, bool>) {
      SLUICE_UNREACHABLE("{}: the row allows numbers only", to_string(context.node.op));
    } else {
      using Carried = std::conditional_t<std::is_same_v<T, float>, double, T>;
      const std::span<const T> last = context.operands.back().data<T>();
      Tensor result = Tensor::zeros<T>(context.result_sizes());
      for_each_fold(context.node, context.x().sizes(), [&](std::vector<std::size_t> fold) {
        if (context.attributes().flag(Attr::kReverse)) std::ranges::reverse(fold);
        std::optional<Carried> y;
        for (const std::size_t i : fold) {
          y = next(static_cast<Carried>(x[i]), static_cast<Carried>(last[i]), y);
          result.data<T>()[i] = static_cast<T>(*y);
        }
      });
      return {result};
    }
  });
}

}  // namespace

template <>
Tensors rule<Op::kCumsum>(const RuleContext& context) {
  return recurrence(
      context, []<typename T>(T x, T, const std::optional<T>& before) { return before ? plus<T>(*before, x) : x; });
}

template <>
Tensors rule<Op::kLinearRecurrence>(const RuleContext& context) {
  return recurrence(context, []<typename T>(T a, T b, const std::optional<T>& before) {
    return before ? plus<T>(product<T>(a, *before), b) : b;
  });
}

template <>
Tensors rule<Op::kReduceSum>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    if constexpr (std::is_same_v<T, bool>) {
      SLUICE_UNREACHABLE("reduce_sum: the row allows numbers only");
    } else {
      using Sum = std::conditional_t<std::is_floating_point_v<T>, long double, T>;
      const auto sums = fold<Sum>(context, x, [](Sum& sum, T value) { sum = plus<Sum>(sum, value); });
      Tensor result = Tensor::zeros<T>(context.result_sizes());
      std::ranges::transform(sums, result.data<T>().begin(), [](Sum sum) { return static_cast<T>(sum); });
      return {result};
    }
  });
}

template <>
Tensors rule<Op::kReduceMax>(const RuleContext& context) {
  return reduce_to_extremum(context, [](auto x, auto best) { return x > best; });
}

template <>
Tensors rule<Op::kReduceMin>(const RuleContext& context) {
  return reduce_to_extremum(context, [](auto x, auto best) { return x < best; });
}

template <>
Tensors rule<Op::kIsFirstMax>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    Tensor result = Tensor::zeros<bool>(context.result_sizes());
    for_each_fold(context.node, context.x().sizes(), [&](const std::vector<std::size_t>& fold) {
      result.data<bool>()[fold[first_maximum(x, fold)]] = true;
    });
    return {result};
  });
}

template <>
Tensors rule<Op::kArgsort>(const RuleContext& context) {
  const bool descending = context.attributes().flag(Attr::kDescending);
  return context.x().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    Tensor result = Tensor::zeros<std::int64_t>(context.result_sizes());
    for_each_fold(context.node, context.x().sizes(), [&](const std::vector<std::size_t>& fold) {
      const std::vector<std::size_t> order = sorted_order(x, fold, descending);
      for (std::size_t i = 0; i < order.size(); ++i)
        result.data<std::int64_t>()[fold[i]] = static_cast<std::int64_t>(order[i]);
    });
    return {result};
  });
}

template <>
Tensors rule<Op::kArgmax>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T> x) -> Tensors {
    Tensor result = Tensor::zeros<std::int64_t>(context.result_sizes());
    auto to = result.data<std::int64_t>().begin();
    for_each_fold(context.node, context.x().sizes(), [&](const std::vector<std::size_t>& fold) {
      *to++ = static_cast<std::int64_t>(first_maximum(x, fold));
    });
    return {result};
  });
}

}  // namespace sluice::ir::reference

// Decisions that rounding may flip: comparisons, steps, the largest of several elements.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ir/reference/folds.h"
#include "passes/check_ways.h"

namespace sluice::passes {

using ir::Node;
using ir::Op;

namespace {

bool is_float_value(const Ways& ways) {
  return ways.values[0].visit([]<typename T>(std::span<const T>) { return ir::reference::is_float_element<T>; });
}

void mark(Mask& mask, std::size_t i, std::size_t count) {
  if (mask.empty()) mask.resize(count);
  mask[i] = true;
}

/// Returns the elements in each way.
std::vector<std::vector<double>> numbers_of_ways(const Ways& x) {
  std::vector<std::vector<double>> all(x.values.size());
  std::ranges::transform(x.values, all.begin(), numbers);
  return all;
}

/// Returns whether the element is finite, an infinity or NaN in one way and something else in another, as where a float
/// overflows and the double does not.
bool differs_in_kind(const std::vector<std::vector<double>>& all, std::size_t i) {
  const double exact = all[0][i];
  return std::ranges::any_of(all, [&](const std::vector<double>& way) {
    if (std::isfinite(way[i]) || std::isfinite(exact)) return std::isfinite(way[i]) != std::isfinite(exact);
    return way[i] != exact && !(std::isnan(way[i]) && std::isnan(exact));
  });
}

/// Returns whether the sign of `distance` may flip if its error is about `error`. An exact tie is decided; compiled
/// code takes subnormal floats for 0.
bool open(double distance, double error) {
  if (distance != 0 && std::abs(distance) < std::numeric_limits<float>::min()) return true;
  return error > 0 && std::abs(distance) <= 4 * error;
}

void decide_between(const Ways& x, const Ways& y, Mask& mask) {
  const std::vector<std::vector<double>> one = numbers_of_ways(x);
  const std::vector<std::vector<double>> other = numbers_of_ways(y);
  for (std::size_t i = 0; i < one[0].size(); ++i) {
    const double gap = one[0][i] - other[0][i];
    double error = 0;
    for (std::size_t way = 1; way < one.size(); ++way)
      error = std::max(error, std::abs(one[way][i] - other[way][i] - gap));
    const bool kink = (at(x.near_kink, i) || at(y.near_kink, i)) && std::abs(gap) < 1e-4;
    if (kink || open(gap, error) || differs_in_kind(one, i) || differs_in_kind(other, i)) mark(mask, i, one[0].size());
  }
}

template <typename F>
void decide_step(const Ways& x, Mask& mask, F nearest_step) {
  const std::vector<std::vector<double>> all = numbers_of_ways(x);
  for (std::size_t i = 0; i < x.count(); ++i) {
    const double exact = all[0][i];
    double error = 0;
    for (std::size_t way = 1; way < all.size(); ++way) error = std::max(error, std::abs(all[way][i] - exact));
    if (at(x.near_kink, i) || open(exact - nearest_step(exact), error) || differs_in_kind(all, i))
      mark(mask, i, x.count());
  }
}

/// Returns whether rounding may flip the order of two elements of x, whose numbers are `all`, a list for each way.
bool may_swap(const std::vector<std::vector<double>>& all, const Ways& x, std::size_t one, std::size_t other) {
  const double distance = all[0][one] - all[0][other];
  double error = 0;
  for (std::size_t way = 1; way < all.size(); ++way)
    error = std::max(error, std::abs(all[way][one] - all[way][other] - distance));
  const bool kink = (at(x.near_kink, one) || at(x.near_kink, other)) && std::abs(distance) < 1e-4;
  return kink || open(distance, error) || differs_in_kind(all, one) || differs_in_kind(all, other);
}

/// Of the elements that are compared with each other, the largest is decided if rounding cannot make another one so;
/// `mark_fold` gets those of which it is not, and the number of the fold.
template <typename MarkFold>
void decide_largest(const Node& node, const Ways& x, MarkFold mark_fold) {
  const std::vector<std::vector<double>> all = numbers_of_ways(x);
  std::size_t number = 0;
  ir::reference::for_each_fold(node, x.values[0].sizes(), [&](const std::vector<std::size_t>& fold) {
    const std::size_t best = fold[ir::reference::first_maximum(all[0], fold)];
    const auto may_be_larger = [&](std::size_t other) { return other != best && may_swap(all, x, best, other); };
    if (std::ranges::any_of(fold, may_be_larger)) mark_fold(fold, number);
    ++number;
  });
}

/// Marks the places between which elements may change places: those of a pair whose order is open, and all between.
void decide_order(const Node& node, const Ways& x, Ways& result) {
  const std::vector<std::vector<double>> all = numbers_of_ways(x);
  ir::reference::for_each_fold(node, x.values[0].sizes(), [&](const std::vector<std::size_t>& fold) {
    const std::vector<std::size_t> order =
        ir::reference::sorted_order(all[0], fold, node.attributes.flag(ir::Attr::kDescending));
    for (std::size_t i = 0; i < order.size(); ++i) {
      for (std::size_t j = i + 1; j < order.size(); ++j) {
        const std::size_t one = fold[order[i]];
        const std::size_t other = fold[order[j]];
        if (!may_swap(all, x, one, other)) continue;
        for (std::size_t place = i; place <= j; ++place) mark(result.undecided, fold[place], result.count());
      }
    }
  });
}

/// Marks all elements if an operand has one that is not finite: whether hidden keys, of weight 0, count beside it is up
/// to the tiles.
void decide_hidden(const std::vector<Ways>& operands, Ways& result) {
  const bool finite = std::ranges::all_of(operands, [](const Ways& x) {
    return std::ranges::all_of(numbers_of_ways(x), [](const std::vector<double>& way) {
      return std::ranges::all_of(way, [](double y) { return std::isfinite(y); });
    });
  });
  if (!finite) result.undecided.assign(result.count(), true);
}

}  // namespace

void mark_decisions(const Node& node, const std::vector<Ways>& operands, Ways& result) {
  if (operands.empty() || !is_float_value(operands[0])) return;
  switch (node.op) {
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
      return decide_between(operands[0], operands[1], result.undecided);
    case Op::kMaximum:
    case Op::kMinimum:
      return decide_between(operands[0], operands[1], result.near_kink);
    case Op::kRelu:
    case Op::kAbs:
      return decide_step(operands[0], result.near_kink, [](double) { return 0.0; });
    case Op::kSign:
      return decide_step(operands[0], result.undecided, [](double) { return 0.0; });
    case Op::kFloor:
      return decide_step(operands[0], result.undecided, [](double x) { return std::round(x); });
    case Op::kRound:
      return decide_step(operands[0], result.undecided, [](double x) { return std::floor(x) + 0.5; });
    case Op::kCast:
      if (is_float(node.types[0].dtype)) return;
      return decide_step(operands[0], result.undecided, [](double x) { return std::round(x); });
    case Op::kArgmax:
      return decide_largest(node, operands[0],
                            [&](const auto&, std::size_t fold) { mark(result.undecided, fold, result.count()); });
    case Op::kIsFirstMax:
      return decide_largest(node, operands[0], [&](const std::vector<std::size_t>& fold, std::size_t) {
        for (const std::size_t i : fold) mark(result.undecided, i, result.count());
      });
    case Op::kArgsort:
      return decide_order(node, operands[0], result);
    case Op::kAttention:
    case Op::kAttentionGradient:
      return decide_hidden(operands, result);
    default:
      return;
  }
}

}  // namespace sluice::passes

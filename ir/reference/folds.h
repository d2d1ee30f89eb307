#pragma once

#include <algorithm>
#include <numeric>
#include <vector>

#include "ir/reduction.h"
#include "ir/reference/rules.h"

namespace sluice::ir::reference {

/// Calls `visit` with the row-major positions of the elements that a reduction, is_first_max or argsort of an array of
/// `sizes` folds into one, for each such group.
template <typename Visit>
void for_each_fold(const Node& node, const Sizes& sizes, Visit visit) {
  const Sizes strides = strides_of(sizes);
  Sizes kept = sizes;
  Sizes folded;
  Sizes steps;
  for (const std::int64_t axis : reduced_axes(node)) {
    const auto at = static_cast<std::size_t>(axis);
    folded.push_back(sizes[at]);
    steps.push_back(strides[at]);
    kept[at] = 1;
  }
  if (count_of(sizes) == 0) return;
  std::vector<std::size_t> fold;
  for_each_offset(kept, strides, [&](std::size_t first) {
    fold.clear();
    for_each_offset(folded, steps, [&](std::size_t offset) { fold.push_back(first + offset); });
    visit(fold);
  });
}

/// Returns which of the elements of x at the positions `fold` is the first maximum: the first NaN if there is one.
template <typename Elements>
std::size_t first_maximum(const Elements& x, const std::vector<std::size_t>& fold) {
  std::size_t best = 0;
  for (std::size_t i = 1; i < fold.size(); ++i) {
    const auto candidate = x[fold[i]];
    const auto champion = x[fold[best]];
    if (!is_nan(champion) && (is_nan(candidate) || candidate > champion)) best = i;
  }
  return best;
}

/// Returns the order of the elements of x at the positions `fold`: equal ones stay in their order, NaN is largest.
template <typename Elements>
std::vector<std::size_t> sorted_order(const Elements& x, const std::vector<std::size_t>& fold, bool descending) {
  std::vector<std::size_t> order(fold.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t i, std::size_t j) {
    const auto& before = x[fold[descending ? j : i]];
    const auto& after = x[fold[descending ? i : j]];
    return is_nan(after) ? !is_nan(before) : before < after;
  });
  return order;
}

}  // namespace sluice::ir::reference

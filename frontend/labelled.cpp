#include "frontend/labelled.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "frontend/broadcasting.h"
#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/error.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice::detail {

namespace {

constexpr std::int64_t kTypicalBatch = 128;  // for B, when comparing orders

Dim size_of(const Labelled& operand, Label label) {
  for (std::size_t axis = 0; axis < operand.labels.size(); ++axis) {
    if (operand.labels[axis] == label) return operand.x.shape()[static_cast<int>(axis)];
  }
  SLUICE_UNREACHABLE("label {} is not there", label);
}

double elements(const Labelled& operand) {
  return static_cast<double>(operand.x.shape().element_count().where_all_are(kTypicalBatch));
}

Labels joined(std::initializer_list<Labels> lists) {
  Labels all;
  for (const Labels& labels : lists) all.insert(all.end(), labels.begin(), labels.end());
  return all;
}

template <typename Predicate>
Labels filtered(const Labels& labels, Predicate keep) {
  Labels kept;
  std::ranges::copy_if(labels, std::back_inserter(kept), keep);
  return kept;
}

/// Returns whether memory must be moved to bring the axes into the order of `labels`.
bool moves(const Labelled& operand, const Labels& labels) {
  const auto wide = [&](Label label) { return size_of(operand, label) != Dim(1); };
  return filtered(operand.labels, wide) != filtered(labels, wide);
}

/// Returns the operand with its axes in the order of `labels`, which are its own.
Tensor ordered(const Labelled& operand, const Labels& labels) {
  if (labels == operand.labels) return operand.x;
  std::vector<std::int64_t> permutation;
  for (const Label label : labels)
    permutation.push_back(std::ranges::find(operand.labels, label) - operand.labels.begin());
  return transpose(operand.x, permutation);
}

/// Returns the operand with its axes in the order of `labels`, with size 1 for labels that it lacks.
Tensor aligned(const Labelled& operand, const Labels& labels) {
  const Labels own = filtered(labels, [&](Label label) { return contains(operand.labels, label); });
  Shape shape;
  for (const Label label : labels) shape.push_back(contains(own, label) ? size_of(operand, label) : Dim(1));
  return reshape(ordered(operand, own), shape);
}

Labelled summed(const Labelled& operand, const Labels& kept) {
  std::vector<std::int64_t> axes;
  for (std::size_t axis = 0; axis < operand.labels.size(); ++axis) {
    if (!contains(kept, operand.labels[axis])) axes.push_back(static_cast<std::int64_t>(axis));
  }
  if (axes.empty()) return operand;
  return {reduce_sum(operand.x, axes), filtered(operand.labels, [&](Label label) { return contains(kept, label); })};
}

/// A product of two operands: the labels of both that are kept or summed over, and those that only one of them has.
struct Pair {
  Labels batch;
  Labels contracted;
  Labels free_a;
  Labels free_b;
};

Pair pair_of(const Labelled& a, const Labelled& b, const Labels& kept) {
  Pair pair;
  for (const Label label : a.labels) {
    const bool in_both = contains(b.labels, label);
    (!in_both ? pair.free_a : contains(kept, label) ? pair.batch : pair.contracted).push_back(label);
  }
  pair.free_b = filtered(b.labels, [&](Label label) { return !contains(a.labels, label); });
  return pair;
}

/// Multiplies by broadcasting, with the axes in the order of the operand that has more of them.
Labelled elementwise_product(const Labelled& a, const Labelled& b, const Pair& pair) {
  const Labels all = joined({pair.batch, pair.free_a, pair.free_b, pair.contracted});
  const Labels& order = pair.free_b.empty() ? a.labels : pair.free_a.empty() ? b.labels : all;
  const Labelled product{aligned(a, order) * aligned(b, order), order};
  return summed(product, joined({pair.batch, pair.free_a, pair.free_b}));
}

/// How a pair becomes a matmul: the order of each group of labels, and which operand is the lhs.
struct Arrangement {
  Pair pair;  ///< in order; `a` is the lhs
  bool transpose_a = false;
  bool transpose_b = false;
  double moved = 0;  ///< elements copied to bring operands and result into order

  Labels lhs() const {
    return transpose_a ? joined({pair.batch, pair.contracted, pair.free_a})
                       : joined({pair.batch, pair.free_a, pair.contracted});
  }
  Labels rhs() const {
    return transpose_b ? joined({pair.batch, pair.free_b, pair.contracted})
                       : joined({pair.batch, pair.contracted, pair.free_b});
  }
  Labels result() const { return joined({pair.batch, pair.free_a, pair.free_b}); }
};

Arrangement arranged(const Labelled& a, const Labelled& b, Pair pair, const Labels& output) {
  Arrangement best{std::move(pair)};
  best.transpose_a = moves(a, best.lhs());
  if (best.transpose_a && moves(a, best.lhs())) {
    best.transpose_a = false;
    best.moved += elements(a);
  }
  best.transpose_b = moves(b, best.rhs());
  if (best.transpose_b && moves(b, best.rhs())) {
    best.transpose_b = false;
    best.moved += elements(b);
  }
  const Labels result = best.result();
  const Labels wanted = filtered(output, [&](Label label) { return contains(result, label); });
  if (wanted != result) {
    double count = 1;
    for (const Label label : result)
      count *= static_cast<double>(size_of(contains(a.labels, label) ? a : b, label).where_all_are(kTypicalBatch));
    best.moved += count;
  }
  return best;
}

/// Returns the product of a group's sizes: its axes merged into one.
Dim size_of_group(const Labelled& operand, const Labels& group) {
  Shape shape;
  for (const Label label : group) shape.push_back(size_of(operand, label));
  return shape.element_count();
}

Shape sizes_of(const Labelled& operand, const Labels& labels) {
  Shape shape;
  for (const Label label : labels) shape.push_back(size_of(operand, label));
  return shape;
}

Labelled matrix_product(const Labelled& a, const Labelled& b, const Arrangement& how) {
  const Pair& pair = how.pair;
  const auto matrices = [&](const Labelled& operand, const Labels& order, Dim rows, Dim columns) {
    Shape shape = sizes_of(operand, pair.batch);
    shape.push_back(rows);
    shape.push_back(columns);
    return reshape(ordered(operand, order), shape);
  };
  const Dim m = size_of_group(a, pair.free_a);
  const Dim n = size_of_group(b, pair.free_b);
  const Dim k = size_of_group(a, pair.contracted);
  const Tensor lhs = how.transpose_a ? matrices(a, how.lhs(), k, m) : matrices(a, how.lhs(), m, k);
  const Tensor rhs = how.transpose_b ? matrices(b, how.rhs(), n, k) : matrices(b, how.rhs(), k, n);
  const Tensor product = matmul(lhs, rhs, {.transpose_a = how.transpose_a, .transpose_b = how.transpose_b});
  Shape shape = sizes_of(a, joined({pair.batch, pair.free_a}));
  for (const Dim dim : sizes_of(b, pair.free_b)) shape.push_back(dim);
  return {reshape(product, shape), how.result()};
}

/// Returns the product of two operands, without the labels that are not in `kept`. Uses a matmul if each operand has a
/// label of its own; otherwise an elementwise product and a sum, because there is nothing to reuse. `output`: the
/// desired order of labels.
Labelled product_of(const Labelled& x, const Labelled& y, const Labels& kept, const Labels& output) {
  const Labelled a = summed(x, joined({kept, y.labels}));
  const Labelled b = summed(y, joined({kept, x.labels}));
  const Pair pair = pair_of(a, b, kept);
  if (pair.contracted.empty() || pair.free_a.empty() || pair.free_b.empty() || !is_float(a.x.dtype()))
    return elementwise_product(a, b, pair);
  // Groups that both have may take either operand's order, and either operand may be the lhs.
  const Pair other = pair_of(b, a, kept);
  std::optional<Arrangement> best;
  bool swapped = false;
  for (const bool swap : {false, true}) {
    for (const Labels& batch : {pair.batch, other.batch}) {
      for (const Labels& contracted : {pair.contracted, other.contracted}) {
        Pair groups{batch, contracted, pair.free_a, pair.free_b};
        if (swap) std::swap(groups.free_a, groups.free_b);
        Arrangement how = arranged(swap ? b : a, swap ? a : b, std::move(groups), output);
        if (best && how.moved >= best->moved) continue;
        best = std::move(how);
        swapped = swap;
      }
    }
  }
  return matrix_product(swapped ? b : a, swapped ? a : b, *best);
}

/// Returns the number of multiply-adds of a product.
double cost(const Labelled& a, const Labelled& b) {
  double count = elements(a);
  for (const Label label : b.labels) {
    if (!contains(a.labels, label)) count *= static_cast<double>(size_of(b, label).where_all_are(kTypicalBatch));
  }
  return count;
}

}  // namespace

Tensor sum_of_products(std::vector<Labelled> operands, const Labels& output) {
  while (operands.size() > 1) {
    std::array<std::size_t, 2> cheapest{0, 1};
    for (std::size_t i = 0; i < operands.size(); ++i) {
      for (std::size_t j = i + 1; j < operands.size(); ++j) {
        if (cost(operands[i], operands[j]) < cost(operands[cheapest[0]], operands[cheapest[1]])) cheapest = {i, j};
      }
    }
    Labels kept = output;
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (i != cheapest[0] && i != cheapest[1]) kept = joined({kept, operands[i].labels});
    }
    operands[cheapest[0]] = product_of(operands[cheapest[0]], operands[cheapest[1]], kept, output);
    operands.erase(operands.begin() + static_cast<std::ptrdiff_t>(cheapest[1]));
  }
  return ordered(summed(operands[0], output), output);
}

}  // namespace sluice::detail

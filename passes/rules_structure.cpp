#include <algorithm>

#include "passes/rewrite.h"

// Rules for products, reductions, slice, pad and concat.
namespace sluice::passes {

using ir::Attr;
using ir::Op;
using ir::Value;
using Result = std::optional<Value>;

namespace {

Value product(const Match& m, Value a, bool transpose_a, Value b, bool transpose_b) {
  return m(Op::kMatmul, {a, b}, {{Attr::kTransposeA, transpose_a}, {Attr::kTransposeB, transpose_b}});
}

/// Returns whether a transpose swaps the last two axes and keeps the others: it transposes each matrix in a matmul's
/// operand or result.
bool transposes_matrices(const ir::Attributes& attributes) {
  std::vector<std::int64_t> permutation = attributes.integers(Attr::kPermutation);
  if (permutation.size() < 2) return false;
  std::swap(permutation.back(), permutation[permutation.size() - 2]);
  for (std::size_t axis = 0; axis < permutation.size(); ++axis) {
    if (permutation[axis] != static_cast<std::int64_t>(axis)) return false;
  }
  return true;
}

bool is_transpose_of_matrices(const ir::Node& node) {
  return node.op == Op::kTranspose && transposes_matrices(node.attributes);
}

bool folds_only_ones(const Match& m) {
  return std::ranges::all_of(m.attributes().integers(Attr::kAxes), [&](std::int64_t axis) {
    return m.operand_type(0).shape[static_cast<int>(axis)] == Dim(1);
  });
}

/// reduce_max and reduce_min of one element are that element.
Result without_reduction(const Match& m) {
  return folds_only_ones(m) ? Result(m.builder().reshape(m.operand(0), m.type().shape)) : Result();
}

/// Returns whether the inner reduction folds the last axes, after all that the outer one folds: a single reduction over
/// both then combines the elements in the same order.
bool folds_in_order(const Match& m) {
  const auto& inner = m.maker(0).attributes.integers(Attr::kAxes);
  const auto& outer = m.attributes().integers(Attr::kAxes);
  if (inner.empty() || outer.empty()) return true;
  // Axis `last` of the inner result is the same one of its operand if no axis before it was removed.
  const std::int64_t last = std::ranges::max(outer);
  return std::ranges::min(inner) > last;
}

/// Returns one reduction over the axes of both. The outer axes are relative to the inner result's shape.
Result joined_reductions(const Match& m) {
  const auto x = m.inner(0, m.op());
  if (!x) return {};
  std::vector<std::int64_t> kept;
  std::vector<std::int64_t> axes = m.maker(0).attributes.integers(Attr::kAxes);
  for (std::int64_t axis = 0; axis < m.type_of(*x).shape.rank(); ++axis) {
    if (std::ranges::find(axes, axis) == axes.end()) kept.push_back(axis);
  }
  for (const std::int64_t axis : m.attributes().integers(Attr::kAxes)) {
    axes.push_back(kept[static_cast<std::size_t>(axis)]);
  }
  std::ranges::sort(axes);
  return m(m.op(), {*x}, {{Attr::kAxes, std::move(axes)}});
}

/// The extreme of floats is the first of +0 and -0, and the first NaN, so the order matters.
Result joined_extremes(const Match& m) {
  if (m.maker(0).op != m.op() || (is_float(m.type().dtype) && !folds_in_order(m))) return {};
  return joined_reductions(m);
}

constexpr Rule kStructureRules[] = {
    {"matmul(transpose a, b) -> matmul{transpose_a}(a, b)", Exactness::kExact, Op::kMatmul,
     [](const Match& m) -> Result {
       if (!is_transpose_of_matrices(m.maker(0))) return {};
       return product(m, m.maker(0).operands[0], !m.attributes().flag(Attr::kTransposeA), m.operand(1),
                      m.attributes().flag(Attr::kTransposeB));
     }},
    {"matmul(a, transpose b) -> matmul{transpose_b}(a, b)", Exactness::kExact, Op::kMatmul,
     [](const Match& m) -> Result {
       if (!is_transpose_of_matrices(m.maker(1))) return {};
       return product(m, m.operand(0), m.attributes().flag(Attr::kTransposeA), m.maker(1).operands[0],
                      !m.attributes().flag(Attr::kTransposeB));
     }},
    {"transpose matmul(a, b) -> matmul{transpose_a, transpose_b}(b, a)", Exactness::kNanBits, Op::kTranspose,
     [](const Match& m) -> Result {
       const ir::Node node = m.maker(0);
       if (node.op != Op::kMatmul || !m.only_reader(m.operand(0))) return {};
       if (!transposes_matrices(m.attributes())) return {};
       return product(m, node.operands[1], !node.attributes.flag(Attr::kTransposeB), node.operands[0],
                      !node.attributes.flag(Attr::kTransposeA));
     }},
    {"reduce_sum over axes of size 1 -> reshape x + 0", Exactness::kExact, Op::kReduceSum,
     [](const Match& m) -> Result {
       if (!folds_only_ones(m)) return {};
       // A sum starts at 0, so the sum of -0 is 0.
       const Value x = m.builder().reshape(m.operand(0), m.type().shape);
       return m(Op::kAdd, {x, m.builder().full(m.type(), 0)});
     }},
    {"reduce_max over axes of size 1 -> reshape", Exactness::kExact, Op::kReduceMax, without_reduction},
    {"reduce_min over axes of size 1 -> reshape", Exactness::kExact, Op::kReduceMin, without_reduction},
    {"reduce_sum reduce_sum x -> reduce_sum x of integers", Exactness::kExact, Op::kReduceSum,
     [](const Match& m) -> Result { return is_integer(m.type().dtype) ? joined_reductions(m) : Result(); }},
    {"reduce_sum reduce_sum x -> reduce_sum x", Exactness::kFast, Op::kReduceSum, joined_reductions},
    {"reduce_max reduce_max x -> reduce_max x", Exactness::kExact, Op::kReduceMax, joined_extremes},
    {"reduce_min reduce_min x -> reduce_min x", Exactness::kExact, Op::kReduceMin, joined_extremes},
    {"slice of all -> x", Exactness::kExact, Op::kSlice,
     [](const Match& m) -> Result { return m.operand_type(0) == m.type() ? Result(m.operand(0)) : Result(); }},
    {"slice slice x -> slice x", Exactness::kExact, Op::kSlice,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kSlice);
       const std::int64_t axis = m.attributes().integer(Attr::kAxis);
       if (!x || m.maker(0).attributes.integer(Attr::kAxis) != axis) return {};
       const Dim offset = m.maker(0).attributes.size(Attr::kStart);
       return m(Op::kSlice, {*x},
                {{Attr::kAxis, axis},
                 {Attr::kStart, offset + m.attributes().size(Attr::kStart)},
                 {Attr::kLimit, offset + m.attributes().size(Attr::kLimit)}});
     }},
    {"pad by nothing -> x", Exactness::kExact, Op::kPad,
     [](const Match& m) -> Result { return m.operand_type(0) == m.type() ? Result(m.operand(0)) : Result(); }},
    {"concat of one -> x", Exactness::kExact, Op::kConcat,
     [](const Match& m) -> Result { return m.operand_count() == 1 ? Result(m.operand(0)) : Result(); }},
};

}  // namespace

std::span<const Rule> structure_rules() { return kStructureRules; }

}  // namespace sluice::passes

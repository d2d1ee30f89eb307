#include <algorithm>
#include <utility>

#include "passes/gradient_rules.h"

// Derivatives of products, moves and reductions. All but reduce_max and reduce_min are linear in the operand derived
// by, so the derivative is the transposed map, applied to the adjoint g.
namespace sluice::passes {

using ir::Attr;
using ir::Op;
using ir::Value;

namespace {

/// `shape` with the axes that a reduction folds set to 1.
Shape with_folded_axes(const Shape& shape, const std::vector<std::int64_t>& axes) {
  Shape result = shape;
  for (const std::int64_t axis : axes) result[static_cast<int>(axis)] = 1;
  return result;
}

/// A value of a reduction's result type, repeated to its operand's shape.
Value unfold(const GradientContext& c, Value value) {
  const Shape& shape = c.operand_type(0).shape;
  const Shape folded = with_folded_axes(shape, c.node.attributes.integers(Attr::kAxes));
  return c.builder.broadcast(c.builder.reshape(value, folded), shape);
}

/// The adjoint goes to the elements that attain the extreme, in equal shares: to those that `beyond` (kLess or
/// kGreater) does not hold for. A NaN is the extreme, and nothing is beyond it: all that are folded with it share it.
void share_among_ties(GradientContext& c, Op beyond) {
  const Type& type = c.operand_type(0);
  const Value misses = c(beyond, {c.operand(0), unfold(c, c.result)});
  const Value ones = c(Op::kSelect, {misses, c.builder.full(type, 0), c.builder.full(type, 1)});
  const Value count = c.builder.reduce_sum(ones, c.node.attributes.integers(Attr::kAxes));
  const Value is_number = c(Op::kEqual, {c.result, c.result});
  const Value share = c(Op::kSelect, {is_number, c(Op::kDiv, {c.adjoint, count}), c.result});
  c.contribute(0, c(Op::kSelect, {misses, c.builder.full(type, 0), unfold(c, share)}));
}

Value slice(const GradientContext& c, Value x, std::int64_t axis, Dim start, Dim limit) {
  const Dim& size = c.builder.type(x).shape[static_cast<int>(axis)];
  if (start == Dim(0) && size == limit) return x;
  return c(Op::kSlice, {x}, {{Attr::kAxis, axis}, {Attr::kStart, start}, {Attr::kLimit, limit}});
}

}  // namespace

/// With a' and b' the operands after their transpose flags, r = a' b': by a' it is g b'^T, by b' it is a'^T g, for each
/// index of the batch axes; each is written so that no transpose is left over.
void gradient_of_kMatmul(GradientContext& c) {
  const Value a = c.operand(0);
  const Value b = c.operand(1);
  const bool transpose_a = c.node.attributes.flag(Attr::kTransposeA);
  const bool transpose_b = c.node.attributes.flag(Attr::kTransposeB);
  const auto product = [&](Value x, bool transpose_x, Value y, bool transpose_y) {
    return c(Op::kMatmul, {x, y}, {{Attr::kTransposeA, transpose_x}, {Attr::kTransposeB, transpose_y}});
  };
  if (c.wanted(0)) {
    c.contribute(0,
                 transpose_a ? product(b, transpose_b, c.adjoint, true) : product(c.adjoint, false, b, !transpose_b));
  }
  if (c.wanted(1)) {
    c.contribute(1,
                 transpose_b ? product(c.adjoint, true, a, transpose_a) : product(a, !transpose_a, c.adjoint, false));
  }
}

void gradient_of_kTranspose(GradientContext& c) {
  const auto& permutation = c.node.attributes.integers(Attr::kPermutation);
  std::vector<std::int64_t> inverse(permutation.size());
  for (std::size_t i = 0; i < permutation.size(); ++i) {
    inverse[static_cast<std::size_t>(permutation[i])] = static_cast<std::int64_t>(i);
  }
  c.contribute(0, c(Op::kTranspose, {c.adjoint}, {{Attr::kPermutation, std::move(inverse)}}));
}

void gradient_of_kReshape(GradientContext& c) {
  c.contribute(0, c.builder.reshape(c.adjoint, c.operand_type(0).shape));
}

/// The sum over the axes that were repeated.
static bool reads_windows(const ir::Graph& graph, Value value) {
  return std::ranges::any_of(graph.node(value).operands,
                             [&](Value operand) { return graph.node(operand).op == ir::Op::kWindows; });
}

void gradient_of_kBroadcast(GradientContext& c) {
  const Shape& from = c.operand_type(0).shape;
  const Shape& to = c.type().shape;
  const int missing = to.rank() - from.rank();
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < to.rank(); ++axis) {
    if (axis < missing || from[axis - missing] != to[axis]) axes.push_back(axis);
  }
  Value sum = c.adjoint;
  if (axes.size() > 1 && std::cmp_equal(axes.back() + 1, axes.size()) && std::cmp_less(axes.size(), to.rank()) &&
      reads_windows(c.builder.graph(), sum)) {
    // The gradient of a depthwise filter: each image is summed while it is in the cache, and threads share the images.
    sum = c.builder.reduce_sum(sum, {axes.begin() + 1, axes.end()});
    axes = {0};
  }
  c.contribute(0, c.builder.reshape(c.builder.reduce_sum(sum, std::move(axes)), from));
}

void gradient_of_kConcat(GradientContext& c) {
  const std::int64_t axis = c.node.attributes.integer(Attr::kAxis);
  Dim start = 0;
  for (std::size_t i = 0; i < c.node.operands.size(); ++i) {
    const Dim limit = start + c.operand_type(i).shape[static_cast<int>(axis)];
    if (c.wanted(i) && start != limit) c.contribute(i, slice(c, c.adjoint, axis, start, limit));
    start = limit;
  }
}

void gradient_of_kSlice(GradientContext& c) {
  const std::int64_t axis = c.node.attributes.integer(Attr::kAxis);
  const Dim low = c.node.attributes.size(Attr::kStart);
  const Dim high = c.operand_type(0).shape[static_cast<int>(axis)] - c.node.attributes.size(Attr::kLimit);
  c.contribute(0, c(Op::kPad, {c.adjoint}, {{Attr::kAxis, axis}, {Attr::kLow, low}, {Attr::kHigh, high}}));
}

void gradient_of_kPad(GradientContext& c) {
  const std::int64_t axis = c.node.attributes.integer(Attr::kAxis);
  const Dim low = c.node.attributes.size(Attr::kLow);
  const Dim size = c.operand_type(0).shape[static_cast<int>(axis)];
  if (size.size != 0) c.contribute(0, slice(c, c.adjoint, axis, low, low + size));
}

void gradient_of_kWindows(GradientContext& c) {
  ir::Attributes attributes = c.node.attributes;
  attributes.set(Attr::kShape, c.operand_type(0).shape);
  c.contribute(0, c(Op::kAddWindows, {c.adjoint}, std::move(attributes)));
}

void gradient_of_kAddWindows(GradientContext& c) {
  ir::Attributes attributes;
  for (const auto& [key, value] : c.node.attributes) {
    if (key != Attr::kShape) attributes.set(key, value);
  }
  c.contribute(0, c(Op::kWindows, {c.adjoint}, std::move(attributes)));
}

void gradient_of_kGather(GradientContext& c) {
  if (!c.wanted(0)) return;
  const Value zeros = c.builder.full(c.operand_type(0), 0);
  c.contribute(0, c(Op::kScatterAdd, {zeros, c.operand(1), c.adjoint}));
}

void gradient_of_kScatterAdd(GradientContext& c) {
  c.contribute(0, c.adjoint);
  if (c.wanted(2)) c.contribute(2, c(Op::kGather, {c.adjoint, c.operand(1)}));
}

/// The adjoint of each element is the sum of those of the sums that it is in.
void gradient_of_kCumsum(GradientContext& c) {
  ir::Attributes attributes = c.node.attributes;
  attributes.set(Attr::kReverse, !attributes.flag(Attr::kReverse));
  c.contribute(0, c(Op::kCumsum, {c.adjoint}, std::move(attributes)));
}

/// y[i] = a[i] y[i-1] + b[i]: with s[i] = g[i] + a[i+1] s[i+1], the adjoint of b is s, and that of a[i] is s[i] y[i-1].
void gradient_of_kLinearRecurrence(GradientContext& c) {
  const std::int64_t axis = c.node.attributes.integer(Attr::kAxis);
  const bool reverse = c.node.attributes.flag(Attr::kReverse);
  const Dim size = c.type().shape[static_cast<int>(axis)];
  if (size == Dim(0)) return;
  if (size == Dim(1)) return c.contribute(1, c.adjoint);
  // The elements but the first, or but the last, as the recurrence goes.
  const auto later = [&](Value x) { return reverse ? slice(c, x, axis, 0, size - 1) : slice(c, x, axis, 1, size); };
  const auto earlier = [&](Value x) { return reverse ? slice(c, x, axis, 1, size) : slice(c, x, axis, 0, size - 1); };
  const auto pad = [&](Value x, bool in_front) {
    return c(Op::kPad, {x},
             {{Attr::kAxis, axis}, {Attr::kLow, Dim(in_front ? 1 : 0)}, {Attr::kHigh, Dim(in_front ? 0 : 1)}});
  };
  const Value next_a = pad(later(c.operand(0)), reverse);  // what is padded is not read
  const Value s = c(Op::kLinearRecurrence, {next_a, c.adjoint}, {{Attr::kAxis, axis}, {Attr::kReverse, !reverse}});
  c.contribute(1, s);
  if (c.wanted(0)) c.contribute(0, pad(c(Op::kMul, {later(s), earlier(c.result)}), !reverse));
}

/// A row stays if the table of the positions of rows, scattered likewise, has its own position at its index.
void gradient_of_kScatter(GradientContext& c) {
  const Value indices = c.operand(1);
  const Type& rows = c.operand_type(2);
  if (c.wanted(0)) c.contribute(0, c(Op::kScatter, {c.adjoint, indices, c.builder.full(rows, 0)}));
  if (!c.wanted(2)) return;
  const Dim count = c.operand_type(1).shape.element_count();
  const Value positions =
      c(Op::kIota, {}, {{Attr::kAxis, std::int64_t{0}}, {Attr::kDType, DType::kI64}, {Attr::kShape, Shape{count}}});
  const Value flat = c.builder.reshape(indices, {count});
  const Value none = c.builder.full({DType::kI64, {c.type().shape[0]}}, 0);
  const Value last = c(Op::kGather, {c(Op::kScatter, {none, flat, positions}), flat});
  Shape alike = c.operand_type(1).shape;
  while (alike.rank() < rows.shape.rank()) alike.push_back(1);
  const Value stays = c.builder.broadcast(c.builder.reshape(c(Op::kEqual, {last, positions}), alike), rows.shape);
  c.contribute(2, c(Op::kSelect, {stays, c(Op::kGather, {c.adjoint, indices}), c.builder.full(rows, 0)}));
}

void gradient_of_kReduceSum(GradientContext& c) { c.contribute(0, unfold(c, c.adjoint)); }

void gradient_of_kReduceMax(GradientContext& c) { share_among_ties(c, Op::kLess); }

void gradient_of_kReduceMin(GradientContext& c) { share_among_ties(c, Op::kGreater); }

}  // namespace sluice::passes

#include <cmath>

#include "ir/infer_parts.h"

namespace sluice::ir {

namespace {

Dim from_last(const Type& type, int axis) { return type.shape[type.shape.rank() - axis]; }

Shape with_last(const Type& type, const std::vector<Dim>& dims, int replaced) {
  Shape shape(std::vector<Dim>(type.shape.begin(), type.shape.end() - replaced));
  for (const Dim dim : dims) shape.push_back(dim);
  return shape;
}

/// Checks q, k, v, the mask, which is operand `mask` if there is one, and the scale.
void check_attention(const InferContext& c, std::size_t mask) {
  if (c.operands.size() != mask && c.operands.size() != mask + 1)
    fail("{}: expected {} or {} operands, got {}", name(c), mask, mask + 1, c.operands.size());
  const Type& q = c.operands[0];
  const Type& k = c.operands[1];
  const Type& v = c.operands[2];
  const int rank = q.shape.rank();
  const auto fail_for = [&](std::string_view expected) {
    fail("{}: expected {}, got {}, {} and {}", name(c), expected, to_string(q), to_string(k), to_string(v));
  };
  for (const Type* type : {&q, &k, &v}) {
    if (type->dtype != DType::kF32 || type->shape.rank() != rank || rank < 2)
      fail_for("q, k and v of f32 and one rank, at least 2");
    if (from_last(*type, 1).batch || from_last(*type, 1).size < 1) fail_for("static last axes of at least 1");
  }
  if (with_last(q, {}, 2) != with_last(k, {}, 2) || with_last(q, {}, 2) != with_last(v, {}, 2))
    fail_for("equal axes before the last two");
  if (from_last(q, 1) != from_last(k, 1)) fail_for("q and k of the same last axis");
  if (from_last(k, 2) != from_last(v, 2)) fail_for("as many keys as values");
  const Array& scale =
      c.attributes.find(Attr::kScale) == nullptr ? Array() : std::get<Array>(*c.attributes.find(Attr::kScale));
  if (scale.type() != Type{DType::kF64, {}} || !std::isfinite(scale.item<double>()))
    fail("{}: expected a finite f64[] as the scale, got {}", name(c), to_string(scale.type()));
  if (c.operands.size() == mask) return;
  const Type& m = c.operands[mask];
  const Shape scores = with_last(q, {from_last(q, 2), from_last(k, 2)}, 2);
  bool fits = (m.dtype == DType::kBool || m.dtype == DType::kF32) && m.shape.rank() == rank;
  for (int axis = 0; fits && axis < rank; ++axis) fits = m.shape[axis] == scores[axis] || m.shape[axis] == Dim(1);
  if (!fits)
    fail("{}: expected a mask of bool or f32 whose axes are those of {} or 1, got {}", name(c), to_string(scores),
         to_string(m));
}

}  // namespace

Types infer_attention(const InferContext& c) {
  check_attention(c, 3);
  const Type& q = c.operands[0];
  const Shape y = with_last(q, {from_last(c.operands[2], 1)}, 1);
  check_shape(name(c), y);
  return {{DType::kF32, y}, {DType::kF32, with_last(q, {}, 1)}};
}

Types infer_attention_gradient(const InferContext& c) {
  check_attention(c, 6);
  const Type& q = c.operands[0];
  const Type y{DType::kF32, with_last(q, {from_last(c.operands[2], 1)}, 1)};
  const Type l{DType::kF32, with_last(q, {}, 1)};
  if (c.operands[3] != y || c.operands[4] != l || c.operands[5] != y) {
    fail("{}: expected results {}, {} and an adjoint {}, got {}, {} and {}", name(c), to_string(y), to_string(l),
         to_string(y), to_string(c.operands[3]), to_string(c.operands[4]), to_string(c.operands[5]));
  }
  return {q, c.operands[1], c.operands[2]};
}

}  // namespace sluice::ir

#include <algorithm>
#include <numeric>

#include "runtime/onnx/rules.h"

namespace sluice::onnx_model {

using ir::Attr;

namespace {

Name transposed(Writer& w, const Name& x, int rank) {
  Integers permutation(static_cast<std::size_t>(rank));
  std::iota(permutation.begin(), permutation.end(), std::int64_t{0});
  std::swap(permutation.end()[-1], permutation.end()[-2]);
  return w.transpose(x, permutation);
}

/// ReduceMax and ReduceMin; opset 17 has their axes as an attribute.
Name reduce_extreme(const Call& call, const char* op_type) {
  const Integers& axes = call.node.attributes.integers(Attr::kAxes);
  if (axes.empty()) return call.x();
  return call.w.add(op_type, {call.x()}, {{"axes", axes}, {"keepdims", std::int64_t{0}}});
}

}  // namespace

Name write_matmul(const Call& call) {
  if (const auto conv = write_conv(call)) return *conv;
  Writer& w = call.w;
  const bool a = call.node.attributes.flag(Attr::kTransposeA);
  const bool b = call.node.attributes.flag(Attr::kTransposeB);
  const int rank = call.shape().rank();
  if (rank == 2 && (a || b)) {
    std::vector<Setting> settings;
    if (a) settings.push_back({"transA", std::int64_t{1}});
    if (b) settings.push_back({"transB", std::int64_t{1}});
    return w.add("Gemm", {call.x(), call.x(1)}, settings);
  }
  return w.add("MatMul",
               {a ? transposed(w, call.x(), rank) : call.x(), b ? transposed(w, call.x(1), rank) : call.x(1)});
}

Name write_reduce_sum(const Call& call) {
  if (const auto conv = write_depthwise_conv(call)) return *conv;
  if (const auto pool = write_sum_pool(call)) return *pool;
  if (call.node.attributes.integers(Attr::kAxes).empty()) return call.x();
  return in_i32(call, [](const Call& c, const std::vector<Name>& x) {
    const Name axes = c.w.integers(c.node.attributes.integers(Attr::kAxes));
    return c.w.add("ReduceSum", {x[0], axes}, {{"keepdims", std::int64_t{0}}});
  });
}

Name write_reduce_max(const Call& call) {
  const auto pool = write_max_pool(call);
  return pool ? *pool : reduce_extreme(call, "ReduceMax");
}

Name write_reduce_min(const Call& call) { return reduce_extreme(call, "ReduceMin"); }

Name write_argmax(const Call& call) {
  return call.w.add("ArgMax", {call.x()},
                    {{"axis", call.node.attributes.integer(Attr::kAxis)}, {"keepdims", std::int64_t{0}}});
}

/// Moves the axes behind the others, as one, and compares the position of its first maximum with each.
Name write_is_first_max(const Call& call) {
  Writer& w = call.w;
  const Shape& shape = call.shape();
  const Integers& axes = call.node.attributes.integers(Attr::kAxes);
  Integers order;
  for (std::int64_t axis = 0; axis < shape.rank(); ++axis) {
    if (std::ranges::find(axes, axis) == axes.end()) order.push_back(axis);
  }
  Shape flat;
  for (const std::int64_t axis : order) flat.push_back(shape[static_cast<int>(axis)]);
  Shape moved = flat;
  std::int64_t cells = 1;
  for (const std::int64_t axis : axes) {
    order.push_back(axis);
    moved.push_back(shape[static_cast<int>(axis)]);
    cells *= shape[static_cast<int>(axis)].size;
  }
  flat.push_back(cells);
  if (cells == 0) return w.expand(w.constant(Array::scalar(false)), {}, shape);
  Integers back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    back[static_cast<std::size_t>(order[i])] = static_cast<std::int64_t>(i);
  Integers places(static_cast<std::size_t>(cells));
  std::iota(places.begin(), places.end(), std::int64_t{0});
  const Name row = w.reshape(w.transpose(call.x(), order), moved, flat);
  const Name first = w.add("ArgMax", {row}, {{"axis", std::int64_t{-1}}});  // keeps the axis, of size 1
  return w.transpose(w.reshape(w.add("Equal", {first, w.integers(places)}), flat, moved), back);
}

/// Of equal elements, TopK gives the one of the lower index first, in both orders.
Name write_argsort(const Call& call) {
  Writer& w = call.w;
  const Shape& shape = call.shape();
  const Name x = call.dtype() == DType::kU8 ? w.cast(call.x(), DType::kI32) : call.x();
  const std::int64_t largest = call.node.attributes.flag(Attr::kDescending) ? 1 : 0;
  return w.add("TopK", {x, w.sizes({shape[shape.rank() - 1]})}, {{"largest", largest}}, 2);
}

Name write_cumsum(const Call& call) {
  const std::int64_t reverse = call.node.attributes.flag(Attr::kReverse) ? 1 : 0;
  const Name axis = call.w.scalar(DType::kI64, static_cast<double>(call.node.attributes.integer(Attr::kAxis)));
  if (call.dtype() != DType::kU8) return call.w.add("CumSum", {call.x(), axis}, {{"reverse", reverse}});
  const Name sums = call.w.add("CumSum", {call.w.cast(call.x(), DType::kI32), axis}, {{"reverse", reverse}});
  return call.w.cast(sums, DType::kU8);
}

}  // namespace sluice::onnx_model

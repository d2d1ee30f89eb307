#include <algorithm>

#include "runtime/onnx/rules.h"

namespace sluice::onnx_model {

using ir::Attr;

namespace {

/// Returns i64[] of `size`.
Name size_as_scalar(Writer& w, Dim size) {
  return size.batch ? w.add("Squeeze", {w.sizes({size})}) : w.scalar(DType::kI64, static_cast<double>(size.size));
}

/// Returns 0, 1, 2, ... of `dtype` as a vector: not as a constant if that would take much of the file.
Name counting(Writer& w, DType dtype, Dim count) {
  constexpr std::int64_t kMostOfConstant = 1024;
  if (count.batch || count.size > kMostOfConstant) {
    const Name range = w.add("Range", {w.scalar(DType::kI64, 0), size_as_scalar(w, count), w.scalar(DType::kI64, 1)});
    return dtype == DType::kI64 ? range : w.cast(range, dtype);
  }
  Array array(dtype, {count.size});
  visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    std::int64_t i = 0;
    for (T& element : array.data<T>()) element = static_cast<T>(i++);
  });
  return w.constant(array);
}

/// Returns the integers `index` as i64 within the rows of a table of `size` rows.
Name clamped(const Call& call, std::size_t index, Dim size) {
  Writer& w = call.w;
  const Name at = call.dtype(index) == DType::kI64 ? call.x(index) : w.cast(call.x(index), DType::kI64);
  return w.add("Min", {w.add("Max", {at, w.scalar(DType::kI64, 0)}), size_as_scalar(w, size - 1)});
}

}  // namespace

Name write_constant(const Call& call) { return call.w.constant(call.node.attributes.array()); }

Name write_iota(const Call& call) {
  const Shape& shape = call.shape();
  const auto axis = static_cast<int>(call.node.attributes.integer(Attr::kAxis));
  const Name vector = counting(call.w, call.node.attributes.dtype(), shape[axis]);
  Shape column(std::vector<Dim>(static_cast<std::size_t>(shape.rank() - axis), Dim(1)));
  column[0] = shape[axis];
  const Name narrow = call.w.reshape(vector, {shape[axis]}, column);
  if (column == shape) return narrow;
  call.w.set_narrow(call.result, {narrow, column});
  return call.w.expand(narrow, column, shape);
}

Name write_size(const Call& call) {
  const bool given = call.node.attributes.find(Attr::kSize) != nullptr;
  return size_as_scalar(call.w, given ? call.node.attributes.size(Attr::kSize) : batch);
}

Name write_transpose(const Call& call) {
  if (const auto conv = write_grouped_conv(call)) return *conv;
  return call.w.transpose(call.x(), call.node.attributes.integers(Attr::kPermutation));
}

Name write_reshape(const Call& call) {
  const Source source = call.w.source(call.operand());
  call.w.set_source(call.result, source);
  return call.w.reshape(source.name, source.shape, call.shape());
}

Name write_broadcast(const Call& call) {
  if (call.type().shape == call.shape()) return call.x();
  call.w.set_narrow(call.result, call.w.narrow(call.operand()));
  return call.w.expand(call.x(), call.type().shape, call.shape());
}

Name write_concat(const Call& call) {
  std::vector<Name> parts;
  for (std::size_t i = 0; i < call.node.operands.size(); ++i) parts.push_back(call.x(i));
  return call.w.add("Concat", parts, {{"axis", call.node.attributes.integer(Attr::kAxis)}});
}

namespace {

/// Returns whether the axes up to `axis` are those of the value that this one is a reshape of.
bool are_same_up_to(const Shape& source, const Shape& shape, int axis) {
  return source != shape && source.rank() > axis &&
         std::equal(source.begin(), source.begin() + axis + 1, shape.begin());
}

}  // namespace

/// Slices before a reshape where it can, as images that pools split into tiles one axis after the other.
Name write_slice(const Call& call) {
  Writer& w = call.w;
  const ir::Attributes& attributes = call.node.attributes;
  const std::int64_t axis = attributes.integer(Attr::kAxis);
  Source source = w.source(call.operand());
  if (!are_same_up_to(source.shape, call.type().shape, static_cast<int>(axis))) source = {call.x(), call.type().shape};
  source.name = w.add("Slice", {source.name, w.sizes({attributes.size(Attr::kStart)}),
                                w.sizes({attributes.size(Attr::kLimit)}), w.integers({axis})});
  source.shape[static_cast<int>(axis)] = call.shape()[static_cast<int>(axis)];
  w.set_source(call.result, source);
  return w.reshape(source.name, source.shape, call.shape());
}

Name write_pad(const Call& call) {
  const ir::Attributes& attributes = call.node.attributes;
  const auto axis = static_cast<std::size_t>(attributes.integer(Attr::kAxis));
  const auto rank = static_cast<std::size_t>(call.shape().rank());
  std::vector<Dim> pads(2 * rank);
  pads[axis] = attributes.size(Attr::kLow);
  pads[rank + axis] = attributes.size(Attr::kHigh);
  return call.w.add("Pad", {call.x(), call.w.sizes(pads)});
}

Name write_one_hot(const Call& call) {
  Writer& w = call.w;
  const Name at = call.dtype() == DType::kI64 ? call.x() : w.cast(call.x(), DType::kI64);
  const Name column = w.add("Unsqueeze", {at, w.integers({-1})});
  const Name is_hot = w.add("Equal", {column, counting(w, DType::kI64, call.node.attributes.integer(Attr::kDepth))});
  const DType dtype = call.node.attributes.dtype();
  return dtype == DType::kBool ? is_hot : w.cast(is_hot, dtype);
}

Name write_gather(const Call& call) {
  return call.w.add("Gather", {call.x(), clamped(call, 1, call.type().shape[0])}, {{"axis", std::int64_t{0}}});
}

Name write_scatter_add(const Call& call) {
  Writer& w = call.w;
  const Name at = w.add("Unsqueeze", {clamped(call, 1, call.type().shape[0]), w.integers({-1})});
  const std::vector<Setting> settings{{"reduction", "add"}};
  if (call.dtype() != DType::kU8) return w.add("ScatterND", {call.x(), at, call.x(2)}, settings);
  const Name sum = w.add("ScatterND", {w.cast(call.x(), DType::kI32), at, w.cast(call.x(2), DType::kI32)}, settings);
  return w.cast(sum, DType::kU8);
}

}  // namespace sluice::onnx_model

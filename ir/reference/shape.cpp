// Ops that generate sequences or move elements.
#include <algorithm>

#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

/// An array as [outer, size, inner], with one axis in the middle.
struct AxisView {
  std::size_t outer = 1;
  std::size_t size = 1;
  std::size_t inner = 1;
};

AxisView view_axis(const Sizes& sizes, std::int64_t axis) {
  AxisView view;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const auto size = static_cast<std::size_t>(sizes[i]);
    if (static_cast<std::int64_t>(i) < axis) view.outer *= size;
    if (static_cast<std::int64_t>(i) == axis) view.size = size;
    if (static_cast<std::int64_t>(i) > axis) view.inner *= size;
  }
  return view;
}

/// Copies the positions [start, start + count) along `axis` of `from` to those starting at `at` in `to`.
template <typename T>
void copy_along(const Tensor& from, Tensor& to, std::int64_t axis, std::size_t start, std::size_t at,
                std::size_t count) {
  const AxisView source = view_axis(from.sizes(), axis);
  const AxisView target = view_axis(to.sizes(), axis);
  const auto* const read = from.data<T>().data();
  auto* const write = to.data<T>().data();
  for (std::size_t i = 0; i < source.outer; ++i) {
    std::copy_n(read + (i * source.size + start) * source.inner, count * source.inner,
                write + (i * target.size + at) * target.inner);
  }
}

/// Returns the elements of x at the offsets given by `strides` for each index of `sizes`.
Tensor gather_strided(const Tensor& x, const Sizes& sizes, const Sizes& strides) {
  return x.visit([&]<typename T>(std::span<const T> from) {
    Tensor result = Tensor::zeros<T>(sizes);
    auto to = result.data<T>().begin();
    for_each_offset(sizes, strides, [&](std::size_t offset) { *to++ = from[offset]; });
    return result;
  });
}

}  // namespace

template <>
Tensors rule<Op::kConstant>(const RuleContext& context) {
  return {Tensor::from(context.attributes().array(), context.arithmetic)};
}

template <>
Tensors rule<Op::kIota>(const RuleContext& context) {
  return visit_element(context.arithmetic, context.attributes().dtype(), [&](auto zero) -> Tensors {
    using T = decltype(zero);
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    const AxisView view = view_axis(result.sizes(), context.attributes().integer(Attr::kAxis));
    const auto to = result.data<T>();
    for (std::size_t i = 0; i < to.size(); ++i)
      to[i] = element<T>(static_cast<std::int64_t>(i / view.inner % view.size));
    return {result};
  });
}

template <>
Tensors rule<Op::kBatchSize>(const RuleContext& context) {
  Tensor result = Tensor::zeros<std::int64_t>({});
  const bool has_size = context.attributes().find(Attr::kSize) != nullptr;
  const Dim size = has_size ? context.attributes().size(Attr::kSize) : batch;
  result.data<std::int64_t>()[0] = size.at(context.bindings);
  return {result};
}

template <>
Tensors rule<Op::kTranspose>(const RuleContext& context) {
  const Sizes strides = strides_of(context.x().sizes());
  Sizes permuted;
  for (const std::int64_t axis : context.attributes().integers(Attr::kPermutation)) {
    permuted.push_back(strides[static_cast<std::size_t>(axis)]);
  }
  return {gather_strided(context.x(), context.result_sizes(), permuted)};
}

template <>
Tensors rule<Op::kReshape>(const RuleContext& context) {
  return {context.x().reshaped(context.result_sizes())};
}

template <>
Tensors rule<Op::kBroadcast>(const RuleContext& context) {
  const Sizes sizes = context.result_sizes();
  const Sizes& given = context.x().sizes();
  const Sizes strides = strides_of(given);
  const std::size_t missing = sizes.size() - given.size();
  // An axis of size B may be treated as repeated when B = 1: there is only one position.
  Sizes repeated(sizes.size(), 0);
  for (std::size_t axis = 0; axis < given.size(); ++axis) {
    if (given[axis] != 1) repeated[axis + missing] = strides[axis];
  }
  return {gather_strided(context.x(), sizes, repeated)};
}

template <>
Tensors rule<Op::kConcat>(const RuleContext& context) {
  const std::int64_t axis = context.attributes().integer(Attr::kAxis);
  return context.x().visit([&]<typename T>(std::span<const T>) -> Tensors {
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    std::size_t at = 0;
    for (const Tensor& operand : context.operands) {
      const std::size_t count = view_axis(operand.sizes(), axis).size;
      copy_along<T>(operand, result, axis, 0, at, count);
      at += count;
    }
    return {result};
  });
}

template <>
Tensors rule<Op::kSlice>(const RuleContext& context) {
  const auto start = static_cast<std::size_t>(context.size(Attr::kStart));
  const auto limit = static_cast<std::size_t>(context.size(Attr::kLimit));
  return context.x().visit([&]<typename T>(std::span<const T>) -> Tensors {
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    copy_along<T>(context.x(), result, context.attributes().integer(Attr::kAxis), start, 0, limit - start);
    return {result};
  });
}

template <>
Tensors rule<Op::kPad>(const RuleContext& context) {
  const std::int64_t axis = context.attributes().integer(Attr::kAxis);
  const auto low = static_cast<std::size_t>(context.size(Attr::kLow));
  return context.x().visit([&]<typename T>(std::span<const T>) -> Tensors {
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    copy_along<T>(context.x(), result, axis, 0, low, view_axis(context.x().sizes(), axis).size);
    return {result};
  });
}

}  // namespace sluice::ir::reference

// Ops whose operands are indices.
#include <algorithm>

#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

/// Calls `f(i, index)` for each integer of `indices`, in row-major order.
template <typename F>
void for_each_index(const Tensor& indices, F f) {
  indices.visit([&]<typename T>(std::span<const T> values) {
    if constexpr (is_integer_element<T>) {
      for (std::size_t i = 0; i < values.size(); ++i) f(i, static_cast<std::int64_t>(values[i]));
    } else {
      SLUICE_UNREACHABLE("indices are integers");
    }
  });
}

/// Returns the position of the row of `table` nearest to `index`.
std::size_t clamped(std::int64_t index, const Tensor& table) {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(index, 0, table.sizes()[0] - 1));
}

std::size_t row_size(const Tensor& table) { return table.count() / static_cast<std::size_t>(table.sizes()[0]); }

/// Returns the table after `f(element of the row at an index, element of `rows`)` for each index in order.
template <typename F>
Tensors change_rows(const RuleContext& context, F f) {
  return context.x().visit([&]<typename T>(std::span<const T> table) -> Tensors {
    const std::size_t size = row_size(context.x());
    const auto rows = context.operands[2].data<T>();
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    const auto to = result.data<T>();
    std::ranges::copy(table, to.begin());
    for_each_index(context.y(), [&](std::size_t i, std::int64_t index) {
      T* const row = to.data() + clamped(index, context.x()) * size;
      for (std::size_t j = 0; j < size; ++j) f(row[j], rows[i * size + j]);
    });
    return {result};
  });
}

}  // namespace

template <>
Tensors rule<Op::kOneHot>(const RuleContext& context) {
  const std::int64_t depth = context.attributes().integer(Attr::kDepth);
  return visit_element(context.arithmetic, context.attributes().dtype(), [&](auto zero) -> Tensors {
    using T = decltype(zero);
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    const auto to = result.data<T>();
    for_each_index(context.x(), [&](std::size_t i, std::int64_t index) {
      if (index >= 0 && index < depth)
        to[i * static_cast<std::size_t>(depth) + static_cast<std::size_t>(index)] = element<T>(1);
    });
    return {result};
  });
}

template <>
Tensors rule<Op::kGather>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T> table) -> Tensors {
    const std::size_t size = row_size(context.x());
    Tensor result = Tensor::zeros<T>(context.result_sizes());
    T* const to = result.data<T>().data();
    for_each_index(context.y(), [&](std::size_t i, std::int64_t index) {
      std::copy_n(table.data() + clamped(index, context.x()) * size, size, to + i * size);
    });
    return {result};
  });
}

template <>
Tensors rule<Op::kScatterAdd>(const RuleContext& context) {
  return change_rows(context, []<typename T>(T& to, const T& x) {
    if constexpr (std::is_same_v<T, bool>) {
      SLUICE_UNREACHABLE("scatter_add: the row allows numbers only");
    } else {
      to = plus(to, x);
    }
  });
}

template <>
Tensors rule<Op::kScatter>(const RuleContext& context) {
  return change_rows(context, [](auto& to, const auto& x) { to = x; });
}

}  // namespace sluice::ir::reference

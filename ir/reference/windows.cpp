#include "ir/windows.h"

#include <functional>

#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

/// Calls `visit` with the position in the array of `sizes` that each element of its windows is, in the order of the
/// windows' elements, or with nothing for one that is outside.
void for_each_place(const Node& node, const Sizes& sizes, const Sizes& of_windows,
                    const std::function<void(std::optional<std::size_t>)>& visit) {
  const std::vector<Window> windows = windows_of(node.attributes);
  const auto first = static_cast<std::size_t>(node.attributes.integer(Attr::kAxis));
  const std::size_t count = windows.size();
  if (count_of(of_windows) == 0) return;
  const Sizes strides = strides_of(sizes);
  Sizes index(of_windows.size(), 0);
  while (true) {
    std::int64_t at = 0;
    bool is_inside = true;
    for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
      std::int64_t position = index[axis < first ? axis : axis + count];
      if (axis >= first && axis < first + count) {
        const Window& window = windows[axis - first];
        position = index[axis] * window.stride + index[axis + count] * window.dilation - window.low;
      }
      is_inside = is_inside && position >= 0 && position < sizes[axis];
      at += position * strides[axis];
    }
    visit(is_inside ? std::optional(static_cast<std::size_t>(at)) : std::nullopt);
    std::size_t axis = index.size();
    while (axis-- > 0) {
      if (++index[axis] < of_windows[axis]) break;
      index[axis] = 0;
      if (axis == 0) return;
    }
  }
}

}  // namespace

template <>
Tensors rule<Op::kWindows>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T> from) -> Tensors {
    const Sizes sizes = context.result_sizes();
    Tensor result = Tensor::zeros<T>(sizes);
    auto to = result.data<T>().begin();
    for_each_place(context.node, context.x().sizes(), sizes, [&](std::optional<std::size_t> at) {
      if (at) *to = from[*at];
      ++to;
    });
    return {result};
  });
}

template <>
Tensors rule<Op::kAddWindows>(const RuleContext& context) {
  return context.x().visit([&]<typename T>(std::span<const T> from) -> Tensors {
    const Sizes sizes = context.result_sizes();
    Tensor result = Tensor::zeros<T>(sizes);
    const auto to = result.data<T>();
    auto next = from.begin();
    for_each_place(context.node, sizes, context.x().sizes(), [&](std::optional<std::size_t> at) {
      if (at) to[*at] = plus(to[*at], *next);
      ++next;
    });
    return {result};
  });
}

}  // namespace sluice::ir::reference

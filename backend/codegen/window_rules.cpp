#include <algorithm>
#include <optional>

#include "backend/codegen/element_rule.h"
#include "ir/windows.h"

// Elements of windows and of what is compared within them.
namespace sluice::backend {

using ir::Attr;
using ir::Node;
using ir::Op;

namespace {

/// Returns the coordinate of the window along one axis whose tap `tap` is the element at `position`, if there is one;
/// nothing where there never is one. Where all windows lie inside, `inside` has no value.
std::optional<Clamped> window_with(Elements& k, const ir::Window& window, std::int64_t tap, const Coordinate& position,
                                   Dim count) {
  Emitter& e = k.emitter();
  const std::int64_t moved = window.low - tap * window.dilation;
  const auto result = [&](const Coordinate& found) {
    return k.inside() ? Clamped{found, {}} : clamp(k, k.number_of(found), count);
  };
  if (window.stride == 1) return result(k.combine(position, 1, offset(k, moved)));
  if (const auto* const phase = k.phase_of(position, window.stride)) {
    const std::int64_t rest = phase->rest + moved;
    if (rest % window.stride != 0) return {};
    const Coordinate quotient{phase->quotient, false, nullptr, position.level};
    return result(k.combine(quotient, 1, offset(k, rest / window.stride)));
  }
  const Element from_start = shifted(k, position, moved);
  const auto stride = [&](llvm::Value* x) { return whole(x, window.stride); };
  const Element divided =
      apply(k, {from_start}, [&](const Registers& r) { return e.b.CreateSDiv(r[0], stride(r[0])); });
  Clamped found = clamp(k, divided, count);
  const auto divides = [&](const Registers& r) {
    return e.b.CreateAnd(r[1], e.b.CreateICmpEQ(e.b.CreateSRem(r[0], stride(r[0])), whole(r[0], 0)));
  };
  found.inside = apply(k, {from_start, found.inside}, divides);
  return found;
}

/// Emits whether x is larger than y, or NaN while y is not.
llvm::Value* emit_is_beyond(Emitter& e, DType dtype, llvm::Value* x, llvm::Value* y) {
  auto& b = e.b;
  if (!is_float(dtype)) return dtype == DType::kU8 ? b.CreateICmpUGT(x, y) : b.CreateICmpSGT(x, y);
  return b.CreateOr(b.CreateFCmpOGT(x, y), b.CreateAnd(b.CreateFCmpUNO(x, x), b.CreateFCmpORD(y, y)));
}

}  // namespace

template <>
Rule element_code<Op::kWindows>(Elements& k, const Node& node, Index index) {
  const std::vector<ir::Window> windows = ir::windows_of(node.attributes);
  const auto first = static_cast<std::size_t>(node.attributes.integer(Attr::kAxis));
  const Type& type = k.body().type(node.operands[0]);
  std::vector<Element> inside;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const ir::Window& window = windows[i];
    const Coordinate place = k.combine(index[first + windows.size() + i], window.dilation, offset(k, -window.low));
    Coordinate& position = index[first + i];
    position = k.combine(position, window.stride, place);
    if (window.stays_inside() || k.inside()) continue;
    const Clamped source = clamp(k, k.number_of(position), type.shape[static_cast<int>(first + i)]);
    position = source.coordinate;
    inside.push_back(source.inside);
  }
  const auto taps = index.begin() + static_cast<std::ptrdiff_t>(first + windows.size());
  index.erase(taps, taps + static_cast<std::ptrdiff_t>(windows.size()));
  co_return zero_unless(k, inside, co_await k.operand(node.operands[0], index));
}

template <>
Rule element_code<Op::kAddWindows>(Elements& k, const Node& node, Index index) {
  Emitter& e = k.emitter();
  const std::vector<ir::Window> windows = ir::windows_of(node.attributes);
  const std::size_t count = windows.size();
  const auto first = static_cast<std::size_t>(node.attributes.integer(Attr::kAxis));
  const Shape& shape = k.body().type(node.operands[0]).shape;
  llvm::Type* const type = e.register_type(node.types[0].dtype);
  Element sum{llvm::Constant::getNullValue(type), true, Level::kKernel};
  // The last tap first: it is that of the first window.
  std::vector<std::int64_t> taps;
  for (const ir::Window& window : windows) taps.push_back(window.size - 1);
  while (true) {
    Index from = index;
    std::vector<Element> inside;
    bool is_one = true;
    for (std::size_t i = 0; i < count && is_one; ++i) {
      const auto window = window_with(k, windows[i], taps[i], index[first + i], shape[static_cast<int>(first + i)]);
      is_one = window.has_value();
      if (!is_one) continue;
      from[first + i] = window->coordinate;
      if (window->inside.value != nullptr) inside.push_back(window->inside);
    }
    if (is_one) {
      Index of_taps;
      for (const std::int64_t tap : taps) of_taps.push_back(k.constant(tap));
      from.insert(from.begin() + static_cast<std::ptrdiff_t>(first + count), of_taps.begin(), of_taps.end());
      const Element part = zero_unless(k, inside, co_await k.operand(node.operands[0], from));
      sum = apply(k, {sum, part}, [&](const Registers& r) {
        return is_float(node.types[0].dtype) ? e.b.CreateFAdd(r[0], r[1]) : e.b.CreateAdd(r[0], r[1]);
      });
    }
    std::size_t axis = count;
    while (axis > 0 && taps[axis - 1] == 0) {
      taps[axis - 1] = windows[axis - 1].size - 1;
      --axis;
    }
    if (axis == 0) break;
    --taps[axis - 1];
  }
  co_return sum;
}

/// An element is the first maximum if it is larger than all before it and not smaller than any after it.
template <>
Rule element_code<Op::kIsFirstMax>(Elements& k, const Node& node, Index index) {
  Emitter& e = k.emitter();
  auto& b = e.b;
  const Type& type = k.body().type(node.operands[0]);
  const auto& axes = node.attributes.integers(Attr::kAxes);
  Coordinate position = k.constant(0);
  std::int64_t count = 1;
  for (const std::int64_t axis : axes) {
    const std::int64_t size = type.shape[static_cast<int>(axis)].size;
    position = k.combine(position, size, index[static_cast<std::size_t>(axis)]);
    count *= size;
  }
  const Element own = co_await k.operand(node.operands[0], index);
  const Element number = k.number_of(position);
  Element result{b.getTrue(), true, Level::kKernel};
  for (std::int64_t other = 0; other < count; ++other) {
    Index there = index;
    std::int64_t rest = other;
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      const std::int64_t size = type.shape[static_cast<int>(*axis)].size;
      there[static_cast<std::size_t>(*axis)] = k.constant(rest % size);
      rest /= size;
    }
    const Element rival = co_await k.operand(node.operands[0], there);
    result = apply(k, {result, own, rival, number}, [&](const Registers& r) {
      llvm::Value* const is_behind = b.CreateICmpULE(r[3], whole(r[3], other));
      llvm::Value* const not_beaten = b.CreateNot(emit_is_beyond(e, type.dtype, r[2], r[1]));
      return b.CreateAnd(r[0], b.CreateSelect(is_behind, not_beaten, emit_is_beyond(e, type.dtype, r[1], r[2])));
    });
  }
  co_return result;
}

}  // namespace sluice::backend

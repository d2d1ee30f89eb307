#include <algorithm>
#include <cstring>

#include "backend/codegen/elements.h"
#include "backend/codegen/math.h"
#include "backend/codegen/philox.h"
#include "ir/windows.h"
#include "sluice/error.h"

namespace sluice::backend {

using ir::Attr;
using ir::Node;
using ir::Op;
using Registers = std::vector<llvm::Value*>;
using Rule = Task<Element>;

namespace {

/// Applies `emit` to elements: on scalars, as far out as they allow, where all are uniform; else on vectors.
Element apply(Elements& k, const std::vector<Element>& operands,
              const std::function<llvm::Value*(const Registers&)>& emit) {
  Element result{nullptr, true, Level::kKernel};
  for (const Element& operand : operands) {
    result.uniform = result.uniform && operand.uniform;
    result.level = std::max(result.level, operand.level);
  }
  Registers registers;
  for (const Element& operand : operands) registers.push_back(result.uniform ? operand.value : k.spread(operand));
  result.value = k.hoisted(result.level, [&] { return emit(registers); });
  return result;
}

llvm::Constant* whole(llvm::Value* x, std::int64_t value) {
  return llvm::ConstantInt::get(x->getType(), static_cast<std::uint64_t>(value), true);
}

Element element_of_constant(Elements& k, const Node& node, const Index& index) {
  Emitter& e = k.emitter();
  const Array& array = node.attributes.array();
  llvm::Type* const memory = e.memory_type(array.dtype());
  if (array.element_count() == 1) {
    llvm::Value* const value = visit_dtype(array.dtype(), [&](auto zero) -> llvm::Value* {
      using T = decltype(zero);
      const T number = array.data<T>()[0];
      llvm::Type* const type = e.register_type(array.dtype());
      if constexpr (std::is_floating_point_v<T>) {
        return llvm::ConstantFP::get(type, llvm::APFloat(number));
      } else {
        return llvm::ConstantInt::get(type, static_cast<std::uint64_t>(number), true);
      }
    });
    return {value, true, Level::kKernel};
  }
  const llvm::StringRef bytes(reinterpret_cast<const char*>(array.bytes()), array.byte_count());
  auto* const data = llvm::ConstantDataArray::getRaw(bytes, array.byte_count() / size_of(array.dtype()), memory);
  // A tail of zeros: a vector may be loaded at the last element.
  auto* const tail = llvm::ConstantAggregateZero::get(llvm::ArrayType::get(e.b.getInt8Ty(), 64));
  auto* const padded = llvm::ConstantStruct::getAnon({data, tail});
  auto* const global =
      new llvm::GlobalVariable(e.module, padded->getType(), true, llvm::GlobalValue::PrivateLinkage, padded);
  global->setAlignment(llvm::Align(64));
  return k.load({global}, node.types[0], index);
}

Index index_before_broadcast(Elements& k, const Shape& from, const Shape& to, const Index& index) {
  Index source;
  for (int axis = 0; axis < from.rank(); ++axis) {
    const int target = axis + to.rank() - from.rank();
    const bool repeated = from[axis] == Dim(1) || index.size() != static_cast<std::size_t>(to.rank());
    source.push_back(repeated ? k.constant(0) : index[static_cast<std::size_t>(target)]);
  }
  return source;
}

/// A reshape that only adds or drops axes of size 1 keeps the coordinates; any other goes through the row-major
/// position.
Index index_before_reshape(Elements& k, const Shape& from, const Shape& to, const Index& index) {
  Index source;
  int next = 0;
  for (int axis = 0; axis < from.rank(); ++axis) {
    if (from[axis] == Dim(1)) {
      source.push_back(k.constant(0));
      continue;
    }
    while (next < to.rank() && to[next] == Dim(1)) ++next;
    if (next == to.rank() || to[next] != from[axis]) return k.delinearized(from, k.linear(to, index));
    source.push_back(index[static_cast<std::size_t>(next++)]);
  }
  return source;
}

/// A coordinate of another value, kept within an axis of `size`; `inside` says which were in it.
struct Clamped {
  Coordinate coordinate;
  Element inside;
};
Clamped clamp(Elements& k, const Element& position, Dim size) {
  Emitter& e = k.emitter();
  const auto last = [&](llvm::Value* x) { return e.splat_like(x, e.b.CreateSub(e.size(size), e.i64(1))); };
  const Element clamped =
      apply(k, {position}, [&](const Registers& r) { return e.max(e.min(r[0], last(r[0])), whole(r[0], 0)); });
  const Element inside = apply(
      k, {position}, [&](const Registers& r) { return e.b.CreateICmpULT(r[0], e.splat_like(r[0], e.size(size))); });
  return {k.coordinate_of(clamped), inside};
}

/// `by` as a coordinate.
Coordinate offset(Elements& k, Dim by) { return {k.emitter().size_at_entry(by), false, nullptr, Level::kKernel}; }

Element shifted(Elements& k, const Coordinate& coordinate, Dim by) {
  return k.number_of(k.combine(coordinate, 1, offset(k, by)));
}

Rule element_of_pad(Elements& k, const Node& node, Index index) {
  const auto axis = static_cast<std::size_t>(node.attributes.integer(Attr::kAxis));
  const Type& type = k.body().type(node.operands[0]);
  const Clamped source =
      clamp(k, shifted(k, index[axis], Dim(0) - node.attributes.size(Attr::kLow)), type.shape[static_cast<int>(axis)]);
  index[axis] = source.coordinate;
  const Element element = co_await k.operand(node.operands[0], index);
  co_return apply(k, {source.inside, element}, [&](const Registers& r) {
    return k.emitter().b.CreateSelect(r[0], r[1], llvm::Constant::getNullValue(r[1]->getType()));
  });
}

Rule element_of_concat(Elements& k, const Node& node, Index index) {
  const auto axis = static_cast<std::size_t>(node.attributes.integer(Attr::kAxis));
  Element result;
  Dim start = 0;
  for (const ir::Value operand : node.operands) {
    const Dim size = k.body().type(operand).shape[static_cast<int>(axis)];
    if (size.size == 0) continue;
    const Clamped source = clamp(k, shifted(k, index[axis], Dim(0) - start), size);
    Index inner = index;
    inner[axis] = source.coordinate;
    const Element part = co_await k.operand(operand, inner);
    result = result.value == nullptr ? part : apply(k, {source.inside, part, result}, [&](const Registers& r) {
      return k.emitter().b.CreateSelect(r[0], r[1], r[2]);
    });
    start = start + size;
  }
  co_return result;
}

/// `element` where all conditions hold, else 0.
Element select_inside(Elements& k, const std::vector<Element>& inside, Element element) {
  for (const Element& condition : inside) {
    element = apply(k, {condition, element}, [&](const Registers& r) {
      return k.emitter().b.CreateSelect(r[0], r[1], llvm::Constant::getNullValue(r[1]->getType()));
    });
  }
  return element;
}

Rule element_of_windows(Elements& k, const Node& node, Index index) {
  const std::vector<ir::Window> windows = ir::windows_of(node.attributes);
  const auto first = static_cast<std::size_t>(node.attributes.integer(Attr::kAxis));
  const Type& type = k.body().type(node.operands[0]);
  std::vector<Element> inside;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const ir::Window& window = windows[i];
    const Coordinate place = k.combine(index[first + windows.size() + i], window.dilation, offset(k, -window.low));
    Coordinate& position = index[first + i];
    position = k.combine(position, window.stride, place);
    if (window.stays_inside()) continue;
    const Clamped source = clamp(k, k.number_of(position), type.shape[static_cast<int>(first + i)]);
    position = source.coordinate;
    inside.push_back(source.inside);
  }
  const auto taps = index.begin() + static_cast<std::ptrdiff_t>(first + windows.size());
  index.erase(taps, taps + static_cast<std::ptrdiff_t>(windows.size()));
  co_return select_inside(k, inside, co_await k.operand(node.operands[0], index));
}

/// The window along one axis whose position `tap` is the element at `position`, if there is one.
Clamped window_with(Elements& k, const ir::Window& window, std::int64_t tap, const Coordinate& position, Dim count) {
  Emitter& e = k.emitter();
  const Element from_start = shifted(k, position, window.low - tap * window.dilation);
  if (window.stride == 1) return clamp(k, from_start, count);
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

Rule element_of_add_windows(Elements& k, const Node& node, Index index) {
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
    for (std::size_t i = 0; i < count; ++i) {
      const Clamped window = window_with(k, windows[i], taps[i], index[first + i], shape[static_cast<int>(first + i)]);
      from[first + i] = window.coordinate;
      inside.push_back(window.inside);
    }
    Index of_taps;
    for (const std::int64_t tap : taps) of_taps.push_back(k.constant(tap));
    from.insert(from.begin() + static_cast<std::ptrdiff_t>(first + count), of_taps.begin(), of_taps.end());
    const Element part = select_inside(k, inside, co_await k.operand(node.operands[0], from));
    sum = apply(k, {sum, part}, [&](const Registers& r) {
      return is_float(node.types[0].dtype) ? e.b.CreateFAdd(r[0], r[1]) : e.b.CreateAdd(r[0], r[1]);
    });
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

/// Whether x is beyond y: larger, or NaN where y is none.
llvm::Value* emit_is_beyond(Emitter& e, DType dtype, llvm::Value* x, llvm::Value* y) {
  auto& b = e.b;
  if (!is_float(dtype)) return dtype == DType::kU8 ? b.CreateICmpUGT(x, y) : b.CreateICmpSGT(x, y);
  return b.CreateOr(b.CreateFCmpOGT(x, y), b.CreateAnd(b.CreateFCmpUNO(x, x), b.CreateFCmpORD(y, y)));
}

/// Whether none of the elements before it reaches it and none behind it is beyond it.
Rule element_of_is_first_max(Elements& k, const Node& node, Index index) {
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

Element as_i64(Elements& k, const Element& element, DType dtype) {
  return apply(k, {element}, [&](const Registers& r) {
    llvm::Type* const type = Emitter::like(r[0], k.emitter().b.getInt64Ty());
    return dtype == DType::kU8 ? k.emitter().b.CreateZExt(r[0], type) : k.emitter().b.CreateSExt(r[0], type);
  });
}

Rule element_of_gather(Elements& k, const Node& node, Index index) {
  const Type& table = k.body().type(node.operands[0]);
  const Type& indices = k.body().type(node.operands[1]);
  const auto rank = static_cast<std::ptrdiff_t>(indices.shape.rank());
  const Index at(index.begin(), index.begin() + rank);
  const Element row = as_i64(k, co_await k.operand(node.operands[1], at), indices.dtype);
  Index inner{clamp(k, row, table.shape[0]).coordinate};
  inner.insert(inner.end(), index.begin() + rank, index.end());
  co_return co_await k.operand(node.operands[0], inner);
}

Rule element_of_one_hot(Elements& k, const Node& node, Index index) {
  Emitter& e = k.emitter();
  const Type& type = k.body().type(node.operands[0]);
  const Index at(index.begin(), index.end() - 1);
  const Element wanted = as_i64(k, co_await k.operand(node.operands[0], at), type.dtype);
  co_return apply(k, {wanted, k.number_of(index.back())}, [&](const Registers& r) -> llvm::Value* {
    llvm::Value* const equal = e.b.CreateICmpEQ(r[0], r[1]);
    llvm::Type* const result = Emitter::like(r[0], e.register_type(node.types[0].dtype));
    if (node.types[0].dtype == DType::kBool) return equal;
    return e.b.CreateSelect(equal, e.number(result, 1), e.number(result, 0));
  });
}

Element element_of_iota(Elements& k, const Node& node, const Index& index) {
  Emitter& e = k.emitter();
  const Element position = k.number_of(index[static_cast<std::size_t>(node.attributes.integer(Attr::kAxis))]);
  return apply(k, {position}, [&](const Registers& r) -> llvm::Value* {
    llvm::Type* const type = Emitter::like(r[0], e.register_type(node.types[0].dtype));
    return type->isFPOrFPVectorTy() ? e.b.CreateSIToFP(r[0], type) : e.b.CreateTrunc(r[0], type);
  });
}

/// The word of a block that belongs to each lane: words[number].
llvm::Value* pick(Emitter& e, const std::array<llvm::Value*, 4>& words, llvm::Value* number) {
  llvm::Value* picked = words[3];
  for (int i = 2; i >= 0; --i)
    picked = e.b.CreateSelect(e.b.CreateICmpEQ(number, whole(number, i)), words[static_cast<std::size_t>(i)], picked);
  return picked;
}

Rule element_of_random(Elements& k, const Node& node, Index index) {
  Emitter& e = k.emitter();
  auto& b = e.b;
  const Element position = k.number_of(k.linear(node.types[0].shape, index));
  const Element counter = co_await k.operand(node.operands[1], {});
  const Element key = co_await k.operand(node.operands[0], {});
  co_return apply(k, {position, counter, key}, [&](const Registers& r) -> llvm::Value* {
    const auto words = emit_philox(e, b.CreateLShr(r[0], whole(r[0], 2)), r[1], r[2]);
    llvm::Value* const number = b.CreateAnd(r[0], whole(r[0], 3));
    llvm::Type* const type = Emitter::like(r[0], e.register_type(node.types[0].dtype));
    const auto uniform = [&](llvm::Value* word, std::uint32_t add) {
      llvm::Value* const upper = b.CreateAdd(b.CreateLShr(word, whole(word, 8)), whole(word, add));
      return b.CreateFMul(b.CreateUIToFP(upper, type), e.number(type, 1.0 / 16777216.0));
    };
    if (node.op == Op::kRandomUniform) return uniform(pick(e, words, number), 0);
    llvm::Value* const first = b.CreateICmpULT(number, whole(number, 2));
    llvm::Value* const even = b.CreateICmpEQ(b.CreateAnd(number, whole(number, 1)), whole(number, 0));
    llvm::Value* const logarithm = emit_log(e, uniform(b.CreateSelect(first, words[0], words[2]), 1));
    llvm::Value* const radius =
        b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, b.CreateFMul(e.number(type, -2.0), logarithm));
    llvm::Value* const turn = uniform(b.CreateSelect(first, words[1], words[3]), 0);
    return b.CreateFMul(radius, emit_wave(e, turn, even));
  });
}

Rule element_of_elementwise(Elements& k, const Node& node, Index index) {
  std::vector<Element> operands;
  for (const ir::Value operand : node.operands) operands.push_back(co_await k.operand(operand, index));
  const DType dtype = k.body().type(node.operands.back()).dtype;
  co_return apply(k, operands, [&](const Registers& r) { return emit_elementwise(k.emitter(), node, dtype, r); });
}

/// The element of an operand, for an op that moves elements; at which index, the op says.
Rule moved(Elements& k, ir::Value operand, Index source) { co_return co_await k.operand(operand, source); }

Rule done(Element element) { co_return element; }

}  // namespace

/// An element of an op that is no elementwise one, at an index. One rule an op.
template <Op op>
Rule element_code(Elements& k, const Node& node, Index index);

template <>
Rule element_code<Op::kConstant>(Elements& k, const Node& node, Index index) {
  return done(element_of_constant(k, node, index));
}

template <>
Rule element_code<Op::kIota>(Elements& k, const Node& node, Index index) {
  return done(element_of_iota(k, node, index));
}

template <>
Rule element_code<Op::kBatchSize>(Elements& k, const Node& node, Index /*index*/) {
  const bool has_size = node.attributes.find(Attr::kSize) != nullptr;
  return done({k.emitter().size_at_entry(has_size ? node.attributes.size(Attr::kSize) : batch), true, Level::kKernel});
}

template <>
Rule element_code<Op::kBroadcast>(Elements& k, const Node& node, Index index) {
  const Shape& from = k.body().type(node.operands[0]).shape;
  return moved(k, node.operands[0], index_before_broadcast(k, from, node.types[0].shape, index));
}

template <>
Rule element_code<Op::kReshape>(Elements& k, const Node& node, Index index) {
  const Shape& from = k.body().type(node.operands[0]).shape;
  return moved(k, node.operands[0], index_before_reshape(k, from, node.types[0].shape, index));
}

template <>
Rule element_code<Op::kTranspose>(Elements& k, const Node& node, Index index) {
  Index source(index.size());
  const auto& permutation = node.attributes.integers(Attr::kPermutation);
  for (std::size_t axis = 0; axis < index.size(); ++axis)
    source[static_cast<std::size_t>(permutation[axis])] = index[axis];
  return moved(k, node.operands[0], std::move(source));
}

template <>
Rule element_code<Op::kSlice>(Elements& k, const Node& node, Index index) {
  Coordinate& along = index[static_cast<std::size_t>(node.attributes.integer(Attr::kAxis))];
  along = k.combine(along, 1, offset(k, node.attributes.size(Attr::kStart)));
  return moved(k, node.operands[0], std::move(index));
}

template <>
Rule element_code<Op::kPad>(Elements& k, const Node& node, Index index) {
  return element_of_pad(k, node, std::move(index));
}

template <>
Rule element_code<Op::kConcat>(Elements& k, const Node& node, Index index) {
  return element_of_concat(k, node, std::move(index));
}

template <>
Rule element_code<Op::kWindows>(Elements& k, const Node& node, Index index) {
  return element_of_windows(k, node, std::move(index));
}

template <>
Rule element_code<Op::kAddWindows>(Elements& k, const Node& node, Index index) {
  return element_of_add_windows(k, node, std::move(index));
}

template <>
Rule element_code<Op::kIsFirstMax>(Elements& k, const Node& node, Index index) {
  return element_of_is_first_max(k, node, std::move(index));
}

template <>
Rule element_code<Op::kGather>(Elements& k, const Node& node, Index index) {
  return element_of_gather(k, node, std::move(index));
}

template <>
Rule element_code<Op::kOneHot>(Elements& k, const Node& node, Index index) {
  return element_of_one_hot(k, node, std::move(index));
}

template <>
Rule element_code<Op::kRandomUniform>(Elements& k, const Node& node, Index index) {
  return element_of_random(k, node, std::move(index));
}

template <>
Rule element_code<Op::kRandomNormal>(Elements& k, const Node& node, Index index) {
  return element_of_random(k, node, std::move(index));
}

namespace {

using ElementRule = Rule (*)(Elements&, const Node&, Index);

using enum ir::Trait;
constexpr ElementRule kElementRules[] = {
#define OP(enumerator, name, arity, dtypes, traits, ...)        \
  ((traits)&kElementwise) != 0  ? &element_of_elementwise       \
  : ((traits)&kPerElement) != 0 ? &element_code<Op::enumerator> \
                                : nullptr,
#include "sluice/ir/ops.def"
#undef OP
};

}  // namespace

Task<Element> emit_element(Elements& k, const Node& node, Index index) {
  const ElementRule rule = kElementRules[static_cast<std::size_t>(node.op)];
  SLUICE_CHECK(rule != nullptr, "{} does not compute elements one by one", ir::to_string(node.op));
  return rule(k, node, std::move(index));
}

}  // namespace sluice::backend

#include <algorithm>
#include <cstring>

#include "backend/codegen/element_rule.h"
#include "backend/codegen/math.h"
#include "backend/codegen/philox.h"
#include "sluice/error.h"

namespace sluice::backend {

using ir::Attr;
using ir::Node;
using ir::Op;

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

Element zero_unless(Elements& k, const std::vector<Element>& conditions, Element element) {
  if (conditions.empty()) return element;
  Element all = conditions[0];
  for (std::size_t i = 1; i < conditions.size(); ++i) {
    all = apply(k, {all, conditions[i]}, [&](const Registers& r) { return k.emitter().b.CreateAnd(r[0], r[1]); });
  }
  return apply(k, {all, element}, [&](const Registers& r) {
    return k.emitter().b.CreateSelect(r[0], r[1], llvm::Constant::getNullValue(r[1]->getType()));
  });
}

llvm::Constant* whole(llvm::Value* x, std::int64_t value) {
  return llvm::ConstantInt::get(x->getType(), static_cast<std::uint64_t>(value), true);
}

namespace {

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

}  // namespace

Clamped clamp(Elements& k, const Element& position, Dim size) {
  Emitter& e = k.emitter();
  const auto last = [&](llvm::Value* x) { return e.splat_like(x, e.b.CreateSub(e.size(size), e.i64(1))); };
  const Element clamped =
      apply(k, {position}, [&](const Registers& r) { return e.max(e.min(r[0], last(r[0])), whole(r[0], 0)); });
  const Element inside = apply(
      k, {position}, [&](const Registers& r) { return e.b.CreateICmpULT(r[0], e.splat_like(r[0], e.size(size))); });
  return {k.coordinate_of(clamped), inside};
}

Coordinate offset(Elements& k, Dim by) { return {k.emitter().size_at_entry(by), false, nullptr, Level::kKernel}; }

Element shifted(Elements& k, const Coordinate& coordinate, Dim by) {
  return k.number_of(k.combine(coordinate, 1, offset(k, by)));
}

namespace {

Rule element_of_pad(Elements& k, const Node& node, Index index) {
  const auto axis = static_cast<std::size_t>(node.attributes.integer(Attr::kAxis));
  const Type& type = k.body().type(node.operands[0]);
  const Clamped source =
      clamp(k, shifted(k, index[axis], Dim(0) - node.attributes.size(Attr::kLow)), type.shape[static_cast<int>(axis)]);
  index[axis] = source.coordinate;
  const Element element = co_await k.operand(node.operands[0], index);
  co_return zero_unless(k, {source.inside}, element);
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

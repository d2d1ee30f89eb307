#include "ir/random_nodes.h"

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "ir/infer.h"

namespace sluice::ir {

void RandomNodes::add_node() {
  if (kind_ == RandomKind::kChain && !chance(2)) return add_link();
  if (wide() && chance(40)) return chance(60) ? add_matmul() : add_layer();
  constexpr std::array<void (RandomNodes::*)(), 15> kKinds{
      &RandomNodes::add_unary,    &RandomNodes::add_unary,     &RandomNodes::add_binary,
      &RandomNodes::add_binary,   &RandomNodes::add_binary,    &RandomNodes::add_choice,
      &RandomNodes::add_cast,     &RandomNodes::add_matmul,    &RandomNodes::add_matmul,
      &RandomNodes::add_move,     &RandomNodes::add_broadcast, &RandomNodes::add_reduction,
      &RandomNodes::add_indexing, &RandomNodes::add_source,    &RandomNodes::add_custom_gradient};
  (this->*kKinds[static_cast<std::size_t>(below(static_cast<int>(kKinds.size())))])();
}

void RandomNodes::add_link() {
  const std::size_t before = values_.size();
  chance(60) ? add_binary() : chance(80) ? add_unary() : add_choice();
  if (values_.size() > before && is_float(dtype(values_.back())) && chance(30)) keep(bounded(values_.back()));
}

void RandomNodes::add_layer() {
  const auto x = find([&](Value v) { return b_.type(v).shape.rank() == 2 && dtype(v) == DType::kF32; });
  const auto is_weight = [&](Value v) { return dtype(v) == DType::kF32 && shape(v) == Shape{width_, width_}; };
  std::vector<Value> weights;
  std::ranges::copy_if(states_, std::back_inserter(weights), is_weight);
  const Value weight = weights[static_cast<std::size_t>(below(weights.size()))];
  if (!x || shape(*x)[1] != Dim(width_)) return;
  const Value sums = b_(Op::kMatmul, {*x, weight}, {{Attr::kTransposeB, chance(30)}});
  const Value bias = b_.broadcast(states_[kBias], shape(sums));
  keep(b_(one_of({Op::kTanh, Op::kRelu, Op::kSigmoid}), {b_(Op::kAdd, {sums, bias})}));
}

Value RandomNodes::positive(Value x) { return b_(Op::kAdd, {b_(Op::kSquare, {x}), b_.full(b_.type(x), 0.25)}); }

Value RandomNodes::bounded(Value x) { return b_(Op::kTanh, {x}); }

Op RandomNodes::any_op(InferFunction infer, DType type) {
  std::vector<Op> ops;
  for (int i = 0; i < kOpCount; ++i) {
    const OpInfo& row = info(static_cast<Op>(i));
    if (row.has(kElementwise) && row.infer == infer && row.takes(type)) ops.push_back(row.op);
  }
  return ops[static_cast<std::size_t>(below(static_cast<int>(ops.size())))];
}

DType RandomNodes::any_operand_dtype() {
  if (chance(8)) return DType::kBool;
  return chance(15) ? one_of({DType::kI32, DType::kI64, DType::kU8}) : any_float();
}

void RandomNodes::add_unary() {
  const DType type = any_operand_dtype();
  const OpInfo& row = info(any_op(&infer_unary, type));
  Value x = any_of(type);
  if (is_float(type) && row.has(kOfPositive)) x = positive(x);
  if (is_float(type) && row.has(kGrows)) x = bounded(x);
  keep(b_(row.op, {x}));
}

void RandomNodes::add_binary() {
  const DType type = any_operand_dtype();
  const Op op = is_float(type) && chance(30) ? one_of({Op::kAdd, Op::kMul}) : any_op(&infer_binary, type);
  Value x = any_of(type);
  Value y = any(b_.type(x));
  if (!is_float(type)) return keep(b_(op, {x, y}));
  if (op == Op::kDiv && !chance(5)) y = positive(y);
  if (op == Op::kPow) {
    x = positive(bounded(x));
    y = bounded(y);
  }
  keep(b_(op, {x, y}));
}

void RandomNodes::add_choice() {
  const Value x = any_of(any_dtype());
  const Value y = any(b_.type(x));
  const Op op = any_op(&infer_comparison, dtype(x));
  const Value condition = chance(60) ? b_(op, {x, y}) : any({DType::kBool, shape(x)});
  keep(condition);
  keep(b_(Op::kSelect, {condition, y, x}));
}

void RandomNodes::add_cast() { keep(b_.cast(any_of(any_dtype()), any_dtype())); }

Value RandomNodes::prepared(Value rhs) {
  switch (values_.size() % 8) {
    case 0:
      return b_(Op::kNeg, {rhs});
    case 3:
      return b_(Op::kMul, {rhs, b_.full(b_.type(rhs), 0.5)});
    case 5: {
      std::vector<std::int64_t> permutation;
      for (int axis = 0; axis < shape(rhs).rank(); ++axis) permutation.push_back(axis);
      std::swap(permutation[permutation.size() - 1], permutation[permutation.size() - 2]);
      const auto turned = [&](Value x) { return b_(Op::kTranspose, {x}, {{Attr::kPermutation, permutation}}); };
      return turned(b_(Op::kAbs, {turned(rhs)}));
    }
    default:
      return rhs;
  }
}

void RandomNodes::add_matmul() {
  const DType type = any_float();
  const bool of_a_batch = chance(30);
  if (of_a_batch && matrices_ && chance(40)) {  // whose last row ends where the memory does
    const bool flip = chance(50);
    keep(b_(Op::kMatmul, {*matrices_, *matrices_}, {{Attr::kTransposeA, flip}, {Attr::kTransposeB, !flip}}));
    return;
  }
  const auto is_matrix = [&](Value v) {
    return dtype(v) == type && (of_a_batch ? shape(v).rank() > 2 : shape(v).rank() == 2);
  };
  const Value a = find(is_matrix).value_or(values_[of_a_batch ? 1 : 0]);
  const int rank = shape(a).rank();
  if (values_.size() % 5 == 2) return add_attention(a);
  const bool flip_a = chance(30);
  const Dim inner = shape(a)[rank - (flip_a ? 2 : 1)];
  bool flip_b = chance(50);
  const auto is_rhs = [&](Value v) {
    if (dtype(v) != dtype(a) || shape(v).rank() != rank || shape(v)[rank - (flip_b ? 1 : 2)] != inner) return false;
    return std::equal(shape(a).begin(), shape(a).end() - 2, shape(v).begin());
  };
  auto b = find(is_rhs);
  if (!b) {
    flip_b = !flip_b;
    b = find(is_rhs);
  }
  if (!b) return;
  if (!sizes() && shape(a)[rank - (flip_a ? 1 : 2)].batch && shape(*b)[rank - (flip_b ? 2 : 1)].batch) return;
  keep(b_(Op::kMatmul, {a, prepared(*b)}, {{Attr::kTransposeA, flip_a}, {Attr::kTransposeB, flip_b}}));
}

int RandomNodes::static_axis(Value x, std::int64_t least) {
  std::vector<int> axes;
  for (int axis = 0; axis < shape(x).rank(); ++axis) {
    if (!shape(x)[axis].batch && shape(x)[axis].size >= least) axes.push_back(axis);
  }
  return axes.empty() ? -1 : axes[static_cast<std::size_t>(below(static_cast<int>(axes.size())))];
}

void RandomNodes::add_symbolic_move(Value x) {
  constexpr std::int64_t kLeastT = 5;
  constexpr std::int64_t kLeastSize = 4;
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < shape(x).rank(); ++axis) {
    const Dim dim = shape(x)[axis];
    if (dim.batch.has(Symbol::named("T")) && !dim.batch.has(kBatchSymbol) && dim.where_all_are(kLeastT) >= kLeastSize)
      axes.push_back(axis);
  }
  if (axes.empty()) return;
  const std::int64_t axis = axes[static_cast<std::size_t>(below(axes.size()))];
  const Dim size = shape(x)[static_cast<int>(axis)];
  switch (below(4)) {
    case 0:
      return keep(b_(Op::kConcat, {x, any(b_.type(x))}, {{Attr::kAxis, axis}}));
    case 1:
      return keep(b_(Op::kPad, {x}, {{Attr::kAxis, axis}, {Attr::kHigh, Dim(below(3))}, {Attr::kLow, Dim(below(2))}}));
    case 2: {  // a part of fixed size at the end
      return keep(
          b_(Op::kSlice, {x}, {{Attr::kAxis, axis}, {Attr::kLimit, size}, {Attr::kStart, size - 1 - below(2)}}));
    }
    default: {
      const Dim start = below(2);
      return keep(b_(Op::kSlice, {x}, {{Attr::kAxis, axis}, {Attr::kLimit, size - below(2)}, {Attr::kStart, start}}));
    }
  }
}

void RandomNodes::add_move() {
  const Value x = any_with_rank(any_dtype(), 1);
  const int rank = shape(x).rank();
  if (sizes() && chance(50)) return add_symbolic_move(x);
  if (chance(15)) return add_windows(x);
  switch (below(5)) {
    case 0: {
      std::vector<std::int64_t> permutation;
      for (int axis = 0; axis < rank; ++axis) permutation.insert(permutation.begin() + below(axis + 1), axis);
      return keep(b_(Op::kTranspose, {x}, {{Attr::kPermutation, std::move(permutation)}}));
    }
    case 1: {
      std::vector<Dim> dims = shape(x).dims();
      if (rank > 1 && chance(60)) {
        dims[0] = dims[0] * dims[1];
        dims.erase(dims.begin() + 1);
      } else {
        dims.insert(dims.begin() + below(rank + 1), Dim(1));
      }
      return keep(b_.reshape(x, Shape(std::move(dims))));
    }
    case 2: {
      const int axis = static_axis(x, 1);
      if (axis < 0) return;
      const Value y = any(b_.type(x));
      return keep(b_(Op::kConcat, {x, y}, {{Attr::kAxis, std::int64_t{axis}}}));
    }
    case 3: {
      const int axis = static_axis(x, 2);
      if (axis < 0) return;
      const auto size = static_cast<int>(shape(x)[axis].size);
      const std::int64_t start = below(size - 1);
      const std::int64_t limit = start + 1 + below(size - static_cast<int>(start));
      return keep(
          b_(Op::kSlice, {x}, {{Attr::kAxis, std::int64_t{axis}}, {Attr::kLimit, limit}, {Attr::kStart, start}}));
    }
    default: {
      const int axis = static_axis(x, 1);
      if (axis < 0) return;
      const std::int64_t high = below(3);
      const std::int64_t low = below(2);
      return keep(b_(Op::kPad, {x}, {{Attr::kAxis, std::int64_t{axis}}, {Attr::kHigh, high}, {Attr::kLow, low}}));
    }
  }
}

void RandomNodes::add_broadcast() {
  const Value x = any_of(any_dtype());
  Shape to = shape(x);
  for (int axis = 0; axis < to.rank(); ++axis) {
    if (to[axis] == Dim(1)) to[axis] = width_;
  }
  if (to.rank() == 0) return keep(b_.broadcast(x, any_shape()));
  if (to.is_static() && to.rank() < 3) {
    std::vector<Dim> dims = to.dims();
    dims.insert(dims.begin(), chance(50) ? batch : Dim(2));
    to = Shape(std::move(dims));
  }
  if (to != shape(x)) return keep(b_.broadcast(x, to));
  // A column, repeated: what softmax does with its sums.
  if (to.rank() == 1) keep(b_.broadcast(b_.reshape(x, {to[0], 1}), {to[0], width_}));
}

void RandomNodes::add_reduction() {
  const DType type = one_of({DType::kF32, DType::kF32, DType::kF32, DType::kF64, DType::kI32, DType::kU8});
  const Value x = any_with_rank(type, 1);
  const int rank = shape(x).rank();
  const auto is_empty = [&](std::int64_t axis) { return shape(x)[static_cast<int>(axis)].size == 0; };
  if (const int few = static_axis(x, 2); few >= 0 && shape(x)[few].size <= 9 && chance(30)) {
    const Value first = b_(Op::kIsFirstMax, {x}, {{Attr::kAxes, std::vector<std::int64_t>{few}}});
    return keep(chance(50) ? first : b_(Op::kSelect, {first, x, any(b_.type(x))}));
  }
  if (chance(10)) {
    Value order = b_(Op::kArgsort, {x}, {{Attr::kDescending, chance(50)}});
    const Dim last = shape(x)[rank - 1];
    if (!last.batch && last.size > 0 && chance(50)) {
      const std::int64_t places = 1 + below(static_cast<int>(last.size));
      order = b_(Op::kSlice, {order},
                 {{Attr::kAxis, std::int64_t{rank - 1}}, {Attr::kLimit, places}, {Attr::kStart, std::int64_t{0}}});
    }
    if (shape(order) != shape(x)) return keep(order);
    return keep(chance(50) ? order : b_.cast(order, type));
  }
  if (chance(15)) {
    const ir::Attributes along{{Attr::kAxis, below(rank)}, {Attr::kReverse, chance(50)}};
    return keep(chance(50) ? b_(Op::kCumsum, {x}, along) : b_(Op::kLinearRecurrence, {any(b_.type(x)), x}, along));
  }
  if (chance(20)) {
    const std::int64_t axis = below(rank);
    if (!is_empty(axis)) keep(b_(Op::kArgmax, {x}, {{Attr::kAxis, axis}}));
    return;
  }
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < rank; ++axis) {
    if (chance(50)) axes.push_back(axis);
  }
  if (axes.empty()) axes.push_back(below(rank));
  if (std::ranges::any_of(axes, is_empty)) return keep(b_(Op::kReduceSum, {x}, {{Attr::kAxes, axes}}));
  keep(b_(one_of({Op::kReduceSum, Op::kReduceSum, Op::kReduceMax, Op::kReduceMin}), {x}, {{Attr::kAxes, axes}}));
}

void RandomNodes::add_indexing() {
  const DType index = one_of({DType::kI32, DType::kI64, DType::kU8});
  if (chance(30)) {
    const Value x = any_of(index);
    if (shape(x).rank() > 2) return;
    return keep(b_(Op::kOneHot, {x}, {{Attr::kDepth, std::max(width_, std::int64_t{1})}, {Attr::kDType, any_dtype()}}));
  }
  const Value indices = any({index, one_of<Shape>({{batch}, {batch}, {width_}})});
  const DType type = one_of({DType::kF32, DType::kF32, DType::kF64, DType::kI32});
  const Value table = any({type, {std::max(height_, std::int64_t{1}), width_}});
  if (chance(50)) return keep(b_(Op::kGather, {table, indices}));
  keep(b_(chance(50) ? Op::kScatterAdd : Op::kScatter, {table, indices, any({type, {shape(indices)[0], width_}})}));
}

void RandomNodes::add_source() {
  const Shape to = any_shape();
  switch (below(4)) {
    case 0: {
      if (to.rank() == 0) return;
      const DType type = one_of({DType::kF32, DType::kI32, DType::kI64, DType::kF64});
      return keep(
          b_(Op::kIota, {}, {{Attr::kAxis, std::int64_t{below(to.rank())}}, {Attr::kDType, type}, {Attr::kShape, to}}));
    }
    case 1:
      if (sizes() && chance(50))
        return keep(
            b_.cast(b_(Op::kBatchSize, {}, {{Attr::kSize, length("T") * one_of<Dim>({1, 2, batch})}}), any_float()));
      return keep(b_.cast(b_(Op::kBatchSize, {}), one_of({DType::kF32, DType::kI64, DType::kF64})));
    default: {
      const Value key = b_.scalar(DType::kI64, below(100));
      const Op op = chance(50) ? Op::kRandomUniform : Op::kRandomNormal;
      return keep(b_(op, {key, any({DType::kI64, {}})}, {{Attr::kDType, any_float()}, {Attr::kShape, to}}));
    }
  }
}

void RandomNodes::add_custom_gradient() {
  const Value x = any_of(any_float());
  const Type type = b_.type(x);
  const Value y = any(type);
  const std::vector<Value> operands{b_(Op::kMul, {x, y}), bounded(x), x, y};
  Builder body("custom_gradient");
  std::vector<Value> p;
  for (const std::string_view name : {"y0", "y1", "x0", "x1", "dy0", "dy1"})
    p.push_back(body.parameter(std::string(name), type));
  const Value slope = body(Op::kSub, {body.full(type, 1), body(Op::kSquare, {p[1]})});
  const Value by_x = body(Op::kAdd, {body(Op::kMul, {p[4], p[3]}), body(Op::kMul, {p[5], slope})});
  body.set_results({by_x, body(Op::kMul, {p[4], p[2]})});
  const Value first =
      b_.add(Op::kCustomGradient, operands, {{Attr::kBody, std::make_shared<const Graph>(std::move(body).finish())}});
  keep(first);
  keep({first.node, 1});
}

}  // namespace sluice::ir

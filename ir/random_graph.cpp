#include "ir/random_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <iterator>
#include <random>
#include <vector>

namespace sluice::ir {

namespace {

constexpr std::int64_t kMostElements = 2000;  // of a static shape, or for each of B

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : engine_(seed), b_("random") {}

  Graph make(int node_count) {
    add_inputs();
    const int first_gradient = node_count / 2 + below(node_count / 4 + 1);
    for (int i = 0; i < node_count; ++i) {
      add_node();
      if (i == first_gradient || (i > first_gradient && below(8) == 0 && gradients_ < 3)) add_gradient();
    }
    finish_outputs();
    return std::move(b_).finish();
  }

 private:
  // ---- choices ----

  int below(int limit) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(limit)); }
  bool chance(int percent) { return below(100) < percent; }

  template <typename T>
  T one_of(std::initializer_list<T> all) {
    return *std::next(all.begin(), below(static_cast<int>(all.size())));
  }

  DType any_dtype() {
    return one_of(
        {DType::kF32, DType::kF32, DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool});
  }
  DType any_float() { return chance(85) ? DType::kF32 : DType::kF64; }

  Shape any_shape() { return one_of<Shape>({{batch, 4}, {batch, 4}, {batch}, {4, 4}, {4}, {}, {batch, 2, 3}, {3, 5}}); }

  const Shape& shape(Value v) const { return b_.type(v).shape; }
  DType dtype(Value v) const { return b_.type(v).dtype; }

  /// A recent value for which `fits` holds, or nothing.
  template <typename F>
  std::optional<Value> find(F fits) {
    std::vector<Value> fitting;
    std::ranges::copy_if(values_, std::back_inserter(fitting), fits);
    if (fitting.empty()) return std::nullopt;
    const int newest = static_cast<int>(fitting.size()) - 1;
    return fitting[static_cast<std::size_t>(newest - below(std::min(newest + 1, 8)))];
  }

  /// A value of the type: one that is there, or one made up.
  Value any(const Type& type) {
    if (!chance(8)) {
      if (const auto found = find([&](Value v) { return b_.type(v) == type; })) return *found;
      if (const auto found =
              find([&](Value v) { return shape(v) == type.shape && is_float(dtype(v)) == is_float(type.dtype); }))
        return b_.cast(*found, type.dtype);
    }
    return b_.full(type, type.dtype == DType::kBool ? below(2) : type.dtype == DType::kU8 ? below(3) : below(5) - 2);
  }
  Value any_of(DType wanted) {
    const auto found = find([&](Value v) { return dtype(v) == wanted; });
    return found ? *found : any({wanted, any_shape()});
  }
  Value any_with_rank(DType wanted, int least) {
    const auto found = find([&](Value v) { return dtype(v) == wanted && shape(v).rank() >= least; });
    return found ? *found : any({wanted, least > 1 ? Shape{batch, 4} : Shape{4}});
  }

  void keep(Value value) {
    const Dim count = shape(value).element_count();
    if (count.size <= kMostElements) values_.push_back(value);
  }

  // ---- inputs ----

  void add_inputs() {
    keep(b_.parameter("x", {DType::kF32, {batch, 4}}));
    keep(b_.parameter("deep", {DType::kF32, {batch, 2, 3}}));
    keep(b_.parameter("wide", {DType::kF64, {batch, 4}}));
    keep(b_.parameter("labels", {DType::kI32, {batch}}, Range{-1, 5}));
    keep(b_.parameter("bytes", {DType::kU8, {batch, 4}}, Range{0, 256}));
    keep(b_.parameter("flags", {DType::kBool, {batch, 4}}));
    const std::array<Type, 10> types{{{DType::kF32, {4, 4}},
                                      {DType::kF32, {17, 4}},
                                      {DType::kF32, {4}},
                                      {DType::kF32, {}},
                                      {DType::kF64, {4, 4}},
                                      {DType::kF64, {}},
                                      {DType::kI64, {}},
                                      {DType::kI32, {4}},
                                      {DType::kU8, {4}},
                                      {DType::kBool, {4}}}};
    for (std::size_t i = 0; i < types.size(); ++i) {
      // Some begin at zero, as moments do.
      const std::optional<Array> init = i % 3 == 1 ? std::optional(Array(types[i].dtype, {})) : std::nullopt;
      states_.push_back(b_.state(fmt::format("s{}", i), fmt::format("state/{}", i), types[i], {}, init));
      keep(states_.back());
    }
    keep(b_.constant(Array({0.25F, -1.F, 2.F, 3.F}, {4})));
  }

  // ---- nodes ----

  void add_node() {
    constexpr std::array<void (Generator::*)(), 14> kKinds{
        &Generator::add_unary,    &Generator::add_unary,  &Generator::add_binary,    &Generator::add_binary,
        &Generator::add_binary,   &Generator::add_choice, &Generator::add_cast,      &Generator::add_matmul,
        &Generator::add_matmul,   &Generator::add_move,   &Generator::add_broadcast, &Generator::add_reduction,
        &Generator::add_indexing, &Generator::add_source};
    (this->*kKinds[static_cast<std::size_t>(below(static_cast<int>(kKinds.size())))])();
  }

  Value positive(Value x) { return b_(Op::kAdd, {b_(Op::kSquare, {x}), b_.full(b_.type(x), 0.25)}); }
  Value bounded(Value x) { return b_(Op::kTanh, {x}); }

  void add_unary() {
    if (chance(8)) return keep(b_(Op::kLogicalNot, {any_of(DType::kBool)}));
    if (chance(15)) {
      const Value x = any_of(one_of({DType::kI32, DType::kI64, DType::kU8}));
      return keep(b_(one_of({Op::kNeg, Op::kAbs, Op::kRelu, Op::kSquare, Op::kSign, Op::kStopGradient}), {x}));
    }
    const Op op =
        one_of({Op::kNeg, Op::kAbs, Op::kExp, Op::kExpm1, Op::kLog, Op::kLog1p, Op::kSqrt, Op::kRsqrt, Op::kTanh,
                Op::kTanh, Op::kSigmoid, Op::kRelu, Op::kRelu, Op::kSquare, Op::kSign, Op::kFloor, Op::kStopGradient});
    Value x = any_of(any_float());
    if (op == Op::kLog || op == Op::kLog1p || op == Op::kSqrt || op == Op::kRsqrt) x = positive(x);
    if (op == Op::kExp || op == Op::kExpm1 || op == Op::kSquare) x = bounded(x);
    keep(b_(op, {x}));
  }

  void add_binary() {
    if (chance(8)) {
      const Value x = any_of(DType::kBool);
      return keep(b_(one_of({Op::kLogicalAnd, Op::kLogicalOr}), {x, any(b_.type(x))}));
    }
    const Op op =
        one_of({Op::kAdd, Op::kAdd, Op::kSub, Op::kMul, Op::kMul, Op::kDiv, Op::kPow, Op::kMaximum, Op::kMinimum});
    if (chance(15)) {
      const Value x = any_of(one_of({DType::kI32, DType::kI64, DType::kU8}));
      return keep(b_(op == Op::kPow ? Op::kSub : op, {x, any(b_.type(x))}));
    }
    Value x = any_of(any_float());
    Value y = any(b_.type(x));
    if (op == Op::kDiv && !chance(5)) y = positive(y);
    if (op == Op::kPow) {
      x = positive(bounded(x));
      y = bounded(y);
    }
    keep(b_(op, {x, y}));
  }

  void add_choice() {
    const Value x = any_of(any_dtype());
    const Value y = any(b_.type(x));
    const std::initializer_list<Op> orders{Op::kEqual,     Op::kNotEqual, Op::kLess,
                                           Op::kLessEqual, Op::kGreater,  Op::kGreaterEqual};
    const Op op = dtype(x) == DType::kBool ? one_of({Op::kEqual, Op::kNotEqual}) : one_of(orders);
    const Value condition = chance(60) ? b_(op, {x, y}) : any({DType::kBool, shape(x)});
    keep(condition);
    keep(b_(Op::kSelect, {condition, y, x}));
  }

  void add_cast() { keep(b_.cast(any_of(any_dtype()), any_dtype())); }

  void add_matmul() {
    const DType type = any_float();
    const auto is_matrix = [&](Value v) { return dtype(v) == type && shape(v).rank() == 2; };
    const Value a = find(is_matrix).value_or(values_[0]);
    const bool flip_a = chance(30);
    const Dim inner = shape(a)[flip_a ? 0 : 1];
    bool flip_b = chance(50);
    auto b = find([&](Value v) { return is_matrix(v) && dtype(v) == dtype(a) && shape(v)[flip_b ? 1 : 0] == inner; });
    if (!b) {
      flip_b = !flip_b;
      b = find([&](Value v) { return is_matrix(v) && dtype(v) == dtype(a) && shape(v)[flip_b ? 1 : 0] == inner; });
    }
    if (!b || (shape(a)[flip_a ? 1 : 0].batch && shape(*b)[flip_b ? 0 : 1].batch)) return;
    keep(b_(Op::kMatmul, {a, *b}, {{Attr::kTransposeA, flip_a}, {Attr::kTransposeB, flip_b}}));
  }

  /// A static axis of x with at least `least` positions, or -1.
  int static_axis(Value x, std::int64_t least) {
    std::vector<int> axes;
    for (int axis = 0; axis < shape(x).rank(); ++axis) {
      if (!shape(x)[axis].batch && shape(x)[axis].size >= least) axes.push_back(axis);
    }
    return axes.empty() ? -1 : axes[static_cast<std::size_t>(below(static_cast<int>(axes.size())))];
  }

  void add_move() {
    const Value x = any_with_rank(any_dtype(), 1);
    const int rank = shape(x).rank();
    switch (below(5)) {
      case 0: {
        std::vector<std::int64_t> permutation;
        for (int axis = 0; axis < rank; ++axis) permutation.insert(permutation.begin() + below(axis + 1), axis);
        return keep(b_(Op::kTranspose, {x}, {{Attr::kPermutation, std::move(permutation)}}));
      }
      case 1: {
        std::vector<Dim> dims = shape(x).dims();
        if (rank > 1 && chance(60)) {
          dims[0] = Dim(dims[0].size * dims[1].size, dims[0].batch || dims[1].batch);
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

  void add_broadcast() {
    const Value x = any_of(any_dtype());
    Shape to = shape(x);
    for (int axis = 0; axis < to.rank(); ++axis) {
      if (to[axis] == Dim(1)) to[axis] = 4;
    }
    if (to.rank() == 0) return keep(b_.broadcast(x, any_shape()));
    if (to.is_static() && to.rank() < 3) {
      std::vector<Dim> dims = to.dims();
      dims.insert(dims.begin(), chance(50) ? batch : Dim(2));
      to = Shape(std::move(dims));
    }
    if (to != shape(x)) return keep(b_.broadcast(x, to));
    // A column, repeated: what softmax does with its sums.
    if (to.rank() == 1) keep(b_.broadcast(b_.reshape(x, {to[0], 1}), {to[0], 4}));
  }

  void add_reduction() {
    const DType type = one_of({DType::kF32, DType::kF32, DType::kF32, DType::kF64, DType::kI32, DType::kU8});
    const Value x = any_with_rank(type, 1);
    const int rank = shape(x).rank();
    if (chance(20)) return keep(b_(Op::kArgmax, {x}, {{Attr::kAxis, std::int64_t{below(rank)}}}));
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis < rank; ++axis) {
      if (chance(50)) axes.push_back(axis);
    }
    if (axes.empty()) axes.push_back(below(rank));
    keep(b_(one_of({Op::kReduceSum, Op::kReduceSum, Op::kReduceMax, Op::kReduceMin}), {x}, {{Attr::kAxes, axes}}));
  }

  void add_indexing() {
    const DType index = one_of({DType::kI32, DType::kI64, DType::kU8});
    if (chance(30)) {
      const Value x = any_of(index);
      if (shape(x).rank() > 2) return;
      return keep(b_(Op::kOneHot, {x}, {{Attr::kDepth, std::int64_t{4}}, {Attr::kDType, any_dtype()}}));
    }
    const Value indices = any({index, one_of<Shape>({{batch}, {batch}, {4}})});
    const DType type = one_of({DType::kF32, DType::kF32, DType::kF64, DType::kI32});
    const Value table = any({type, {4, 4}});
    if (chance(50)) return keep(b_(Op::kGather, {table, indices}));
    keep(b_(Op::kScatterAdd, {table, indices, any({type, {shape(indices)[0], 4}})}));
  }

  void add_source() {
    const Shape to = any_shape();
    switch (below(4)) {
      case 0: {
        if (to.rank() == 0) return;
        const DType type = one_of({DType::kF32, DType::kI32, DType::kI64, DType::kF64});
        return keep(b_(Op::kIota, {},
                       {{Attr::kAxis, std::int64_t{below(to.rank())}}, {Attr::kDType, type}, {Attr::kShape, to}}));
      }
      case 1:
        return keep(b_.cast(b_(Op::kBatchSize, {}), one_of({DType::kF32, DType::kI64, DType::kF64})));
      default: {
        const Value key = b_.scalar(DType::kI64, below(100));
        const Op op = chance(50) ? Op::kRandomUniform : Op::kRandomNormal;
        return keep(b_(op, {key, any({DType::kI64, {}})}, {{Attr::kDType, any_float()}, {Attr::kShape, to}}));
      }
    }
  }

  /// y is the sum of a value and of parts of others, by inputs and inner values.
  void add_gradient() {
    const Value x = any_of(any_float());
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis < shape(x).rank(); ++axis) axes.push_back(axis);
    const Value y = b_.reduce_sum(chance(50) ? b_(Op::kMul, {x, any(b_.type(x))}) : x, axes);
    std::vector<Value> operands{y};
    const int count = 1 + below(3);
    for (int i = 0; i < count; ++i) {
      const Value v = chance(60) ? values_[static_cast<std::size_t>(below(static_cast<int>(values_.size())))] : x;
      if (is_float(dtype(v)) && std::ranges::find(operands, v) == operands.end()) operands.push_back(v);
    }
    if (operands.size() < 2) operands.push_back(values_[0]);
    ++gradients_;
    const Value first = b_.add(Op::kGradient, operands);
    keep(y);
    for (std::uint32_t i = 0; i + 1 < operands.size(); ++i) keep({first.node, i});
  }

  void finish_outputs() {
    for (const Value state : states_) {
      if (chance(60)) b_.set_update(state, any(b_.type(state)));
    }
    std::vector<Value> results;
    const int most = static_cast<int>(values_.size());
    for (int i = 0; i < 4; ++i) {
      results.push_back(values_[values_.size() - 1 - static_cast<std::size_t>(below(std::min(most, 10)))]);
    }
    b_.set_results(results);
  }

  std::mt19937_64 engine_;
  Builder b_;
  std::vector<Value> values_;
  std::vector<Value> states_;
  int gradients_ = 0;
};

}  // namespace

Graph random_graph(std::uint64_t seed, int node_count) { return Generator(seed).make(node_count); }

}  // namespace sluice::ir

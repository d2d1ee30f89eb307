#include "tests/passes/random_graph.h"

#include <array>
#include <random>
#include <vector>

#include "ir/error.h"
#include "ir/reference/interpreter.h"
#include "tests/support/random_arrays.h"

namespace sluice::test {

namespace {

using ir::Attr;
using ir::Op;
using ir::Value;

constexpr DType kF = DType::kF32;

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : engine_(seed), b_("random") {}

  ir::Graph make(int node_count) {
    add_inputs();
    for (int i = 0; i < node_count; ++i) add_node();
    finish_outputs();
    return std::move(b_).finish();
  }

 private:
  int below(int limit) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(limit)); }

  void keep(Value value) { values_.push_back(value); }

  void add_inputs() {
    keep(b_.parameter("x", {kF, {batch, 4}}));
    keep(b_.parameter("labels", {DType::kI32, {batch}}, ir::Range{-1, 5}));
    keep(b_.parameter("flags", {DType::kBool, {batch, 4}}));
    const std::array<Shape, 4> shapes{Shape{4, 4}, Shape{4, 4}, Shape{4}, Shape{}};
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      states_.push_back(b_.state(fmt::format("s{}", i), fmt::format("state{}", i), {kF, shapes[i]}));
      keep(states_.back());
    }
    keep(b_.scalar(kF, 0.5));
    keep(b_.constant(Array({0.25F, -1.F, 2.F, 3.F}, {4})));
  }

  /// A recent value of the type, or one made up.
  Value any(const Type& type) {
    std::vector<Value> fitting;
    for (const Value value : values_) {
      if (b_.type(value) == type) fitting.push_back(value);
    }
    if (fitting.empty() || below(12) == 0) return b_.full(type, below(5) - 2);
    const int newest = static_cast<int>(fitting.size()) - 1;
    return fitting[static_cast<std::size_t>(newest - below(std::min(newest + 1, 6)))];
  }

  Value any_of_dtype(DType dtype) {
    for (int attempt = 0; attempt < 50; ++attempt) {
      const Value value = values_[static_cast<std::size_t>(below(static_cast<int>(values_.size())))];
      if (b_.type(value).dtype == dtype) return value;
    }
    return b_.scalar(dtype, 1);
  }

  Shape any_shape() {
    const std::array<Shape, 6> shapes{Shape{batch, 4}, Shape{batch, 4}, Shape{4, 4}, Shape{batch}, Shape{4}, Shape{}};
    return shapes[static_cast<std::size_t>(below(6))];
  }

  void add_node() {
    switch (below(12)) {
      case 0:
      case 1:
        return add_binary();
      case 2:
      case 3:
        return add_unary();
      case 4:
        return add_broadcast();
      case 5:
        return add_matmul();
      case 6:
      case 7:
        return add_reduction();
      case 8:
        return add_choice();
      case 9:
        return add_generated();
      case 10:
        return add_move();
      default:
        return add_binary();
    }
  }

  void add_binary() {
    const std::array<Op, 6> ops{Op::kAdd, Op::kSub, Op::kMul, Op::kDiv, Op::kMaximum, Op::kMinimum};
    const Value x = any_of_dtype(kF);
    keep(b_(ops[static_cast<std::size_t>(below(6))], {x, any(b_.type(x))}));
  }

  void add_unary() {
    const std::array<Op, 8> ops{Op::kNeg,  Op::kAbs,    Op::kTanh,         Op::kSigmoid,
                                Op::kRelu, Op::kSquare, Op::kStopGradient, Op::kFloor};
    keep(b_(ops[static_cast<std::size_t>(below(8))], {any_of_dtype(kF)}));
  }

  void add_broadcast() {
    switch (below(4)) {
      case 0:
        return keep(b_.broadcast(any({kF, {4}}), below(2) == 0 ? Shape{batch, 4} : Shape{4, 4}));
      case 1:
        return keep(b_.broadcast(any({kF, {}}), any_shape()));
      case 2:
        return keep(b_.broadcast(b_.reshape(any({kF, {batch}}), {batch, 1}), {batch, 4}));
      default:
        return keep(b_.broadcast(b_(Op::kTanh, {b_.reshape(any({kF, {batch}}), {batch, 1})}), {batch, 4}));
    }
  }

  void add_matmul() {
    const bool flip = below(2) == 0;
    switch (below(3)) {
      case 0:
        return keep(b_(Op::kMatmul, {any({kF, {batch, 4}}), any({kF, {4, 4}})}, {{Attr::kTransposeB, flip}}));
      case 1:
        return keep(b_(Op::kMatmul, {any({kF, {batch, 4}}), any({kF, {batch, 4}})}, {{Attr::kTransposeA, true}}));
      default:
        return keep(b_(Op::kMatmul, {any({kF, {4, 4}}), any({kF, {4, 4}})}, {{Attr::kTransposeA, flip}}));
    }
  }

  void add_reduction() {
    const Value x = any_of_dtype(kF);
    const int rank = b_.type(x).shape.rank();
    if (rank == 0) return;
    const std::array<Op, 4> ops{Op::kReduceSum, Op::kReduceSum, Op::kReduceMax, Op::kReduceMin};
    std::vector<std::int64_t> axes{below(rank)};
    if (below(4) == 0) axes = rank == 2 ? std::vector<std::int64_t>{0, 1} : std::vector<std::int64_t>{0};
    keep(b_(ops[static_cast<std::size_t>(below(4))], {x}, {{Attr::kAxes, axes}}));
  }

  void add_choice() {
    const Value x = any_of_dtype(kF);
    const Value y = any(b_.type(x));
    const Value condition = below(2) == 0 ? b_(Op::kGreater, {x, y}) : any({DType::kBool, b_.type(x).shape});
    keep(condition);
    keep(b_(Op::kSelect, {condition, y, x}));
  }

  void add_generated() {
    switch (below(4)) {
      case 0:
        return keep(
            b_(Op::kOneHot, {any({DType::kI32, {batch}})}, {{Attr::kDepth, std::int64_t{4}}, {Attr::kDType, kF}}));
      case 1:
        return keep(
            b_(Op::kIota, {}, {{Attr::kAxis, std::int64_t{1}}, {Attr::kDType, kF}, {Attr::kShape, Shape{batch, 4}}}));
      case 2: {
        const Value key = b_.scalar(DType::kI64, below(100));
        const Value counter = b_.cast(any({kF, {}}), DType::kI64);
        return keep(b_(Op::kRandomUniform, {key, counter}, {{Attr::kDType, kF}, {Attr::kShape, Shape{batch, 4}}}));
      }
      default:
        return keep(b_.cast(b_(Op::kBatchSize, {}), kF));
    }
  }

  void add_move() {
    switch (below(4)) {
      case 0:
        return keep(b_(Op::kTranspose, {any({kF, {4, 4}})}, {{Attr::kPermutation, std::vector<std::int64_t>{1, 0}}}));
      case 1:
        return keep(b_.cast(b_(Op::kArgmax, {any({kF, {batch, 4}})}, {{Attr::kAxis, std::int64_t{1}}}), DType::kI32));
      case 2:
        return keep(b_(Op::kGather, {any({kF, {4, 4}}), any({DType::kI32, {batch}})}));
      default:
        return keep(b_.cast(any_of_dtype(DType::kBool), kF));
    }
  }

  void finish_outputs() {
    for (const Value state : states_) {
      if (below(3) > 0) b_.set_update(state, any(b_.type(state)));
    }
    std::vector<Value> results;
    for (int i = 0; i < 4; ++i) results.push_back(values_[values_.size() - 1 - static_cast<std::size_t>(below(8))]);
    b_.set_results(results);
  }

  std::mt19937_64 engine_;
  ir::Builder b_;
  std::vector<Value> values_;
  std::vector<Value> states_;
};

}  // namespace

ir::Graph random_graph(std::uint64_t seed, int node_count) { return Generator(seed).make(node_count); }

bool same_bits(const ir::Graph& a, const ir::Graph& b, std::uint64_t seed) {
  const std::vector<Array> states = random_states(a, seed);
  for (const std::int64_t batch_size : {1, 3}) {
    const std::vector<Array> inputs = random_parameters(a, batch_size, seed + 1000);
    const ir::EvalResult first = ir::evaluate(a, inputs, states);
    const ir::EvalResult second = ir::evaluate(b, inputs, states);
    if (first.results != second.results || first.states != second.states) return false;
  }
  return true;
}

}  // namespace sluice::test

#include "ir/random_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ir/random_nodes.h"

namespace sluice::ir {

namespace {

class Generator : RandomNodes {
 public:
  using RandomNodes::RandomNodes;

  Graph make(int node_count) {
    add_inputs();
    if (kind_ == RandomKind::kChain) node_count *= 10;
    const int first_gradient = node_count / 2 + below(node_count / 4 + 1);
    for (int i = 0; i < node_count; ++i) {
      add_node();
      if (i == first_gradient || (i > first_gradient && below(8) == 0 && gradients_ < 3)) add_gradient();
    }
    finish_outputs();
    return std::move(b_).finish();
  }

 private:
  void add_inputs() {
    keep(b_.parameter("x", {DType::kF32, {batch, width_}}));
    keep(b_.parameter("deep", {DType::kF32, {batch, 2, 3}}));
    keep(b_.parameter("wide", {DType::kF64, {batch, width_}}));
    keep(b_.parameter("labels", {DType::kI32, {batch}}, Range{-1, 5}));
    keep(b_.parameter("bytes", {DType::kU8, {batch, width_}}, Range{0, 256}));
    keep(b_.parameter("flags", {DType::kBool, {batch, width_}}));
    keep(b_.parameter("rows", {DType::kF32, {height_, width_}}));
    if (sizes()) {
      const Dim t = length("T");
      keep(b_.parameter("steps", {DType::kF32, {batch, t, width_}}));
      keep(b_.parameter("others", {DType::kF32, {batch, t, width_}}));
      keep(b_.parameter("scores", {DType::kF32, {batch, t, t}}));
      keep(b_.parameter("mask", {DType::kBool, {batch, t}}));
      keep(b_.parameter("positions", {DType::kF32, {t, width_}}));
      keep(b_.parameter("tokens", {DType::kI32, {batch, t}}, Range{0, 4}));
      keep(b_.parameter("exact", {DType::kF64, {t, width_}}));
    }
    if (chance(40)) {
      Shape shape{one_of<Dim>({batch, 2, 3})};
      if (chance(40)) shape.push_back(2);
      shape.push_back(height_);
      shape.push_back(width_);
      matrices_ = b_.parameter("matrices", {DType::kF32, shape});
      keep(*matrices_);
    }
    for (const Type& type :
         {Type{DType::kF32, {width_, width_}}, Type{DType::kF32, {17, width_}}, Type{DType::kF32, {width_}},
          Type{DType::kF32, {}}, Type{DType::kF64, {width_, width_}}, Type{DType::kF64, {}}, Type{DType::kI64, {}},
          Type{DType::kI32, {width_}}, Type{DType::kU8, {width_}}, Type{DType::kBool, {width_}}})
      add_state(type);
    if (wide()) {  // moments beside the weights, and other weights of their shape
      for (const Type& type : {Type{DType::kF32, {width_, width_}}, Type{DType::kF32, {width_, width_}},
                               Type{DType::kF32, {width_}}, Type{DType::kF32, {height_, width_}}})
        add_state(type);
    }
    keep(b_.constant(Array({0.25F, -1.F, 2.F, 3.F}, {4})));
  }

  void add_state(const Type& type) {
    const std::size_t i = states_.size();
    // Some begin at zero, as moments do. Wide weights are small, so that sums of many of their products are.
    const std::optional<Array> init = i % 3 == 1 ? std::optional(Array(type.dtype, {})) : std::nullopt;
    const bool small = wide() && is_float(type.dtype);
    states_.push_back(b_.state(fmt::format("s{}", i), fmt::format("state/{}", i), type,
                               small ? std::optional(Range{-0.125, 0.125}) : std::nullopt, init));
    keep(states_.back());
  }

  /// y is the sum of a value and of parts of others, by inputs and inner values; in wide graphs mostly by states.
  void add_gradient() {
    const Value x = any_of(any_float());
    std::vector<std::int64_t> axes;
    for (int axis = 0; axis < shape(x).rank(); ++axis) axes.push_back(axis);
    const Value y = b_.reduce_sum(chance(50) ? b_(Op::kMul, {x, any(b_.type(x))}) : x, axes);
    std::vector<Value> operands{y};
    const int count = 1 + below(3);
    for (int i = 0; i < count; ++i) {
      const std::vector<Value>& from = wide() && chance(70) ? states_ : values_;
      const Value v = chance(60) ? from[static_cast<std::size_t>(below(from.size()))] : x;
      if (is_float(dtype(v)) && std::ranges::find(operands, v) == operands.end()) operands.push_back(v);
    }
    if (operands.size() < 2) operands.push_back(values_[0]);
    ++gradients_;
    const Value first = b_.add(Op::kGradient, operands);
    keep(y);
    for (std::uint32_t i = 0; i + 1 < operands.size(); ++i) {
      const Value gradient{first.node, i};
      keep(gradient);
      if (wide()) add_step(operands[i + 1], gradient);
    }
  }

  /// An optimizer's step: the gradient, clipped by its norm at times, goes into another state of its type and from
  /// there into the one that it belongs to.
  void add_step(Value state, Value gradient) {
    if (std::ranges::find(states_, state) == states_.end() || !chance(70)) return;
    const Type& type = b_.type(state);
    const auto by = [&](Value v, double factor) { return b_(Op::kMul, {v, b_.full(type, factor)}); };
    if (chance(40)) {
      std::vector<std::int64_t> axes;
      for (int axis = 0; axis < type.shape.rank(); ++axis) axes.push_back(axis);
      const Value norm = b_(Op::kSqrt, {positive(b_.reduce_sum(b_(Op::kSquare, {gradient}), axes))});
      gradient = b_(Op::kDiv, {gradient, b_.broadcast(norm, type.shape)});
    }
    Value moved = gradient;
    for (const Value other : states_) {
      if (other == state || b_.type(other) != type) continue;
      moved = b_(Op::kAdd, {by(other, 0.875), by(gradient, 0.125)});
      updates_.emplace_back(other, moved);
      break;
    }
    updates_.emplace_back(state, b_(Op::kSub, {state, by(moved, 0.0625)}));
    keep(updates_.back().second);
  }

  void finish_outputs() {
    for (const Value state : states_) {
      const auto step = std::ranges::find(updates_, state, &std::pair<Value, Value>::first);
      if (step != updates_.end()) {
        b_.set_update(state, step->second);
      } else if (chance(60)) {
        b_.set_update(state, any(b_.type(state)));
      }
    }
    std::vector<Value> results;
    const int most = static_cast<int>(values_.size());
    for (int i = 0; i < 4; ++i) {
      results.push_back(values_[values_.size() - 1 - static_cast<std::size_t>(below(std::min(most, 10)))]);
    }
    b_.set_results(results);
  }

  std::vector<std::pair<Value, Value>> updates_;  ///< states and their values after an optimizer's step
  int gradients_ = 0;
};

}  // namespace

std::string_view to_string(RandomKind kind) {
  constexpr std::array<std::string_view, 5> kNames{"small", "wide", "empty", "chain", "sizes"};
  return kNames[static_cast<std::size_t>(kind)];
}

Graph random_graph(std::uint64_t seed, int node_count, RandomKind kind) {
  return Generator(seed, kind).make(node_count);
}

}  // namespace sluice::ir

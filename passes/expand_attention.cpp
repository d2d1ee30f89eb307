#include "passes/expand_attention.h"

#include <limits>
#include <optional>
#include <utility>

#include "ir/attention.h"
#include "passes/rebuild.h"

namespace sluice::passes {

using ir::Attr;
using ir::Builder;
using ir::Op;
using ir::Value;

namespace {

/// The ops of one node.
class Expansion {
 public:
  Expansion(Builder& builder, const ir::Node& node, const std::vector<Value>& operands)
      : b_(builder),
        x_(operands),
        parts_(ir::attention_parts(builder.graph(), {node.op, operands, node.attributes, node.types, {}})) {
    scores_ = b_.type(x_[0]);
    scores_.shape[scores_.shape.rank() - 1] = parts_.keys;
    if (parts_.mask) find_mask(x_[*parts_.mask]);
    if (parts_.causal) {
      const auto count = [&](int axis) {
        return b_(Op::kIota, {},
                  {{Attr::kAxis, std::int64_t{scores_.shape.rank() + axis}},
                   {Attr::kDType, DType::kI64},
                   {Attr::kShape, scores_.shape}});
      };
      see(b_(Op::kLessEqual, {count(-1), count(-2)}));
    }
  }

  /// The mean of the values, and the logarithms of the sums.
  std::vector<Value> attention() {
    Type sums = scores_;
    sums.shape[sums.shape.rank() - 1] = 1;
    const Type rows{DType::kF32, leading(sums.shape)};
    if (parts_.keys == Dim(0)) {
      const Type y{DType::kF32, with_last(scores_.shape, Dim(parts_.width))};
      return {b_.full(y, 0), b_.full(rows, 0)};
    }
    const Value s = visible_ ? b_(Op::kSelect, {*visible_, scores(), b_.full(scores_, kLowest)}) : scores();
    const std::vector<std::int64_t> last{scores_.shape.rank() - 1};
    const Value largest = b_(Op::kStopGradient, {b_(Op::kReduceMax, {s}, {{Attr::kAxes, last}})});
    const Value e = b_(Op::kExp, {b_(Op::kSub, {s, repeated(largest)})});
    const Value sum = b_.reduce_sum(e, last);
    Value weights = b_(Op::kDiv, {e, repeated(sum)});
    Value l = b_(Op::kAdd, {largest, b_(Op::kLog, {sum})});
    if (parts_.mask) {  // which may hide all keys of a query
      const Value ones = b_(Op::kSelect, {*visible_, b_.full(scores_, 1), b_.full(scores_, 0)});
      const Value seen = b_(Op::kReduceMax, {ones}, {{Attr::kAxes, last}});
      weights = b_(Op::kSelect, {*visible_, weights, b_.full(scores_, 0)});
      l = b_(Op::kSelect, {b_(Op::kGreater, {seen, b_.full(rows, 0)}), l, b_.full(rows, 0)});
    }
    return {b_(Op::kMatmul, {weights, x_[2]}), l};
  }

  /// The derivatives by q, k and v.
  std::vector<Value> gradient() {
    Value s = b_(Op::kSub, {scores(), repeated(x_[4])});
    if (visible_) s = b_(Op::kSelect, {*visible_, s, b_.full(scores_, 0)});
    Value p = b_(Op::kExp, {s});
    if (visible_) p = b_(Op::kSelect, {*visible_, p, b_.full(scores_, 0)});
    const Value inner = b_.reduce_sum(b_(Op::kMul, {x_[5], x_[3]}), {scores_.shape.rank() - 1});
    const Value slope = b_(Op::kSub, {b_(Op::kMatmul, {x_[5], x_[2]}, {{Attr::kTransposeB, true}}), repeated(inner)});
    const Value by_scores = b_(Op::kMul, {b_(Op::kMul, {p, slope}), b_.full(scores_, parts_.scale)});
    return {b_(Op::kMatmul, {by_scores, x_[1]}), b_(Op::kMatmul, {by_scores, x_[0]}, {{Attr::kTransposeA, true}}),
            b_(Op::kMatmul, {p, x_[5]}, {{Attr::kTransposeA, true}})};
  }

 private:
  static constexpr double kLowest = std::numeric_limits<float>::lowest();

  static Shape leading(const Shape& shape) { return Shape(std::vector<Dim>(shape.begin(), shape.end() - 1)); }
  static Shape with_last(Shape shape, Dim last) {
    shape[shape.rank() - 1] = last;
    return shape;
  }

  Value scores() {
    const Value q = b_(Op::kMul, {x_[0], b_.full(b_.type(x_[0]), parts_.scale)});
    const Value s = b_(Op::kMatmul, {q, x_[1]}, {{Attr::kTransposeB, true}});
    if (!added_) return s;
    return b_(Op::kMaximum, {b_(Op::kAdd, {s, *added_}), b_.full(scores_, kLowest)});
  }

  Value repeated(Value rows) { return b_.broadcast(b_.reshape(rows, with_last(scores_.shape, 1)), scores_.shape); }

  void see(Value visible) { visible_ = visible_ ? b_(Op::kLogicalAnd, {*visible_, visible}) : visible; }

  void find_mask(Value mask) {
    const Value whole = b_.broadcast(mask, scores_.shape);
    if (b_.type(mask).dtype == DType::kBool) return see(whole);
    added_ = whole;
    see(b_(Op::kNotEqual, {whole, b_.full(scores_, -std::numeric_limits<double>::infinity())}));
  }

  Builder& b_;
  const std::vector<Value>& x_;
  ir::AttentionParts parts_;
  Type scores_;
  std::optional<Value> added_;    ///< the mask, if it is one of floats
  std::optional<Value> visible_;  ///< which keys a query sees; empty: all
};

}  // namespace

std::vector<Value> append_attention(Builder& builder, const ir::Node& node, const std::vector<Value>& operands) {
  Expansion expansion(builder, node, operands);
  return node.op == Op::kAttention ? expansion.attention() : expansion.gradient();
}

ir::Graph expand_attention(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (node.op != Op::kAttention && node.op != Op::kAttentionGradient) {
      rebuild.copy(i);
      continue;
    }
    rebuild.builder().set_origins(node.origins);
    const std::vector<Value> results = append_attention(rebuild.builder(), node, rebuild.operands(i));
    for (std::uint32_t r = 0; r < results.size(); ++r) rebuild.map({i, r}, results[r]);
  }
  return std::move(rebuild).finish();
}

}  // namespace sluice::passes

// The rule of each op: a table of cases, each compared with dual numbers and central differences.
#include "passes/gradient_rules.h"

#include <doctest/doctest.h>

#include <array>

#include "ir/windows.h"
#include "tests/passes/gradient_check.h"
#include "tests/support/float_functions.h"

namespace {

using namespace sluice;
using ir::Attr;
using ir::Op;
using ir::Value;
using test::Operand;

struct Case {
  std::string_view name;
  Op op;  ///< the op whose rule it tests
  std::vector<Operand> operands;
  test::Expression expression;
};

constexpr DType kD = DType::kF64;
constexpr ir::Range kPositive{0.5, 2};

test::Expression apply(Op op, ir::Attributes attributes = {}) {
  return [op, attributes](ir::Builder& b, const std::vector<Value>& x) { return b.add(op, x, attributes); };
}

Operand of(Shape shape, std::optional<ir::Range> range = {}, DType dtype = kD) { return {{dtype, shape}, range}; }

/// Two results, one of which reads an operand twice.
std::shared_ptr<const ir::Graph> fused_body(const Type& type) {
  ir::Builder b("fused");
  const Value x = b.parameter("x", type);
  const Value y = b.parameter("y", type);
  const Value z = b.parameter("z", type);
  const Value product = b(Op::kMul, {x, y});
  b.set_results({b(Op::kTanh, {product}), b(Op::kAdd, {b(Op::kSquare, {z}), product})});
  return std::make_shared<const ir::Graph>(std::move(b).finish());
}

/// The derivative of x y, whose second adjoint is zero or not.
std::shared_ptr<const ir::Graph> product_body(const Type& type) {
  ir::Builder b("custom_gradient");
  std::vector<Value> p;
  for (const std::string_view name : {"y0", "y1", "x0", "x1"}) p.push_back(b.parameter(std::string(name), type));
  p.push_back(b.parameter("x2", {DType::kI32, {}}));
  for (const std::string_view name : {"dy0", "dy1"}) p.push_back(b.parameter(std::string(name), type));
  const Value by_x = b(Op::kAdd, {b(Op::kMul, {p[5], p[3]}), b(Op::kMul, {p[6], p[1]})});
  b.set_results({by_x, b(Op::kMul, {p[5], p[2]})});
  return std::make_shared<const ir::Graph>(std::move(b).finish());
}

/// x y and exp(x), with a gradient of their own.
std::vector<Value> product_and_exp(ir::Builder& b, Value x, Value y) {
  const Value count = b.scalar(DType::kI32, 3);
  const Value first = b.add(Op::kCustomGradient, {b(Op::kMul, {x, y}), b(Op::kExp, {x}), x, y, count},
                            {{Attr::kBody, product_body(b.type(x))}});
  return {first, {first.node, 1}};
}

ir::Attributes slide() {
  return ir::window_attributes(1, std::array{ir::Window{.size = 2, .stride = 2, .dilation = 1, .low = 1, .high = 0},
                                             ir::Window{.size = 2, .stride = 1, .dilation = 2, .low = 1, .high = 2}});
}

/// Queries, keys, values, a mask and an adjoint, or the first `count` of these.
std::vector<Operand> heads(std::size_t count) {
  std::vector<Operand> all;
  for (const Shape& shape : std::vector<Shape>{{2, batch, 3}, {2, 5, 3}, {2, 5, 2}, {1, batch, 5}, {2, batch, 2}})
    all.push_back(of(shape, {}, DType::kF32));
  all.resize(count);
  return all;
}

test::Expression attend(bool causal, std::uint32_t result) {
  return [=](ir::Builder& b, const std::vector<Value>& x) {
    const Value y = b.add(Op::kAttention, x, {{Attr::kCausal, causal}, {Attr::kScale, Array::scalar(0.75)}});
    return Value{y.node, result};
  };
}

test::Expression attend_gradient(std::uint32_t result) {
  return [=](ir::Builder& b, const std::vector<Value>& x) {
    const ir::Attributes scaled{{Attr::kScale, Array::scalar(0.75)}};
    const Value y = b(Op::kAttention, {x[0], x[1], x[2], x[3]}, scaled);
    const Value by_q = b.add(Op::kAttentionGradient, {x[0], x[1], x[2], y, {y.node, 1}, x[4], x[3]}, scaled);
    return Value{by_q.node, result};
  };
}

std::vector<Case> cases() {
  const Shape s{batch, 4};
  const auto axes = [](std::vector<std::int64_t> list) { return ir::Attributes{{Attr::kAxes, std::move(list)}}; };
  const auto along = [](std::int64_t axis, bool reverse) {
    return ir::Attributes{{Attr::kAxis, axis}, {Attr::kReverse, reverse}};
  };
  std::vector<Case> list{
      {"add", Op::kAdd, {of(s), of(s)}, apply(Op::kAdd)},
      {"sub", Op::kSub, {of(s), of(s)}, apply(Op::kSub)},
      {"mul", Op::kMul, {of(s), of(s)}, apply(Op::kMul)},
      {"div", Op::kDiv, {of(s), of(s, kPositive)}, apply(Op::kDiv)},
      {"pow", Op::kPow, {of(s, kPositive), of(s)}, apply(Op::kPow)},
      {"pow of a negative base",
       Op::kPow,
       {of(s, ir::Range{-2, -0.5})},
       [](ir::Builder& b, const auto& x) {
         return b(Op::kPow, {x[0], b.full(b.type(x[0]), 3)});
       }},
      {"maximum", Op::kMaximum, {of(s), of(s)}, apply(Op::kMaximum)},
      {"minimum", Op::kMinimum, {of(s), of(s)}, apply(Op::kMinimum)},
      {"neg", Op::kNeg, {of(s)}, apply(Op::kNeg)},
      {"abs", Op::kAbs, {of(s)}, apply(Op::kAbs)},
      {"relu", Op::kRelu, {of(s)}, apply(Op::kRelu)},
      {"square", Op::kSquare, {of(s)}, apply(Op::kSquare)},
      {"select", Op::kSelect, {of(s, {}, DType::kBool), of(s), of(s)}, apply(Op::kSelect)},
      {"cast up", Op::kCast, {of(s, {}, DType::kF32)}, apply(Op::kCast, {{Attr::kDType, DType::kF64}})},
      {"cast down", Op::kCast, {of(s)}, apply(Op::kCast, {{Attr::kDType, DType::kF32}})},
      {"transpose",
       Op::kTranspose,
       {of({2, batch, 3})},
       apply(Op::kTranspose, {{Attr::kPermutation, std::vector<std::int64_t>{1, 2, 0}}})},
      {"reshape", Op::kReshape, {of({batch, 2, 3})}, apply(Op::kReshape, {{Attr::kShape, Shape{batch, 6}}})},
      {"reshape into one axis",
       Op::kReshape,
       {of({batch, 3})},
       apply(Op::kReshape, {{Attr::kShape, Shape{3 * batch}}})},
      {"broadcast of a row", Op::kBroadcast, {of({4})}, apply(Op::kBroadcast, {{Attr::kShape, s}})},
      {"broadcast of a column", Op::kBroadcast, {of({batch, 1})}, apply(Op::kBroadcast, {{Attr::kShape, s}})},
      {"broadcast of a one", Op::kBroadcast, {of({1, 4})}, apply(Op::kBroadcast, {{Attr::kShape, Shape{2, 1, 4}}})},
      {"broadcast of a scalar", Op::kBroadcast, {of({})}, apply(Op::kBroadcast, {{Attr::kShape, s}})},
      {"concat", Op::kConcat, {of({batch, 2}), of({batch, 3})}, apply(Op::kConcat, {{Attr::kAxis, std::int64_t{1}}})},
      {"concat of one", Op::kConcat, {of({batch, 2})}, apply(Op::kConcat, {{Attr::kAxis, std::int64_t{1}}})},
      {"slice",
       Op::kSlice,
       {of({batch, 5})},
       apply(Op::kSlice,
             {{Attr::kAxis, std::int64_t{1}}, {Attr::kStart, std::int64_t{1}}, {Attr::kLimit, std::int64_t{3}}})},
      {"pad",
       Op::kPad,
       {of({batch, 3})},
       apply(Op::kPad,
             {{Attr::kAxis, std::int64_t{1}}, {Attr::kLow, std::int64_t{1}}, {Attr::kHigh, std::int64_t{2}}})},
      {"windows", Op::kWindows, {of({batch, 4, 3, 2})}, apply(Op::kWindows, slide())},
      {"add_windows",
       Op::kAddWindows,
       {of({batch, 2, 4, 2, 2, 2})},
       [](ir::Builder& b, const auto& x) {
         ir::Attributes attributes = slide();
         attributes.set(Attr::kShape, Shape{batch, 4, 3, 2});
         return b(Op::kAddWindows, {x[0]}, attributes);
       }},
      // Indices beyond the 6 rows are clamped.
      {"gather", Op::kGather, {of({6, 2}), of({batch, 4}, {}, DType::kI32)}, apply(Op::kGather)},
      {"scatter_add",
       Op::kScatterAdd,
       {of({6, 2}), of({batch, 4}, {}, DType::kI32), of({batch, 4, 2})},
       apply(Op::kScatterAdd)},
      {"scatter", Op::kScatter, {of({6, 2}), of({batch, 4}, {}, DType::kI32), of({batch, 4, 2})}, apply(Op::kScatter)},
      {"scatter of single elements",
       Op::kScatter,
       {of({6}), of({batch}, {}, DType::kU8), of({batch})},
       apply(Op::kScatter)},
      {"cumsum", Op::kCumsum, {of(s)}, apply(Op::kCumsum, along(1, false))},
      {"cumsum from the end, of the batch", Op::kCumsum, {of({batch, 3})}, apply(Op::kCumsum, along(0, true))},
      {"attention", Op::kAttention, heads(3), attend(false, 0)},
      {"attention of what came before", Op::kAttention, heads(3), attend(true, 0)},
      {"attention with a float mask", Op::kAttention, heads(4), attend(true, 0)},
      {"attention through its sums", Op::kAttention, heads(4), attend(false, 1)},
      {"attention_gradient by queries", Op::kAttentionGradient, heads(5), attend_gradient(0)},
      {"attention_gradient by keys", Op::kAttentionGradient, heads(5), attend_gradient(1)},
      {"attention_gradient by values", Op::kAttentionGradient, heads(5), attend_gradient(2)},
      {"linear_recurrence",
       Op::kLinearRecurrence,
       {of({2, 4, 3}), of({2, 4, 3})},
       apply(Op::kLinearRecurrence, along(1, false))},
      {"linear_recurrence from the end, of the batch",
       Op::kLinearRecurrence,
       {of({batch, 3}), of({batch, 3})},
       apply(Op::kLinearRecurrence, along(0, true))},
      {"linear_recurrence of one step",
       Op::kLinearRecurrence,
       {of({batch, 1}), of({batch, 1})},
       apply(Op::kLinearRecurrence, along(1, false))},
      {"reduce_sum of rows", Op::kReduceSum, {of(s)}, apply(Op::kReduceSum, axes({1}))},
      {"reduce_sum of the batch", Op::kReduceSum, {of(s)}, apply(Op::kReduceSum, axes({0}))},
      {"reduce_sum of all", Op::kReduceSum, {of({2, batch, 3})}, apply(Op::kReduceSum, axes({0, 1, 2}))},
      {"reduce_max", Op::kReduceMax, {of(s)}, apply(Op::kReduceMax, axes({1}))},
      {"reduce_max of the batch", Op::kReduceMax, {of(s)}, apply(Op::kReduceMax, axes({0}))},
      {"reduce_min", Op::kReduceMin, {of({2, batch, 3})}, apply(Op::kReduceMin, axes({0, 2}))},
  };
  const auto fused = [s](ir::Builder& b, Value x, Value y, Value z) {
    const Value first = b.fused({x, y, z}, fused_body({kD, s}));
    return std::vector<Value>{first, {first.node, 1}};
  };
  list.push_back({"fused, both results", Op::kFused, {of(s), of(s)}, [=](ir::Builder& b, const auto& x) {
                    const std::vector<Value> both = fused(b, x[0], x[1], x[0]);
                    return b(Op::kMul, {both[0], both[1]});
                  }});
  list.push_back({"fused, the second result", Op::kFused, {of(s), of(s)}, [=](ir::Builder& b, const auto& x) {
                    return fused(b, x[0], x[1], b(Op::kNeg, {x[1]}))[1];
                  }});
  list.push_back(
      {"custom_gradient, both results", Op::kCustomGradient, {of(s), of(s)}, [](ir::Builder& b, const auto& x) {
         const std::vector<Value> both = product_and_exp(b, x[0], x[1]);
         return b(Op::kMul, {both[0], both[1]});
       }});
  list.push_back(
      {"custom_gradient, the second result", Op::kCustomGradient, {of(s), of(s)}, [](ir::Builder& b, const auto& x) {
         return product_and_exp(b, b(Op::kSquare, {x[0]}), x[1])[1];
       }});
  for (const test::FloatFunction& function : test::float_functions()) {
    if (!ir::info(function.op).has(ir::kDifferentiable)) continue;
    const auto range = ir::info(function.op).has(ir::kOfPositive) ? kPositive : function.range;
    list.push_back({to_string(function.op), function.op, {of(s, range)}, apply(function.op)});
  }
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      const ir::Attributes attributes{{Attr::kTransposeA, a}, {Attr::kTransposeB, b}};
      const Operand left = of(a ? Shape{3, batch} : Shape{batch, 3});
      list.push_back(
          {"matmul", Op::kMatmul, {left, of(b ? Shape{2, 3} : Shape{3, 2})}, apply(Op::kMatmul, attributes)});
      const Operand inner = of(a ? Shape{batch, 3} : Shape{3, batch});
      list.push_back({"matmul over the batch",
                      Op::kMatmul,
                      {inner, of(b ? Shape{2, batch} : Shape{batch, 2})},
                      apply(Op::kMatmul, attributes)});
    }
  }
  return list;
}

TEST_CASE("each rule agrees with dual numbers and central differences") {
  for (const Case& test : cases()) {
    CAPTURE(test.name);
    test::check_gradient(test::gradient_graph(test.operands, test.expression));
  }
}

TEST_CASE("gradients of gradients agree with dual numbers and central differences") {
  for (const Case& test : cases()) {
    CAPTURE(test.name);
    test::check_gradient(test::second_gradient_graph(test.operands, test.expression));
  }
}

TEST_CASE("every differentiable op has a case") {
  for (int i = 0; i < ir::kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    CAPTURE(ir::to_string(op));
    bool tested = false;
    for (const Case& test : cases()) tested = tested || test.op == op;
    CHECK(tested == (passes::gradient_rule(op) != nullptr));
  }
}

}  // namespace

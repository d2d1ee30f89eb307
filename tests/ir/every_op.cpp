#include "tests/ir/every_op.h"

#include <bit>
#include <limits>

#include "ir/windows.h"

namespace sluice::test {

using namespace ir;

namespace {

std::shared_ptr<const Graph> layer_body() {
  Builder b("layer");
  const Value x = b.parameter("x", {DType::kF32, {batch, 4}}, Range{-1, 1});
  const Value w = b.parameter("w", {DType::kF32, {4, 3}});
  const Value product = b(Op::kMatmul, {x, w});
  const Value activated = b(Op::kRelu, {product});
  b.set_results({activated, product});
  return std::make_shared<const Graph>(std::move(b).finish());
}

std::shared_ptr<const Graph> nested_body() {
  Builder b("outer");
  const Value x = b.parameter("x", {DType::kF32, {batch, 4}});
  const Value w = b.parameter("w", {DType::kF32, {4, 3}});
  const Value layer = b.fused({x, w}, layer_body());
  b.set_results({b(Op::kAdd, {layer, {layer.node, 1}})});
  return std::make_shared<const Graph>(std::move(b).finish());
}

void add_constants(Builder& b) {
  using F = std::numeric_limits<float>;
  using D = std::numeric_limits<double>;
  b.constant(Array({1.0f, 0.1f, -0.0f, F::infinity(), -F::infinity(), F::quiet_NaN(), F::denorm_min(), F::max(), 1e20f,
                    16777216.0f, std::bit_cast<float>(0xffc00000u), std::bit_cast<float>(0x7f800001u)},
                   {12}));
  b.constant(Array({0.1, -0.0, D::denorm_min(), D::max(), D::quiet_NaN(), std::bit_cast<double>(0xfff8000000000001u),
                    1.0 / 3.0, -D::infinity()},
                   {2, 2, 2}));
  b.constant(Array({std::numeric_limits<std::int32_t>::min(), 0, 7}, {3, 1}));
  b.constant(Array({std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}, {2}));
  b.constant(Array({std::uint8_t{0}, std::uint8_t{255}}, {2}));
  b.constant(Array({true, false}, {2}));
  b.constant(Array::scalar(2.5f));
  b.constant(Array(DType::kF32, {0, 3}));
  b.constant(Array(DType::kBool, {2, 0}));
}

void add_elementwise(Builder& b, Value x, Value y) {
  for (int i = 0; i < kOpCount; ++i) {
    const OpInfo& row = info(static_cast<Op>(i));
    if (!row.has(kElementwise) || !row.takes(DType::kF32) || !row.attributes.empty()) continue;
    if (row.arity == 1) b(row.op, {x});
    if (row.arity == 2) b(row.op, {x, y});
  }
  const Value condition = b(Op::kGreaterEqual, {x, y});
  const Value both = b(Op::kLogicalAnd, {condition, b(Op::kLogicalNot, {condition})});
  b(Op::kSelect, {b(Op::kLogicalOr, {both, condition}), x, y});
}

void add_shapes(Builder& b, Value x, Value w, Value labels) {
  b(Op::kTranspose, {x}, {{Attr::kPermutation, std::vector<std::int64_t>{1, 0}}});
  b.reshape(x, {2 * batch, 2});
  b.broadcast(x, {5, batch, 4});
  b(Op::kConcat, {x, x, x}, {{Attr::kAxis, std::int64_t{1}}});
  b(Op::kSlice, {x},
    {{Attr::kAxis, std::int64_t{1}}, {Attr::kStart, std::int64_t{1}}, {Attr::kLimit, std::int64_t{3}}});
  b(Op::kPad, {x}, {{Attr::kAxis, std::int64_t{1}}, {Attr::kLow, std::int64_t{1}}, {Attr::kHigh, std::int64_t{0}}});
  const Attributes scaled{{Attr::kCausal, true}, {Attr::kScale, Array::scalar(0.5)}};
  const Value y = b(Op::kAttention, {x, x, x}, scaled);
  b.add(Op::kAttentionGradient, {x, x, x, y, {y.node, 1}, x}, scaled);
  const Window window{.size = 2, .stride = 1, .dilation = 2, .low = -1, .high = 1};
  Attributes slide = window_attributes(1, {&window, 1});
  const Value windows = b(Op::kWindows, {x}, slide);
  slide.set(Attr::kShape, b.type(x).shape);
  b(Op::kAddWindows, {windows}, slide);
  b(Op::kOneHot, {labels}, {{Attr::kDepth, std::int64_t{10}}, {Attr::kDType, DType::kBool}});
  const Value rows = b(Op::kGather, {w, labels});
  b(Op::kScatterAdd, {w, labels, rows});
  b(Op::kScatter, {w, labels, rows});
  for (const Op op : {Op::kReduceMax, Op::kReduceMin}) b(op, {x}, {{Attr::kAxes, std::vector<std::int64_t>{0}}});
  b(Op::kReduceSum, {x}, {{Attr::kAxes, std::vector<std::int64_t>{}}});
  b(Op::kIsFirstMax, {x}, {{Attr::kAxes, std::vector<std::int64_t>{1}}});
  b(Op::kArgsort, {x}, {{Attr::kDescending, true}});
  b(Op::kCumsum, {x}, {{Attr::kAxis, std::int64_t{0}}, {Attr::kReverse, true}});
  b(Op::kLinearRecurrence, {x, x}, {{Attr::kAxis, std::int64_t{1}}});
  b(Op::kArgmax, {x}, {{Attr::kAxis, std::int64_t{1}}});
  b(Op::kIota, {}, {{Attr::kAxis, std::int64_t{0}}, {Attr::kDType, DType::kI32}, {Attr::kShape, Shape{batch, 2}}});
}

/// The gradient of a sum of squares and a copy, with a gradient of the sum.
std::shared_ptr<const Graph> clipped_body() {
  Builder b("custom_gradient");
  const Type type{DType::kF32, {batch, 4}};
  b.parameter("y0", {DType::kF32, {}});
  b.parameter("y1", type);
  const Value x = b.parameter("x0", type);
  b.parameter("x1", {DType::kU8, {batch}});
  const Value by_sum = b.parameter("dy0", {DType::kF32, {}});
  const Value by_copy = b.parameter("dy1", type);
  const Value sum = b.reduce_sum(b(Op::kSquare, {x}), {0, 1});
  const Value slope = b(Op::kGradient, {sum, x});
  b.set_results({b(Op::kAdd, {b(Op::kMul, {slope, b.broadcast(by_sum, type.shape)}), by_copy})});
  return std::make_shared<const Graph>(std::move(b).finish());
}

}  // namespace

Graph every_op() {
  Builder b("every_op");
  const Value x = b.parameter("x", {DType::kF32, {batch, 4}});
  add_constants(b);  // inputs may come after other nodes: tracing discovers states as it goes
  const Value labels = b.parameter("labels", {DType::kU8, {batch}}, Range{0, 10});
  const Value y = b.parameter("y", {DType::kF32, {batch, 4}}, Range{-0.5, 1e-7});
  add_elementwise(b, x, y);
  const Value w = b.state("w", "dense_0/w", {DType::kF32, {4, 3}}, Range{0, 1});
  const Value counter =
      b.state("counter", "a \"quoted\" name\n", {DType::kI64, {}}, {}, Array::scalar(std::int64_t{-3}));
  const Value rate = b.state("rate", "rate", {DType::kF64, {}}, Range{0, 1}, Array::scalar(1.0));
  add_shapes(b, x, w, labels);
  const Value product = b(Op::kMatmul, {x, w});
  b(Op::kMatmul, {w, product}, {{Attr::kTransposeB, true}});
  b(Op::kMatmul, {x, product}, {{Attr::kTransposeA, true}});
  const Value key = b(Op::kBatchSize, {});
  b(Op::kRandomUniform, {key, counter}, {{Attr::kDType, DType::kF32}, {Attr::kShape, Shape{batch, 3}}});
  b(Op::kRandomNormal, {key, counter}, {{Attr::kDType, DType::kF64}, {Attr::kShape, Shape{}}});
  const Value layer = b.fused({x, w}, layer_body());
  const Value nested = b.fused({x, w}, nested_body());
  const Value sum = b.reduce_sum(b(Op::kMul, {nested, {layer.node, 1}}), {0, 1});
  b.add(Op::kCustomGradient, {b.reduce_sum(x, {0, 1}), x, x, labels}, {{Attr::kBody, clipped_body()}});
  const Value gradient = b(Op::kGradient, {sum, w, x});
  b.set_update(w, gradient);
  b.set_update(counter, b(Op::kAdd, {counter, b.scalar(DType::kI64, 1)}));
  b.set_results({sum, {gradient.node, 1}, rate, b.cast(labels, DType::kF64)});
  return std::move(b).finish();
}

}  // namespace sluice::test

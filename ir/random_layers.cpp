#include <algorithm>
#include <optional>
#include <utility>

#include "ir/random_nodes.h"
#include "ir/windows.h"

// What convolutional nets and transformers are made of.
namespace sluice::ir {

/// Draws nothing.
void RandomNodes::add_attention(Value x) {
  const Dim width = shape(x)[shape(x).rank() - 1];
  if (dtype(x) != DType::kF32 || width.batch || width.size < 1) return;
  const Attributes attributes{{Attr::kCausal, values_.size() % 2 == 0}, {Attr::kScale, Array::scalar(0.5)}};
  const Value rows = bounded(x);
  std::vector<Value> operands{rows, rows, x};
  std::optional<Value> mask;
  if (values_.size() % 3 == 0) {  // all but itself, so that a single row sees nothing
    Shape square(std::vector<Dim>(static_cast<std::size_t>(shape(x).rank()), Dim(1)));
    const int last = square.rank() - 1;
    square[last] = square[last - 1] = shape(x)[last - 1];
    const auto count = [&](std::int64_t axis) {
      return b_(Op::kIota, {}, {{Attr::kAxis, axis}, {Attr::kDType, DType::kI32}, {Attr::kShape, square}});
    };
    mask = b_(Op::kNotEqual, {count(last), count(last - 1)});
    operands.push_back(*mask);
  }
  const Value y = b_.add(Op::kAttention, operands, attributes);
  const Value sums{y.node, 1};
  operands = {rows, rows, x, y, sums, bounded(y)};
  if (mask) operands.push_back(*mask);
  const Value by_rows = b_.add(Op::kAttentionGradient, operands, attributes);
  for (const Value value : {y, sums, by_rows, Value{by_rows.node, 1}, Value{by_rows.node, 2}}) keep(value);
}

void RandomNodes::add_convolution(Value windows, int axis) {
  const Shape& all = shape(windows);
  const auto product = [](auto begin, auto end) { return Shape(std::vector<Dim>(begin, end)).element_count(); };
  const Dim rows = product(all.begin(), all.begin() + axis + 1);
  const Dim depth = product(all.begin() + axis + 1, all.end());
  if (!is_float(dtype(windows)) || depth.batch || depth.size == 0) return keep(windows);
  const Value matrix = b_.reshape(windows, {rows, depth});
  if (chance(70)) keep(b_(Op::kMatmul, {matrix, any({dtype(windows), {depth, width_}})}));
  if (chance(50)) keep(b_(Op::kMatmul, {matrix, any({dtype(windows), {rows, height_}})}, {{Attr::kTransposeA, true}}));
}

void RandomNodes::add_pool(Value windows, int axis, Value x, Attributes attributes) {
  const Type type = b_.type(windows);
  const Value weighted = chance(50) ? b_(Op::kMul, {windows, any(type)}) : windows;
  const Op op = chance(50) ? Op::kReduceSum : Op::kReduceMax;
  keep(b_(op, {weighted}, {{Attr::kAxes, std::vector<std::int64_t>{axis + 1}}}));
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i <= axis; ++i) positions.push_back(i);
  if (chance(50)) keep(b_.reduce_sum(weighted, positions));
  if (chance(50)) return;
  attributes.set(Attr::kShape, shape(x));
  const Value added = b_(Op::kAddWindows, {b_(Op::kMul, {any(type), any(type)})}, std::move(attributes));
  keep(chance(50) ? added : b_(Op::kAdd, {added, x}));
}

void RandomNodes::add_windows(Value x) {
  if (shape(x).rank() > 3) return;
  const int axis = static_axis(x, 1);
  if (axis < 0) return;
  const std::int64_t most = shape(x)[axis].size;
  const std::int64_t size = 1 + below(static_cast<int>(std::min<std::int64_t>(most, 3)));
  const std::int64_t dilation = size == 1 || (size - 1) * 2 >= most ? 1 : 1 + below(2);
  const std::int64_t low = below(2);
  const std::int64_t high = below(2);
  const Window window{size, 1 + below(2), dilation, low, high};
  Attributes attributes = window_attributes(axis, {&window, 1});
  const Value windows = b_(Op::kWindows, {x}, attributes);
  if (chance(40)) return add_convolution(windows, axis);
  if (dtype(x) != DType::kBool && chance(60)) return add_pool(windows, axis, x, std::move(attributes));
  keep(windows);
  if (dtype(x) == DType::kBool) return;
  attributes.set(Attr::kShape, shape(x));
  keep(b_(Op::kAddWindows, {chance(50) ? windows : any(b_.type(windows))}, std::move(attributes)));
}

}  // namespace sluice::ir

#include "runtime/onnx/rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/node_error.h"

namespace sluice::onnx_model {

namespace {

using ir::Op;

/// A string as a template argument.
template <std::size_t N>
struct Literal {
  char text[N];
  constexpr Literal(const char (&from)[N]) { std::copy_n(from, N, text); }  // NOLINT: a string literal
};

/// One node of the same name for every dtype.
template <Literal name>
Name plain(const Call& call) {
  return call.w.add(name.text, call.broadcasting());
}

/// The same, in i32 for u8.
template <Literal name>
Name numeric(const Call& call) {
  return in_i32(call, [](const Call& c, const std::vector<Name>& x) { return c.w.add(name.text, x); });
}

/// The same, or a layer normalization that ends here.
template <Literal name>
Name numeric_or_norm(const Call& call) {
  const auto norm = write_layer_norm(call);
  return norm ? *norm : numeric<name>(call);
}

/// The same for a comparison.
template <Literal name>
Name comparison(const Call& call) {
  std::vector<Name> x = call.broadcasting();
  if (call.dtype() == DType::kU8) {
    for (Name& operand : x) operand = call.w.cast(operand, DType::kI32);
  }
  return call.w.add(name.text, x);
}

Name not_equal(const Call& call) { return call.w.add("Not", {comparison<"Equal">(call)}); }

Name square(const Call& call) {
  return in_i32(call, [](const Call& c, const std::vector<Name>& x) { return c.w.add("Mul", {x[0], x[0]}); });
}

Name rsqrt(const Call& call) { return call.w.add("Reciprocal", {call.w.add("Sqrt", {call.x()})}); }

Name erfc(const Call& call) {
  return call.w.add("Sub", {call.w.scalar(call.dtype(), 1), call.w.add("Erf", {call.x()})});
}

/// The same value under another name.
Name alias(const Call& call) {
  if (call.w.is_narrow(call.operand())) call.w.set_narrow(call.result, call.w.narrow(call.operand()));
  return call.x();
}

constexpr std::string_view kNaN = "NaN: as the runtime's";
constexpr std::string_view kRandom = "no op of ONNX draws the numbers of a key and a counter: make the noise an input";

constexpr Row kRows[] = {
    {Op::kParameter, nullptr, "a graph input", "symbolic sizes are named dimensions"},
    {Op::kState, nullptr, "an initializer", "under the variable's name"},
    {Op::kConstant, write_constant, "an initializer", ""},
    {Op::kIota, write_iota, "an initializer, or `Range`; `Expand`", ""},
    {Op::kBatchSize, write_size, "`Shape` of an input, with arithmetic", ""},
    {Op::kAdd, numeric_or_norm<"Add">, "`Add`", "u8 in i32; of a layer normalization of f32: `LayerNormalization`"},
    {Op::kSub, numeric<"Sub">, "`Sub`", "u8 in i32"},
    {Op::kMul, numeric_or_norm<"Mul">, "`Mul`", "u8 in i32; of a layer normalization of f32: `LayerNormalization`"},
    {Op::kDiv, write_divide, "`Div`", "integers with `Where` around it: x / 0 is 0; of a softmax: `Softmax`"},
    {Op::kPow, plain<"Pow">, "`Pow`", ""},
    {Op::kMaximum, numeric<"Max">, "`Max`", kNaN},
    {Op::kMinimum, numeric<"Min">, "`Min`", kNaN},
    {Op::kNeg, write_neg, "`Neg`", "u8 as 0 - x in i32"},
    {Op::kAbs, numeric<"Abs">, "`Abs`", ""},
    {Op::kExp, plain<"Exp">, "`Exp`", ""},
    {Op::kExpm1, write_expm1, "`Exp`, and `Tanh` near 0", ""},
    {Op::kLog, plain<"Log">, "`Log`", ""},
    {Op::kLog1p, write_log1p, "`Log`, corrected near 0", ""},
    {Op::kSqrt, plain<"Sqrt">, "`Sqrt`", ""},
    {Op::kRsqrt, rsqrt, "`Sqrt`, `Reciprocal`", ""},
    {Op::kTanh, plain<"Tanh">, "`Tanh`", ""},
    {Op::kSigmoid, plain<"Sigmoid">, "`Sigmoid`", ""},
    {Op::kErf, plain<"Erf">, "`Erf`", ""},
    {Op::kErfc, erfc, "1 - `Erf`", "small results have an absolute error of the rounding of 1"},
    {Op::kSin, plain<"Sin">, "`Sin`", ""},
    {Op::kCos, plain<"Cos">, "`Cos`", ""},
    {Op::kTan, plain<"Tan">, "`Tan`", ""},
    {Op::kAtan, plain<"Atan">, "`Atan`", ""},
    {Op::kSinh, plain<"Sinh">, "`Sinh`", ""},
    {Op::kCosh, plain<"Cosh">, "`Cosh`", ""},
    {Op::kRelu, write_relu, "`Relu`", "integers as `Max` with 0; NaN: as the runtime's"},
    {Op::kSquare, square, "`Mul`", ""},
    {Op::kSign, write_sign, "`Sign`", "with `Where` for NaN"},
    {Op::kFloor, plain<"Floor">, "`Floor`", ""},
    {Op::kRound, plain<"Round">, "`Round`", ""},
    {Op::kEqual, comparison<"Equal">, "`Equal`", ""},
    {Op::kNotEqual, not_equal, "`Equal`, `Not`", ""},
    {Op::kLess, comparison<"Less">, "`Less`", ""},
    {Op::kLessEqual, comparison<"LessOrEqual">, "`LessOrEqual`", ""},
    {Op::kGreater, comparison<"Greater">, "`Greater`", ""},
    {Op::kGreaterEqual, comparison<"GreaterOrEqual">, "`GreaterOrEqual`", ""},
    {Op::kLogicalAnd, plain<"And">, "`And`", ""},
    {Op::kLogicalOr, plain<"Or">, "`Or`", ""},
    {Op::kLogicalNot, plain<"Not">, "`Not`", ""},
    {Op::kSelect, write_select, "`Where`", "of bools: `And`, `Or`"},
    {Op::kCast, write_cast, "`Cast`", "floats to integers with `Where` around it, which saturates and makes NaN 0"},
    {Op::kStopGradient, alias, "nothing", ""},
    {Op::kMatmul, write_matmul, "`MatMul`, `Gemm`", "of windows of f32: `Conv`, also of groups"},
    {Op::kAttention, nullptr, "`MatMul`, `Softmax`, `MatMul`", "the pass `expand_attention` runs first"},
    {Op::kAttentionGradient, nullptr, "`MatMul`, `Exp`", "the pass `expand_attention` runs first"},
    {Op::kTranspose, write_transpose, "`Transpose`", ""},
    {Op::kReshape, write_reshape, "`Reshape`", ""},
    {Op::kBroadcast, write_broadcast, "`Expand`", "nothing where the reader broadcasts"},
    {Op::kConcat, write_concat, "`Concat`", ""},
    {Op::kSlice, write_slice, "`Slice`", ""},
    {Op::kPad, write_pad, "`Pad`", ""},
    {Op::kWindows, write_windows, "`Pad`, `Gather`", "see matmul, reduce_max"},
    {Op::kAddWindows, write_add_windows, "`Gather`, `Pad`, `Add`", "of a product of f32: `ConvTranspose`"},
    {Op::kOneHot, write_one_hot, "`Equal`, `Cast`", "`OneHot` would count negative indices from the end"},
    {Op::kGather, write_gather, "`Gather`", "indices clamped by `Max` and `Min`"},
    {Op::kScatterAdd, write_scatter_add, "`ScatterND` with the reduction add", "indices clamped by `Max` and `Min`"},
    {Op::kScatter, nullptr, "refused", "`ScatterND` leaves open which of the rows of one index stays"},
    {Op::kReduceSum, write_reduce_sum, "`ReduceSum`",
     "of products with windows of f32: `Conv`; over windows of f32: `AveragePool`; integers that overflow: as the "
     "runtime's"},
    {Op::kReduceMax, write_reduce_max, "`ReduceMax`",
     "over windows of f32, also of maxima and with padding: `MaxPool`; NaN, and windows of -inf alone: as the "
     "runtime's"},
    {Op::kReduceMin, write_reduce_min, "`ReduceMin`", kNaN},
    {Op::kArgmax, write_argmax, "`ArgMax`", kNaN},
    {Op::kIsFirstMax, write_is_first_max, "`ArgMax`, `Equal`", kNaN},
    {Op::kArgsort, write_argsort, "`TopK`", kNaN},
    {Op::kCumsum, write_cumsum, "`CumSum`", "floats are added in their own precision"},
    {Op::kLinearRecurrence, nullptr, "refused", "it would be a loop"},
    {Op::kRandomUniform, nullptr, "refused", kRandom},
    {Op::kRandomNormal, nullptr, "refused", kRandom},
    {Op::kGradient, nullptr, "the ops of the derivative", "the pass `differentiate` runs first"},
    {Op::kCustomGradient, nullptr, "its value", "the pass `differentiate` runs first"},
    {Op::kFused, nullptr, "refused", "a graph as traced has none"},
};

/// A missing row, or one in another place than in ops.def, does not compile.
constexpr bool is_complete(std::span<const Row> rows) {
  if (rows.size() != ir::kOpCount) return false;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].op != static_cast<Op>(i)) return false;
  }
  return true;
}
static_assert(is_complete(kRows));

}  // namespace

std::span<const Row> rows() { return kRows; }

ir::Value without_reshapes(const ir::Graph& graph, ir::Value value) {
  while (graph.node(value).op == Op::kReshape) value = graph.node(value).operands[0];
  return value;
}

std::vector<Name> Call::broadcasting() const {
  if (!given.empty()) return given;
  const bool has_full = std::ranges::any_of(node.operands, [&](ir::Value value) { return !w.is_narrow(value); });
  std::vector<Name> names;
  for (const ir::Value value : node.operands)
    names.push_back(has_full || !names.empty() ? w.narrow(value).name : w[value]);
  return names;
}

namespace {

/// Returns whether a value of this shape broadcasts along all axes but the last of images with so many channels.
bool is_of_channels(const Shape& shape, const Shape& images) {
  if (shape.rank() > images.rank()) return false;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) {
    if (shape[axis] != Dim(1)) return false;
  }
  return shape.rank() == 0 || shape[shape.rank() - 1] == Dim(1) || shape[shape.rank() - 1] == images[images.rank() - 1];
}

/// A convolution's result is images, of which the graph takes the rows for what is elementwise: a bias, relu. Takes the
/// images themselves, so that runtimes can fuse these ops and cancel transpositions, and returns their shape.
std::optional<Shape> take_images(Call& call) {
  Writer& w = call.w;
  if (!info(call.node.op).has(ir::kElementwise)) return {};
  std::optional<Shape> images;
  std::vector<Name> names;
  for (const ir::Value operand : call.node.operands) {
    const Source source = w.source(operand);
    if (source.is_images && (!images || *images == source.shape)) {
      images = source.shape;
      names.push_back(source.name);
    } else if (w.is_narrow(operand)) {
      names.push_back(w.narrow(operand).name);
    } else {
      return {};
    }
  }
  const Shape& shape = call.shape();
  const bool fits =
      images && *images != shape && shape.rank() > 0 && shape[shape.rank() - 1] == (*images)[images->rank() - 1];
  if (!fits) return {};
  for (const ir::Value operand : call.node.operands) {
    if (w.is_narrow(operand) && !is_of_channels(w.narrow(operand).shape, *images)) return {};
  }
  call.given = std::move(names);
  return images;
}

}  // namespace

void write_nodes(Writer& writer) {
  const ir::Graph& graph = writer.graph();
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (node.op == Op::kParameter || node.op == Op::kState) continue;
    const Row& row = kRows[static_cast<std::size_t>(node.op)];
    if (row.write == nullptr) {
      throw ir::node_error(node.origins, fmt::format("onnx: {} cannot be exported: {}", info(node.op).name, row.note));
    }
    const ir::Value result{i, 0};
    Call call{writer, node, result};
    const std::optional<Shape> images = take_images(call);
    const Name name = row.write(call);
    if (!images) {
      writer.set(result, name);
      continue;
    }
    writer.set_source(result, {name, *images, true});
    writer.set(result, writer.reshape(name, *images, node.types[0].shape));
  }
}

}  // namespace sluice::onnx_model

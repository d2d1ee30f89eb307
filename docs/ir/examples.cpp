#include "docs/ir/examples.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "sluice/ir/text.h"

namespace sluice::docs {

using ir::Op;

namespace {

/// Returns whether an example can be generated for an op: it is a function of one float.
bool is_float_function(const ir::OpInfo& row) {
  return row.has(ir::kElementwise) && row.arity == 1 && row.dtypes == ir::DTypeSet::kFloat && row.attributes.empty();
}

std::vector<Example> make_examples() {
  std::vector<Example> list{
      {Op::kConstant, {}, "{value=[[1, -0.5], [inf, nan]]}", "f32[2,2]"},
      {Op::kIota, {}, "{axis=1, dtype=i32, shape=[2,3]}", "i32[2,3]"},
      {Op::kAdd, {"f32[3] = [1, 2, 3]", "f32[3] = [10, 20, 30]"}, "", "f32[3]"},
      {Op::kAdd, {"u8[] = 250", "u8[] = 10"}, "", "u8[]"},
      {Op::kSub, {"f32[3] = [1, 2, 3]", "f32[3] = [10, 20, 30]"}, "", "f32[3]"},
      {Op::kMul, {"f32[3] = [1, 2, 3]", "f32[3] = [10, 20, 30]"}, "", "f32[3]"},
      {Op::kDiv, {"f32[3] = [1, 1, -1]", "f32[3] = [2, 0, 0]"}, "", "f32[3]"},
      {Op::kDiv, {"i32[4] = [7, -7, 7, -2147483648]", "i32[4] = [2, 2, 0, -1]"}, "", "i32[4]"},
      {Op::kPow, {"f32[3] = [2, 4, 0]", "f32[3] = [3, 0.5, 0]"}, "", "f32[3]"},
      {Op::kMaximum, {"f32[3] = [1, 5, nan]", "f32[3] = [2, 4, 0]"}, "", "f32[3]"},
      {Op::kMinimum, {"f32[3] = [1, 5, nan]", "f32[3] = [2, 4, 0]"}, "", "f32[3]"},
      {Op::kNeg, {"f32[3] = [1, -2, 0]"}, "", "f32[3]"},
      {Op::kAbs, {"f32[3] = [1, -2, -0]"}, "", "f32[3]"},
      {Op::kAbs, {"i32[2] = [-5, -2147483648]"}, "", "i32[2]"},
      {Op::kExp, {"f32[3] = [0, -inf, inf]"}, "", "f32[3]"},
      {Op::kExpm1, {"f32[3] = [0, 1e-10, -inf]"}, "", "f32[3]"},
      {Op::kLog, {"f32[3] = [1, 0, inf]"}, "", "f32[3]"},
      {Op::kLog1p, {"f32[3] = [0, 1e-10, -1]"}, "", "f32[3]"},
      {Op::kSqrt, {"f32[3] = [4, 2.25, 0]"}, "", "f32[3]"},
      {Op::kRsqrt, {"f32[3] = [4, 0.25, 0]"}, "", "f32[3]"},
      {Op::kTanh, {"f32[3] = [0, inf, -inf]"}, "", "f32[3]"},
      {Op::kSigmoid, {"f32[3] = [0, inf, -inf]"}, "", "f32[3]"},
      {Op::kRelu, {"f32[4] = [-1, 0, 2, nan]"}, "", "f32[4]"},
      {Op::kSquare, {"f32[3] = [-1.5, 0, 3]"}, "", "f32[3]"},
      {Op::kSign, {"f32[3] = [-1.5, 7, nan]"}, "", "f32[3]"},
      {Op::kFloor, {"f32[3] = [-1.5, 1.5, 2]"}, "", "f32[3]"},
      {Op::kRound, {"f32[4] = [-1.5, -0.5, 0.5, 2.5]"}, "", "f32[4]"},
      {Op::kEqual, {"f32[3] = [1, 2, nan]", "f32[3] = [1, 3, nan]"}, "", "bool[3]"},
      {Op::kNotEqual, {"f32[3] = [1, 2, nan]", "f32[3] = [1, 3, nan]"}, "", "bool[3]"},
      {Op::kLess, {"f32[3] = [1, 2, nan]", "f32[3] = [1, 3, 0]"}, "", "bool[3]"},
      {Op::kLessEqual, {"f32[3] = [1, 2, nan]", "f32[3] = [1, 3, 0]"}, "", "bool[3]"},
      {Op::kGreater, {"f32[3] = [1, 4, nan]", "f32[3] = [1, 3, 0]"}, "", "bool[3]"},
      {Op::kGreaterEqual, {"f32[3] = [1, 4, nan]", "f32[3] = [1, 3, 0]"}, "", "bool[3]"},
      {Op::kLogicalAnd, {"bool[3] = [true, true, false]", "bool[3] = [true, false, false]"}, "", "bool[3]"},
      {Op::kLogicalOr, {"bool[3] = [true, true, false]", "bool[3] = [true, false, false]"}, "", "bool[3]"},
      {Op::kLogicalNot, {"bool[2] = [true, false]"}, "", "bool[2]"},
      {Op::kSelect, {"bool[3] = [true, false, false]", "f32[3] = [1, 2, nan]", "f32[3] = [10, 20, 30]"}, "", "f32[3]"},
      {Op::kCast, {"f32[2] = [1.5, 16777217]"}, "{dtype=f64}", "f64[2]"},
      {Op::kCast, {"f32[5] = [1.9, -1.9, 1e+20, -inf, nan]"}, "{dtype=i32}", "i32[5]"},
      {Op::kCast, {"i32[3] = [5, 257, -1]"}, "{dtype=u8}", "u8[3]"},
      {Op::kCast, {"f32[3] = [0, 0.1, nan]"}, "{dtype=bool}", "bool[3]"},
      {Op::kStopGradient, {"f32[2] = [1, 2]"}, "", "f32[2]"},
      {Op::kMatmul, {"f32[2,3] = [[1, 2, 3], [4, 5, 6]]", "f32[3,1] = [[1], [10], [100]]"}, "", "f32[2,1]"},
      {Op::kMatmul,
       {"f32[2,3] = [[1, 2, 3], [4, 5, 6]]", "f32[1,2] = [[1, 10]]"},
       "{transpose_a=true, transpose_b=true}",
       "f32[3,1]"},
      {Op::kMatmul,
       {"f32[2,1,2] = [[[1, 2]], [[3, 4]]]", "f32[2,1,2] = [[[1, 10]], [[100, 1000]]]"},
       "{transpose_b=true}",
       "f32[2,1,1]"},
      {Op::kTranspose, {"f32[2,3] = [[1, 2, 3], [4, 5, 6]]"}, "{permutation=[1,0]}", "f32[3,2]"},
      {Op::kReshape, {"f32[2,3] = [[1, 2, 3], [4, 5, 6]]"}, "{shape=[3,2]}", "f32[3,2]"},
      {Op::kBroadcast, {"f32[3,1] = [[1], [2], [3]]"}, "{shape=[2,3,2]}", "f32[2,3,2]"},
      {Op::kConcat, {"f32[2,1] = [[1], [2]]", "f32[2,2] = [[3, 4], [5, 6]]"}, "{axis=1}", "f32[2,3]"},
      {Op::kSlice, {"f32[5] = [0, 10, 20, 30, 40]"}, "{axis=0, limit=4, start=1}", "f32[3]"},
      {Op::kPad, {"f32[2] = [1, 2]"}, "{axis=0, high=1, low=2}", "f32[5]"},
      {Op::kWindows,
       {"f32[5] = [1, 2, 3, 4, 5]"},
       "{axis=0, dilations=[1], padding=[1,0], sizes=[3], strides=[2]}",
       "f32[2,3]"},
      {Op::kAddWindows,
       {"f32[2,3] = [[1, 2, 3], [10, 20, 30]]"},
       "{axis=0, dilations=[1], padding=[1,0], shape=[5], sizes=[3], strides=[2]}",
       "f32[5]"},
      {Op::kOneHot, {"i32[3] = [0, 2, 3]"}, "{depth=3, dtype=f32}", "f32[3,3]"},
      {Op::kGather, {"f32[3,2] = [[1, 2], [3, 4], [5, 6]]", "i64[3] = [2, 0, 7]"}, "", "f32[3,2]"},
      {Op::kScatterAdd, {"f32[3] = [100, 100, 100]", "i64[4] = [0, 0, 2, 7]", "f32[4] = [1, 2, 3, 4]"}, "", "f32[3]"},
      {Op::kScatter, {"f32[3] = [100, 100, 100]", "i64[4] = [0, 0, 2, 7]", "f32[4] = [1, 2, 3, 4]"}, "", "f32[3]"},
      {Op::kReduceSum, {"f32[2,3] = [[1, 2, 3], [4, 5, 6]]"}, "{axes=[1]}", "f32[2]"},
      {Op::kReduceMax, {"f32[2,3] = [[1, 3, 3], [4, nan, 6]]"}, "{axes=[1]}", "f32[2]"},
      {Op::kReduceMin, {"f32[2,3] = [[1, 3, 3], [4, nan, 6]]"}, "{axes=[1]}", "f32[2]"},
      {Op::kArgmax, {"f32[2,3] = [[1, 3, 3], [4, nan, 6]]"}, "{axis=1}", "i64[2]"},
      {Op::kArgsort, {"f32[5] = [3, nan, 1, 2, 1]"}, "", "i64[5]"},
      {Op::kArgsort, {"i32[2,3] = [[1, 3, 3], [4, 0, 6]]"}, "{descending=true}", "i64[2,3]"},
      {Op::kCumsum, {"f32[2,3] = [[1, 2, 3], [4, 5, 6]]"}, "{axis=1}", "f32[2,3]"},
      {Op::kCumsum, {"f32[2,3] = [[1, 2, 3], [4, 5, 6]]"}, "{axis=0, reverse=true}", "f32[2,3]"},
      {Op::kLinearRecurrence, {"f32[4] = [nan, 2, 0.5, 0]", "f32[4] = [1, 1, 1, 1]"}, "{axis=0}", "f32[4]"},
      {Op::kIsFirstMax, {"f32[2,3] = [[1, 3, 3], [4, nan, 6]]"}, "{axes=[1]}", "bool[2,3]"},
      {Op::kRandomUniform, {"i64[] = 1", "i64[] = 0"}, "{dtype=f32, shape=[2]}", "f32[2]"},
      {Op::kRandomNormal, {"i64[] = 1", "i64[] = 0"}, "{dtype=f32, shape=[2]}", "f32[2]"},
  };
  for (int i = 0; i < ir::kOpCount; ++i) {
    const ir::OpInfo& row = ir::info(static_cast<Op>(i));
    if (!is_float_function(row) || std::ranges::find(list, row.op, &Example::op) != list.end()) continue;
    list.push_back({row.op, {"f32[3] = [-inf, 0, inf]"}, "", "f32[3]"});
  }
  return list;
}

}  // namespace

const std::vector<Example>& examples() {
  static const std::vector<Example> kExamples = make_examples();
  return kExamples;
}

ir::Graph graph_of(const Example& example) {
  std::string body;
  std::vector<std::string> operands;
  for (const std::string_view operand : example.operands) {
    const std::size_t sign = operand.find(" = ");
    operands.push_back(fmt::format("%{}", operands.size()));
    body += fmt::format("{}: {} = constant {{value={}}}\n", operands.back(), operand.substr(0, sign),
                        operand.substr(sign + 3));
  }
  const std::string text =
      fmt::format("sluice-ir 1\ngraph @{1}() {{ {0} %r: {2} = {1} {3} {4} return %r }}", body, to_string(example.op),
                  example.result, fmt::join(operands, ", "), example.attributes);
  return ir::parse(text, fmt::format("example of {}", to_string(example.op)));
}

std::string_view example_graph(Op op) {
  switch (op) {
    case Op::kParameter:
      return R"(sluice-ir 1
graph @parameter(%images: f32[B,2], %labels: u8[B] {range=[0,10)}) {
  return %images, %labels
}
)";
    case Op::kState:
      return R"(sluice-ir 1
graph @state() state(%count: i64[] "steps" {init=0}) {
  %0: i64[] = constant {value=1}
  %1: i64[] = add %count, %0
  update %count = %1
  return %1
}
)";
    case Op::kBatchSize:
      return R"(sluice-ir 1
graph @batch_size(%x: f32[B,2]) {
  %0: i64[] = batch_size
  return %0
}
)";
    case Op::kAttention:
      return R"(sluice-ir 1
graph @attention() {
  %0: f32[1,2] = constant {value=[[2, 0]]}
  %1: f32[2,2] = constant {value=[[1, 1], [5, 5]]}
  %2: f32[2,3] = constant {value=[[1, 2, 3], [9, 9, 9]]}
  %3: bool[1,2] = constant {value=[[true, false]]}
  %4: f32[1,3], %5: f32[1] = attention %0, %1, %2, %3 {scale=0.5}
  return %4, %5
}
)";
    case Op::kAttentionGradient:
      return R"(sluice-ir 1
graph @attention_gradient() {
  %0: f32[2,2] = constant {value=[[2, 0], [0, 0]]}
  %1: f32[2,2] = constant {value=[[1, 1], [2, 4]]}
  %2: f32[2,1] = constant {value=[[1], [3]]}
  %3: f32[2,1] = constant {value=[[1], [2]]}
  %4: f32[2] = constant {value=[2, 0]}
  %5: f32[2,1] = constant {value=[[1], [10]]}
  %6: f32[2,2], %7: f32[2,2], %8: f32[2,1] = attention_gradient %0, %1, %2, %3, %4, %5 {causal=true, scale=1}
  return %6, %7, %8
}
)";
    case Op::kGradient:
      return R"(sluice-ir 1
graph @gradient(%x: f32[2,2], %unused: f32[2]) {
  %0: f32[2,2] = square %x
  %1: f32[] = reduce_sum %0 {axes=[0,1]}
  %2: f32[2,2], %3: f32[2] = gradient %1, %x, %unused
  return %2, %3
}
)";
    case Op::kCustomGradient:
      return R"(sluice-ir 1
graph @custom_gradient(%x: f32[2]) {
  %0: f32[2] = floor %x
  %1: f32[2] = custom_gradient(%y: f32[2] = %0, %x: f32[2] = %x, %dy: f32[2]) {
    return %dy
  }
  return %1
}
)";
    case Op::kFused:
      return R"(sluice-ir 1
graph @fused(%x: f32[B,2], %w: f32[2,2]) {
  %0: f32[B,2], %1: f32[B,2] = fused matmul(%p0: f32[B,2] = %x, %p1: f32[2,2] = %w) {
    %0: f32[B,2] = matmul %p0, %p1
    %1: f32[B,2] = relu %0
    return %0, %1
  }
  return %0, %1
}
)";
    default:
      return "";
  }
}

}  // namespace sluice::docs

#include "tests/passes/fusion_contract.h"

#include <algorithm>
#include <optional>

#include "ir/error.h"

// Written from the words of passes/fuse.h, not from the code of the pass.
namespace sluice::test {

namespace {

using ir::Op;
using ir::Value;

bool is_parameter(const ir::Graph& body, Value value) { return body.node(value).op == Op::kParameter; }

bool is_reduction(Op op) { return op == Op::kReduceSum || op == Op::kReduceMax || op == Op::kReduceMin; }

std::vector<Dim> without_ones(const Shape& shape) {
  std::vector<Dim> dims;
  for (const Dim dim : shape) {
    if (dim != Dim(1)) dims.push_back(dim);
  }
  return dims;
}

void check_parameters(const ir::Graph& body, const ir::Node& node) {
  for (const Value operand : node.operands) {
    if (!is_parameter(body, operand)) fail("{} reads %{}, which is no parameter", to_string(node.op), operand.node);
  }
}

void check_broadcast_source(const ir::Graph& body, Value source) {
  const ir::Node& node = body.node(source);
  if (node.op == Op::kParameter) return;
  if (node.op == Op::kConstant && node.types[0].shape.rank() == 0) return;
  if (node.op != Op::kReshape) fail("broadcast of {}", to_string(node.op));
  check_parameters(body, node);
  if (without_ones(node.types[0].shape) != without_ones(body.type(node.operands[0]).shape))
    fail("reshape {} changes more than axes of size 1", to_string(node.types[0]));
}

/// A node of a loop over `shape`.
void check_loop_node(const ir::Graph& body, std::uint32_t index, const Shape& shape) {
  const ir::Node& node = body.node(index);
  const bool feeds_broadcast_only = node.types[0].shape != shape || node.op == Op::kReshape;
  if (feeds_broadcast_only) {
    if (node.op != Op::kConstant && node.op != Op::kReshape) fail("{} of another shape", to_string(node.op));
    for (const ir::Node& user : body.nodes()) {
      if (std::ranges::find(user.operands, Value{index, 0}) != user.operands.end() && user.op != Op::kBroadcast)
        fail("{} reads a value of another shape", to_string(user.op));
    }
    return;
  }
  switch (node.op) {
    case Op::kConstant:
      if (node.types[0].shape.rank() != 0) fail("a constant that is no scalar");
      return;
    case Op::kIota:
      return;
    case Op::kBroadcast:
      return check_broadcast_source(body, node.operands[0]);
    case Op::kOneHot:
    case Op::kRandomUniform:
    case Op::kRandomNormal:
      return check_parameters(body, node);
    default:
      if (!ir::info(node.op).has(ir::kElementwise)) fail("{} in a loop", to_string(node.op));
  }
}

void check_results(const ir::Graph& body, const Shape& shape) {
  for (const Value result : body.results()) {
    if (is_parameter(body, result)) fail("a result is a parameter");
    if (body.type(result).shape != shape) fail("results of several shapes");
  }
  if (body.results().empty()) fail("no result");
}

BodyKind classify_reduce(const ir::Graph& body) {
  std::optional<Shape> shape;
  const ir::Attributes* axes = nullptr;
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (!is_reduction(node.op)) continue;
    if (shape && body.type(node.operands[0]).shape != *shape) fail("reductions of several shapes");
    if (axes != nullptr && !(*axes == node.attributes)) fail("reductions over different axes");
    shape = body.type(node.operands[0]).shape;
    axes = &node.attributes;
    if (std::ranges::find(body.results(), Value{i, 0}) == body.results().end()) fail("a reduction is no result");
  }
  for (const Value result : body.results()) {
    if (!is_reduction(body.node(result).op)) fail("a result of a reduce is no reduction");
  }
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (!is_reduction(node.op) && node.op != Op::kParameter) check_loop_node(body, i, *shape);
  }
  return BodyKind::kReduce;
}

}  // namespace

BodyKind classify_body(const ir::Graph& body) {
  const auto count = [&](auto condition) {
    return std::ranges::count_if(body.nodes(), [&](const ir::Node& node) { return condition(node.op); });
  };
  if (count([](Op op) { return op != Op::kParameter; }) < 2) fail("a body of a single node");
  if (count(is_reduction) > 0) return classify_reduce(body);
  const auto products = count([](Op op) { return op == Op::kMatmul; });
  if (products > 1) fail("several products");
  if (body.results().empty()) fail("no result");
  const Shape shape = body.type(body.results()[0]).shape;
  check_results(body, shape);
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (node.op == Op::kMatmul) {
      check_parameters(body, node);
      if (node.types[0].shape != shape) fail("the product has another shape than the results");
    } else if (node.op != Op::kParameter) {
      check_loop_node(body, i, shape);
    }
  }
  return products == 1 ? BodyKind::kMatmul : BodyKind::kLoop;
}

void check_fusion_contract(const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) {
    if (node.op == Op::kFused) classify_body(node.attributes.body());
  }
}

std::vector<std::uint32_t> kernels(const ir::Graph& graph) {
  std::vector<std::uint32_t> result;
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const Op op = graph.node(i).op;
    const bool is_free =
        ir::info(op).has(ir::kInput) || op == Op::kConstant || op == Op::kBatchSize || op == Op::kReshape;
    if (!is_free) result.push_back(i);
  }
  return result;
}

}  // namespace sluice::test

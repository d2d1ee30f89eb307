#include "tests/passes/fusion_contract.h"

#include <algorithm>
#include <optional>

#include "ir/error.h"
#include "ir/reduction.h"

// Written from the words of passes/fuse.h, not from the code of the pass.
namespace sluice::test {

namespace {

using ir::Op;
using ir::reduced_axes;
using ir::Value;

bool is_parameter(const ir::Graph& body, Value value) { return body.node(value).op == Op::kParameter; }

bool is_reduction(Op op) {
  return op == Op::kReduceSum || op == Op::kReduceMax || op == Op::kReduceMin || op == Op::kArgmax;
}

/// A scalar constant, `batch_size`, or what is computed of these alone.
bool is_cheap_number(const ir::Graph& body, Value value) {
  const ir::Node& node = body.node(value);
  if (node.types[0].shape.rank() != 0) return false;
  if (node.op == Op::kConstant || node.op == Op::kBatchSize) return true;
  return ir::info(node.op).has(ir::kElementwise) &&
         std::ranges::all_of(node.operands, [&](Value operand) { return is_cheap_number(body, operand); });
}

std::vector<Dim> without_ones(const Shape& shape) {
  std::vector<Dim> dims;
  for (const Dim dim : shape) {
    if (dim != Dim(1)) dims.push_back(dim);
  }
  return dims;
}

void check_parameters(const ir::Graph& body, const ir::Node& node) {
  for (const Value operand : node.operands) {
    if (!is_parameter(body, operand) && !is_cheap_number(body, operand))
      fail("{} reads %{}, which is no parameter", to_string(node.op), operand.node);
  }
}

void check_broadcast_source(const ir::Graph& body, Value source) {
  const ir::Node& node = body.node(source);
  if (node.op == Op::kParameter) return;
  if (is_cheap_number(body, source)) return;
  if (node.op != Op::kReshape) fail("broadcast of {}", to_string(node.op));
  check_parameters(body, node);
  if (without_ones(node.types[0].shape) != without_ones(body.type(node.operands[0]).shape))
    fail("reshape {} changes more than axes of size 1", to_string(node.types[0]));
}

/// A node of a loop over `shape`.
void check_loop_node(const ir::Graph& body, std::uint32_t index, const Shape& shape) {
  const ir::Node& node = body.node(index);
  const bool is_number = is_cheap_number(body, {index, 0});
  const bool feeds_broadcast_only = node.types[0].shape != shape || node.op == Op::kReshape;
  if (feeds_broadcast_only) {
    if (!is_number && node.op != Op::kReshape) fail("{} of another shape", to_string(node.op));
    for (std::uint32_t user = 0; user < body.nodes().size(); ++user) {
      const bool reads = std::ranges::find(body.node(user).operands, Value{index, 0}) != body.node(user).operands.end();
      const Op op = body.node(user).op;
      const bool may_read =
          op == Op::kBroadcast || (is_number && op == Op::kOneHot) || (is_number && is_cheap_number(body, {user, 0}));
      if (reads && !may_read) fail("{} reads a value of another shape", to_string(body.node(user).op));
    }
    return;
  }
  if (is_number) return;
  switch (node.op) {
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

/// The shape of the rows: what the reductions read.
Shape row_shape(const ir::Graph& body) {
  std::optional<Shape> shape;
  for (const ir::Node& node : body.nodes()) {
    if (!is_reduction(node.op)) continue;
    const Shape& read = body.type(node.operands[0]).shape;
    if (shape && read != *shape) fail("reductions of several shapes");
    if (reduced_axes(node) != std::vector<std::int64_t>{read.rank() - 1}) fail("a reduction not over the last axis");
    shape = read;
  }
  if (shape->rank() < 2 || (*shape)[shape->rank() - 1].batch) fail("no rows of static length");
  return *shape;
}

BodyKind classify_rows(const ir::Graph& body) {
  const Shape shape = row_shape(body);
  const Shape rows(std::vector<Dim>(shape.begin(), shape.end() - 1));
  Shape one_column = rows;
  one_column.push_back(1);
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (node.op == Op::kParameter || is_reduction(node.op)) continue;
    const auto made_of = [&](const Shape& from) { return body.type(node.operands[0]).shape == from; };
    const Shape& made = node.types[0].shape;
    if (node.op == Op::kReshape && ((made_of(rows) && made == one_column) || (made_of(one_column) && made == rows)))
      continue;
    if (node.op == Op::kBroadcast && made_of(one_column) && made == shape) continue;
    if (node.op == Op::kOneHot && made_of(rows) && made == shape) continue;
    const bool in_rows = made == rows || made == one_column;
    check_loop_node(body, i, in_rows ? made : shape);
  }
  if (body.results().empty()) fail("no result");
  for (const Value result : body.results()) {
    if (is_parameter(body, result)) fail("a result is a parameter");
    const Shape& made = body.type(result).shape;
    if (made != shape && made != rows && made != one_column) fail("a result of another shape than the rows");
  }
  return BodyKind::kRows;
}

/// The sums of the second factor's columns, a product's second kind of result.
bool is_column_sums(const ir::Graph& body, const ir::Node& sums, const ir::Node& product) {
  return sums.op == Op::kReduceSum && sums.operands[0] == product.operands[1] &&
         !product.attributes.flag(ir::Attr::kTransposeB) && reduced_axes(sums) == std::vector<std::int64_t>{0} &&
         is_parameter(body, sums.operands[0]);
}

BodyKind classify_matmul(const ir::Graph& body) {
  const ir::Node& product = *std::ranges::find(body.nodes(), Op::kMatmul, &ir::Node::op);
  const Shape& shape = product.types[0].shape;
  check_parameters(body, product);
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (node.op == Op::kMatmul && &node != &product) fail("several products");
    if (node.op == Op::kMatmul || node.op == Op::kParameter || is_column_sums(body, node, product)) continue;
    check_loop_node(body, i, shape);
  }
  bool has_product = false;
  for (const Value result : body.results()) {
    if (is_parameter(body, result)) fail("a result is a parameter");
    if (is_column_sums(body, body.node(result), product)) continue;
    has_product = true;
    if (body.type(result).shape != shape) fail("the product has another shape than a result");
  }
  if (!has_product) fail("no result of the product");
  return BodyKind::kMatmul;
}

}  // namespace

BodyKind classify_body(const ir::Graph& body) {
  const auto count = [&](auto condition) {
    return std::ranges::count_if(body.nodes(), [&](const ir::Node& node) { return condition(node.op); });
  };
  if (count([](Op op) { return op != Op::kParameter; }) < 2) fail("a body of a single node");
  if (count([](Op op) { return op == Op::kMatmul; }) > 0) return classify_matmul(body);
  const bool goes_on = std::ranges::any_of(body.nodes(), [&](const ir::Node& node) {
    return std::ranges::any_of(node.operands, [&](Value operand) { return is_reduction(body.node(operand).op); });
  });
  if (goes_on) return classify_rows(body);
  if (count(is_reduction) > 0) return classify_reduce(body);
  if (body.results().empty()) fail("no result");
  const Shape shape = body.type(body.results()[0]).shape;
  check_results(body, shape);
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    if (body.node(i).op != Op::kParameter) check_loop_node(body, i, shape);
  }
  return BodyKind::kLoop;
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

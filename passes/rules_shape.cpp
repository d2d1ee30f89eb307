#include <algorithm>
#include <ranges>

#include "passes/rewrite.h"

// Rules for reshape, broadcast and transpose. A reshape moves toward the inputs, where it is free; a broadcast moves
// toward the results, where a kernel computes it on the fly and everything before it works on fewer elements.
namespace sluice::passes {

using ir::Attr;
using ir::Op;
using ir::Value;
using Result = std::optional<Value>;

namespace {

Value with_shape(const Match& m, Op op, Value x, const Shape& shape) { return m(op, {x}, {{Attr::kShape, shape}}); }

bool is_elementwise(Op op) { return ir::info(op).has(ir::kElementwise); }

/// reshape f(g(x, c...), c...) with one operand x that is not a number: moves the reshape through all nodes with a
/// single reader. Only if x is an input or computed from one by conversions and the like, so that the reshape can
/// become one of the input. After products and other kernels it could not, and would only separate them from what they
/// fuse with.
Result reshape_operands(const Match& m) {
  const ir::Graph& graph = m.builder().graph();
  if (!m.near_input(m.operand(0))) return {};
  std::vector<std::uint32_t> chain;
  Value x = m.operand(0);
  while (is_elementwise(graph.node(x).op) && m.only_reader(x)) {
    chain.push_back(x.node);
    x = *varying_operand(graph, graph.node(x));
  }
  if (chain.empty()) return {};
  Value moved = m.builder().reshape(x, m.type().shape);
  for (const std::uint32_t index : std::views::reverse(chain)) {
    const ir::Node node = graph.node(index);
    std::vector<Value> operands;
    for (const Value operand : node.operands) {
      operands.push_back(operand == x ? moved : m.builder().reshape(operand, m.type().shape));
    }
    x = {index, 0};
    moved = m.builder().add(node.op, std::move(operands), node.attributes, node.origins);
  }
  return moved;
}

/// f(reshape x, reshape y..., broadcast c...) where x, y... have one shape, the reshapes only fold or unfold leading
/// axes, and each c is a scalar or a vector along the last axis. f then has the shape of the node that computes x, such
/// as a product that folds a batch into its rows, and they become one kernel. Near an input a reshape moves the other
/// way.
Result reshape_result(const Match& m) {
  if (!is_elementwise(m.op())) return {};
  const auto last = [](const Shape& shape) { return shape[shape.rank() - 1]; };
  std::optional<Shape> shape;
  for (std::size_t i = 0; i < m.operand_count(); ++i) {
    if (const auto c = m.inner(i, Op::kBroadcast); c && m.type_of(*c).shape.rank() <= 1) continue;
    const auto x = m.inner(i, Op::kReshape);
    if (!x || m.near_input(*x)) return {};
    const Shape& from = m.type_of(*x).shape;
    if (from.rank() < 2 || m.type().shape.rank() < 2 || last(from) != last(m.type().shape)) return {};
    if (shape && from != *shape) return {};
    shape = from;
  }
  if (!shape) return {};
  std::vector<Value> operands;
  for (std::size_t i = 0; i < m.operand_count(); ++i) {
    const auto x = m.inner(i, Op::kReshape);
    operands.push_back(x ? *x : m.builder().broadcast(*m.inner(i, Op::kBroadcast), *shape));
  }
  return m.builder().reshape(m(m.op(), std::move(operands), m.attributes()), m.type().shape);
}

/// f(broadcast x, broadcast y...) where x, y... have one smaller shape or are scalar constants.
Result broadcast_result(const Match& m) {
  if (!is_elementwise(m.op())) return {};
  std::optional<Shape> shape;
  for (std::size_t i = 0; i < m.operand_count(); ++i) {
    const auto x = m.inner(i, Op::kBroadcast);
    if (!x) return {};
    if (m.type_of(*x).shape.rank() == 0 && m.maker_of(*x).op == Op::kConstant) continue;
    if (shape && m.type_of(*x).shape != *shape) return {};
    shape = m.type_of(*x).shape;
  }
  if (!shape) shape = Shape{};
  std::vector<Value> operands;
  for (std::size_t i = 0; i < m.operand_count(); ++i) {
    operands.push_back(m.builder().broadcast(*m.inner(i, Op::kBroadcast), *shape));
  }
  return with_shape(m, Op::kBroadcast, m(m.op(), std::move(operands), m.attributes()), m.type().shape);
}

/// Returns whether `shape` is `inner` with axes of size 1 in front.
bool has_ones_in_front(const Shape& shape, const Shape& inner) {
  const int missing = shape.rank() - inner.rank();
  if (missing < 0) return false;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != (axis < missing ? Dim(1) : inner[axis - missing])) return false;
  }
  return true;
}

/// Returns whether the permutation keeps the order of all axes that are not of size 1.
bool moves_only_ones(const Shape& from, const std::vector<std::int64_t>& permutation) {
  std::int64_t last = -1;
  for (const std::int64_t axis : permutation) {
    if (from[static_cast<int>(axis)] == Dim(1)) continue;
    if (axis < last) return false;
    last = axis;
  }
  return true;
}

constexpr Rule kShapeRules[] = {
    {"reshape x to its own shape -> x", Exactness::kExact, Op::kReshape,
     [](const Match& m) -> Result { return m.operand_type(0) == m.type() ? Result(m.operand(0)) : Result(); }},
    {"reshape reshape x -> reshape x", Exactness::kExact, Op::kReshape,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kReshape);
       return x ? Result(m.builder().reshape(*x, m.type().shape)) : Result();
     }},
    {"reshape broadcast of a scalar -> broadcast", Exactness::kExact, Op::kReshape,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kBroadcast);
       if (!x || m.type_of(*x).shape.rank() != 0) return {};
       return m.builder().broadcast(*x, m.type().shape);
     }},
    {"reshape f(x) -> f(reshape x) near an input", Exactness::kExact, Op::kReshape, reshape_operands},
    {"f(reshape x) -> reshape f(x) behind folded axes", Exactness::kExact, std::nullopt, reshape_result},
    {"broadcast x to its own shape -> x", Exactness::kExact, Op::kBroadcast,
     [](const Match& m) -> Result { return m.operand_type(0) == m.type() ? Result(m.operand(0)) : Result(); }},
    {"broadcast broadcast x -> broadcast x", Exactness::kExact, Op::kBroadcast,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kBroadcast);
       return x ? Result(with_shape(m, Op::kBroadcast, *x, m.type().shape)) : Result();
     }},
    {"broadcast reshape x with ones in front -> broadcast x", Exactness::kExact, Op::kBroadcast,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kReshape);
       if (!x || !has_ones_in_front(m.operand_type(0).shape, m.type_of(*x).shape)) return {};
       return with_shape(m, Op::kBroadcast, *x, m.type().shape);
     }},
    {"broadcast constant of one element -> broadcast of a scalar", Exactness::kExact, Op::kBroadcast,
     [](const Match& m) -> Result {
       const ir::Node& node = m.maker(0);
       if (node.op != Op::kConstant || node.types[0].shape.rank() == 0) return {};
       if (node.attributes.array().element_count() != 1) return {};
       const Value scalar = m.builder().constant(node.attributes.array().reshaped({}));
       return with_shape(m, Op::kBroadcast, scalar, m.type().shape);
     }},
    {"broadcast iota -> iota", Exactness::kExact, Op::kBroadcast,
     [](const Match& m) -> Result {
       if (m.maker(0).op != Op::kIota) return {};
       const std::int64_t axis = m.maker(0).attributes.integer(Attr::kAxis);
       const std::int64_t moved = axis + m.type().shape.rank() - m.operand_type(0).shape.rank();
       if (m.type().shape[static_cast<int>(moved)] != m.operand_type(0).shape[static_cast<int>(axis)]) return {};
       return m(Op::kIota, {}, {{Attr::kAxis, moved}, {Attr::kDType, m.type().dtype}, {Attr::kShape, m.type().shape}});
     }},
    {"f(broadcast x) -> broadcast f(x)", Exactness::kExact, std::nullopt, broadcast_result},
    {"transpose that keeps the order -> reshape", Exactness::kExact, Op::kTranspose,
     [](const Match& m) -> Result {
       if (!moves_only_ones(m.operand_type(0).shape, m.attributes().integers(Attr::kPermutation))) return {};
       return m.builder().reshape(m.operand(0), m.type().shape);
     }},
    {"transpose transpose x -> transpose x", Exactness::kExact, Op::kTranspose,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kTranspose);
       if (!x) return {};
       const auto& first = m.maker(0).attributes.integers(Attr::kPermutation);
       std::vector<std::int64_t> both;
       for (const std::int64_t axis : m.attributes().integers(Attr::kPermutation)) {
         both.push_back(first[static_cast<std::size_t>(axis)]);
       }
       return m(Op::kTranspose, {*x}, {{Attr::kPermutation, std::move(both)}});
     }},
};

}  // namespace

std::span<const Rule> shape_rules() { return kShapeRules; }

}  // namespace sluice::passes

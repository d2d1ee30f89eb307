#include "ir/infer.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "ir/counted.h"
#include "ir/infer_parts.h"
#include "sluice/error.h"
#include "sluice/ir/graph.h"

namespace sluice::ir {

namespace {

void check_integer_indices(const InferContext& c, const Type& type) {
  if (!is_integer(type.dtype)) fail("{}: indices are integers, got {}", name(c), to_string(type));
}

/// indices' shape, then a row's.
Shape gathered_shape(const Type& table, const Type& indices) {
  Shape shape = indices.shape;
  for (int axis = 1; axis < table.shape.rank(); ++axis) shape.push_back(table.shape[axis]);
  return shape;
}

/// Returns whether bodies in `graph` are nested deeper than `limit`. Looks no deeper than that.
bool nests_deeper(const Graph& graph, int limit) {
  for (const Node& node : graph.nodes()) {
    if (node.attributes.find(Attr::kBody) == nullptr) continue;
    if (limit == 0 || nests_deeper(node.attributes.body(), limit - 1)) return true;
  }
  return false;
}

/// Checks what holds for every body, whichever op it belongs to.
void check_body(const InferContext& c, const Graph& body) {
  if (!body.states().empty()) fail("{}: a body has no state, got {}", name(c), body.states().size());
  if (nests_deeper(body, kMaxBodyDepth - 1)) fail("{}: bodies are nested deeper than {}", name(c), kMaxBodyDepth);
}

}  // namespace

void check_shape(std::string_view what, const Shape& shape) {
  if (shape.rank() > kMaxRank) fail("{}: expected at most {} axes, got {}", what, kMaxRank, shape.rank());
  std::int64_t count = 1;  // regardless of empty axes, so that no order of multiplication overflows
  std::vector<Symbol> symbols;
  for (const Dim& dim : shape) {
    // One whose first coefficient is negative is below 0 for most values of its symbols.
    if (dim.size < 0 || !dim.ever_at_least(0) || (dim.batch && dim.size == 0)) {
      fail("{}: {} has a size that is not valid", what, to_string(shape));
    }
    dim.batch.add_symbols(symbols);
    // Of a sum, all numbers must keep to the limit.
    std::int64_t most = dim.batch ? 1 : dim.size;
    for (const auto& [coefficient, factors] : dim.batch.terms()) {
      const std::int64_t number = std::abs(coefficient);
      most = std::max(most, number > kMaxElements / dim.size ? kMaxElements + 1 : number * dim.size);
    }
    if (most > kMaxElements / count) fail("{}: {} has too many elements", what, to_string(shape));
    count *= std::max<std::int64_t>(most, 1);
  }
  if (symbols.size() > Bindings::kMost)
    fail("{}: {} has more than {} symbolic sizes", what, to_string(shape), Bindings::kMost);
}

Types infer_typed(const InferContext& c) {
  check_shape(name(c), c.attributes.shape());
  if (c.op == Op::kState && !c.attributes.shape().is_static()) {
    fail("state: a variable has a static shape, got {}", to_string(c.attributes.shape()));
  }
  return {{c.attributes.dtype(), c.attributes.shape()}};
}

Types infer_constant(const InferContext& c) {
  const Type type = c.attributes.array().type();
  check_shape(name(c), type.shape);
  return {type};
}

Types infer_iota(const InferContext& c) {
  const Shape& shape = c.attributes.shape();
  check_shape(name(c), shape);
  const std::int64_t axis = c.attributes.integer(Attr::kAxis);
  if (axis < 0 || axis >= shape.rank()) fail("iota: axis {} is outside of {}", axis, to_string(shape));
  if (c.attributes.dtype() == DType::kBool) fail("iota: counts in numbers, got bool");
  return {{c.attributes.dtype(), shape}};
}

Types infer_batch_size(const InferContext& c) {
  if (c.attributes.find(Attr::kSize) != nullptr) check_shape(name(c), {c.attributes.size(Attr::kSize)});
  return {{DType::kI64, {}}};
}

Types infer_binary(const InferContext& c) {
  check_same(c, x(c), y(c));
  return {x(c)};
}

Types infer_unary(const InferContext& c) { return {x(c)}; }

Types infer_comparison(const InferContext& c) {
  check_same(c, x(c), y(c));
  return {{DType::kBool, x(c).shape}};
}

Types infer_select(const InferContext& c) {
  if (x(c).dtype != DType::kBool) fail("select: the condition is bool, got {}", to_string(x(c)));
  check_same(c, y(c), c.operands[2]);
  if (x(c).shape != y(c).shape) {
    fail("select: condition and branches have different shapes: {} and {}", to_string(x(c)), to_string(y(c)));
  }
  return {y(c)};
}

Types infer_cast(const InferContext& c) { return {{c.attributes.dtype(), x(c).shape}}; }

Types infer_matmul(const InferContext& c) {
  const int rank = x(c).shape.rank();
  if (rank < 2 || y(c).shape.rank() != rank)
    fail("matmul: operands are of one rank, at least 2, got {} and {}", to_string(x(c)), to_string(y(c)));
  if (x(c).dtype != y(c).dtype)
    fail("matmul: operands have different element types: {} and {}", to_string(x(c)), to_string(y(c)));
  const auto check_equal = [&](std::string_view what, int a_axis, int b_axis) {
    if (x(c).shape[a_axis] == y(c).shape[b_axis]) return;
    fail("matmul: {} differ: axis {} of {} is {}, axis {} of {} is {}", what, a_axis, to_string(x(c)),
         to_string(x(c).shape[a_axis]), b_axis, to_string(y(c)), to_string(y(c).shape[b_axis]));
  };
  for (int axis = 0; axis < rank - 2; ++axis) check_equal("batch sizes", axis, axis);
  const int a_inner = rank - (c.attributes.flag(Attr::kTransposeA) ? 2 : 1);
  const int b_inner = rank - (c.attributes.flag(Attr::kTransposeB) ? 1 : 2);
  check_equal("inner sizes", a_inner, b_inner);
  // Of the last two axes, whose sum is 2 * rank - 3, the other one.
  const int both = 2 * rank - 3;
  Shape shape(std::vector<Dim>(x(c).shape.begin(), x(c).shape.end() - 2));
  shape.push_back(x(c).shape[both - a_inner]);
  shape.push_back(y(c).shape[both - b_inner]);
  check_shape(name(c), shape);
  return {{x(c).dtype, shape}};
}

Types infer_transpose(const InferContext& c) {
  const auto& permutation = c.attributes.integers(Attr::kPermutation);
  std::vector<std::int64_t> sorted = permutation;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t i = 0; i < sorted.size() || i < static_cast<std::size_t>(x(c).shape.rank()); ++i) {
    if (sorted.size() != static_cast<std::size_t>(x(c).shape.rank()) || sorted[i] != static_cast<std::int64_t>(i)) {
      fail("transpose: [{}] is not a permutation of the axes of {}", fmt::join(permutation, ","), to_string(x(c)));
    }
  }
  Type result{x(c).dtype, {}};
  for (const std::int64_t axis : permutation) result.shape.push_back(x(c).shape[static_cast<int>(axis)]);
  return {result};
}

Types infer_reshape(const InferContext& c) {
  const Shape& shape = c.attributes.shape();
  check_shape(name(c), shape);
  if (shape.element_count() != x(c).shape.element_count()) {
    fail("reshape: {} has {} elements, {} would have {}", to_string(x(c)), to_string(x(c).shape.element_count()),
         to_string(shape), to_string(shape.element_count()));
  }
  return {{x(c).dtype, shape}};
}

Types infer_broadcast(const InferContext& c) {
  const Shape& shape = c.attributes.shape();
  check_shape(name(c), shape);
  const int missing = shape.rank() - x(c).shape.rank();
  bool fits = missing >= 0;
  for (int axis = 0; fits && axis < x(c).shape.rank(); ++axis) {
    fits = x(c).shape[axis] == Dim(1) || x(c).shape[axis] == shape[axis + missing];
  }
  if (!fits) fail("broadcast: {} does not broadcast to {}", to_string(x(c)), to_string(shape));
  return {{x(c).dtype, shape}};
}

Types infer_concat(const InferContext& c) {
  if (c.operands.empty()) fail("concat: expected at least one operand");
  const int axis = check_axis(c);
  Type result = x(c);
  for (const Type& type : c.operands.subspan(1)) {
    Type expected = x(c);
    const bool same_rank = type.shape.rank() == expected.shape.rank();
    if (same_rank) expected.shape[axis] = type.shape[axis];
    if (type != expected) {
      fail("concat: operands differ in more than axis {}: {} and {}", axis, to_string(x(c)), to_string(type));
    }
    result.shape[axis] = result.shape[axis] + type.shape[axis];
    check_shape(name(c), result.shape);
  }
  return {result};
}

Types infer_slice(const InferContext& c) {
  const int axis = check_axis(c);
  const Dim start = c.attributes.size(Attr::kStart);
  const Dim limit = c.attributes.size(Attr::kLimit);
  const Dim count = limit - start;
  // A range with symbols is checked again once they are bound (ir/solve_sizes.h).
  if (!start.ever_at_least(0) || !count.ever_at_least(count.batch ? 0 : 1) ||
      !(x(c).shape[axis] - limit).ever_at_least(0)) {
    fail("slice: [{},{}) is not a range within axis {} of {}", to_string(start), to_string(limit), axis,
         to_string(x(c)));
  }
  Type result = x(c);
  result.shape[axis] = count;
  check_shape(name(c), result.shape);
  return {result};
}

Types infer_pad(const InferContext& c) {
  const int axis = check_axis(c);
  const Dim low = c.attributes.size(Attr::kLow);
  const Dim high = c.attributes.size(Attr::kHigh);
  if (!low.ever_at_least(0) || !high.ever_at_least(0))
    fail("pad: low and high are at least 0, got {} and {}", to_string(low), to_string(high));
  if (low.size > kMaxElements || high.size > kMaxElements)
    fail("pad: too many elements: low {}, high {}", to_string(low), to_string(high));
  Type result = x(c);
  result.shape[axis] = result.shape[axis] + low + high;
  check_shape(name(c), result.shape);
  return {result};
}

Types infer_one_hot(const InferContext& c) {
  check_integer_indices(c, x(c));
  const std::int64_t depth = c.attributes.integer(Attr::kDepth);
  if (depth < 1) fail("one_hot: depth is at least 1, got {}", depth);
  Type result{c.attributes.dtype(), x(c).shape};
  result.shape.push_back(depth);
  check_shape(name(c), result.shape);
  return {result};
}

Types infer_gather(const InferContext& c) {
  check_integer_indices(c, y(c));
  if (x(c).shape.rank() < 1) fail("gather: the table has rows, got {}", to_string(x(c)));
  if (x(c).shape[0].size == 0) fail("gather: the table has no row: {}", to_string(x(c)));
  const Shape shape = gathered_shape(x(c), y(c));
  check_shape(name(c), shape);
  return {{x(c).dtype, shape}};
}

Types infer_scatter(const InferContext& c) {
  check_integer_indices(c, y(c));
  if (c.op == Op::kScatterAdd && x(c).dtype == DType::kBool) fail("scatter_add: adds numbers, got {}", to_string(x(c)));
  if (x(c).shape.rank() < 1 || x(c).shape[0].size == 0) fail("{}: the table has no row: {}", name(c), to_string(x(c)));
  const Type rows{x(c).dtype, gathered_shape(x(c), y(c))};
  if (c.operands[2] != rows) {
    fail("{}: expected rows of type {} for {} and indices {}, got {}", name(c), to_string(rows), to_string(x(c)),
         to_string(y(c)), to_string(c.operands[2]));
  }
  return {x(c)};
}

Types infer_random(const InferContext& c) {
  for (const Type& type : c.operands) {
    if (type != Type{DType::kI64, {}}) fail("{}: key and counter are i64[], got {}", name(c), to_string(type));
  }
  if (!is_float(c.attributes.dtype())) fail("{}: makes floats, got {}", name(c), to_string(c.attributes.dtype()));
  check_shape(name(c), c.attributes.shape());
  return {{c.attributes.dtype(), c.attributes.shape()}};
}

Types infer_gradient(const InferContext& c) {
  if (c.operands.size() < 2)
    fail("gradient: expected y and what to derive it by, got {}", c.operands.empty() ? "nothing" : "only y");
  if (!is_float(x(c).dtype) || x(c).shape.rank() != 0) fail("gradient: y is a float scalar, got {}", to_string(x(c)));
  Types types;
  for (const Type& type : c.operands.subspan(1)) {
    if (!is_float(type.dtype)) fail("gradient: derives by floats, got {}", to_string(type));
    types.push_back(type);
  }
  return types;
}

Types infer_custom_gradient(const InferContext& c) {
  const Graph& body = c.attributes.body();
  check_body(c, body);
  const auto parameters = body.parameters();
  const std::size_t count = c.operands.size();
  const std::size_t adjoints = parameters.size() - std::min(parameters.size(), count);
  if (adjoints == 0 || adjoints >= count) {
    fail(
        "custom_gradient: the body takes {} for {}; expected more parameters than operands, one for the adjoint of "
        "each y, and fewer y than operands",
        counted(parameters.size(), "value"), counted(count, "operand"));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Type& expected = body.type(parameters[i].value);
    const bool is_adjoint = i >= count;
    const Type& given = c.operands[is_adjoint ? i - count : i];
    if (given == expected) continue;
    fail("custom_gradient: {} {} is {}, the body takes {}", is_adjoint ? "the adjoint of operand" : "operand",
         is_adjoint ? i - count : i, to_string(given), to_string(expected));
  }
  std::size_t next = 0;
  for (std::size_t i = adjoints; i < count; ++i) {
    if (!is_float(c.operands[i].dtype)) continue;
    if (next == body.results().size()) break;
    const Type& given = body.type(body.results()[next]);
    if (given != c.operands[i]) {
      fail("custom_gradient: the body's result {} is {}, expected {}, the type of operand {}", next, to_string(given),
           to_string(c.operands[i]), i);
    }
    ++next;
  }
  const auto floats =
      std::ranges::count_if(c.operands.subspan(adjoints), [](const Type& x) { return is_float(x.dtype); });
  if (body.results().size() != static_cast<std::size_t>(floats)) {
    fail("custom_gradient: the body returns {}, expected one for each of the {} floats among x",
         counted(body.results().size(), "value"), floats);
  }
  return {c.operands.begin(), c.operands.begin() + static_cast<std::ptrdiff_t>(adjoints)};
}

Types infer_fused(const InferContext& c) {
  const Graph& body = c.attributes.body();
  const auto parameters = body.parameters();
  check_body(c, body);
  if (body.results().empty()) fail("fused: a body has results, got none");
  if (parameters.size() != c.operands.size())
    fail("fused: the body takes {}, got {}", counted(parameters.size(), "operand"), c.operands.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Type& expected = body.type(parameters[i].value);
    if (c.operands[i] != expected) {
      fail("fused: operand {} is {}, the body takes {}", i, to_string(c.operands[i]), to_string(expected));
    }
  }
  Types types;
  for (const Value result : body.results()) types.push_back(body.type(result));
  return types;
}

}  // namespace sluice::ir

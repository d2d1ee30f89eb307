#include "sluice/ir/graph.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

#include "ir/kernel_kind.h"
#include "ir/node_error.h"
#include "sluice/error.h"

namespace sluice::ir {

Origins origin_at(Location location) {
  if (!location.known()) return {};
  return {{std::make_shared<CallStack>(CallStack{{location}, 0}), false}};
}

Location user_location(const Origins& origins) {
  for (const Origin& origin : origins) {
    if (origin.stack == nullptr) continue;
    if (const Location user = origin.stack->user(); user.known()) return user;
  }
  return {};
}

void merge_origins(Origins& to, const Origins& from) {
  // A constant that a model writes on thousands of lines becomes one node; nobody wants to see them all.
  constexpr std::size_t kMost = 16;
  for (const Origin& origin : from) {
    if (to.size() >= kMost) return;
    const bool known = std::any_of(to.begin(), to.end(), [&](const Origin& other) {
      return origin.gradient == other.gradient &&
             (origin.stack == other.stack || origin.stack->frames == other.stack->frames);
    });
    if (!known) to.push_back(origin);
  }
}

void Builder::check(Value value) const {
  SLUICE_CHECK(value.node < graph_.nodes_.size() && value.result < graph_.nodes_[value.node].types.size(),
               "value {}.{} is not of graph @{}", value.node, value.result, graph_.name_);
}

std::string fault_of(const Range& range, DType dtype) {
  if (!(range.low < range.high)) return "is empty";
  return visit_dtype(dtype, [&]<typename T>(T) -> std::string {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      const auto lowest = static_cast<double>(std::numeric_limits<T>::min());
      const double end = std::ldexp(1.0, std::numeric_limits<T>::digits);
      if (range.low < lowest || range.high > end)
        return fmt::format("reaches beyond {}, [{},{})", to_string(dtype), lowest, end);
    }
    return "";
  });
}

void Builder::check_input(std::string_view kind, const std::string& name, DType dtype,
                          const std::optional<Range>& range) const {
  if (names_.contains(name)) fail("{} '{}': the name is taken already", kind, name);
  if (!range) return;
  if (const std::string fault = fault_of(*range, dtype); !fault.empty())
    fail("{} '{}': the range [{},{}) {}", kind, name, range->low, range->high, fault);
}

Value Builder::parameter(std::string name, Type type, std::optional<Range> range, Origins origins) {
  check_input("parameter", name, type.dtype, range);
  const Value value =
      add(Op::kParameter, {}, {{Attr::kDType, type.dtype}, {Attr::kShape, std::move(type.shape)}}, std::move(origins));
  names_.insert(name);
  graph_.parameters_.push_back({std::move(name), value, range});
  return value;
}

Value Builder::state(std::string name, std::string variable, Type type, std::optional<Range> range,
                     std::optional<Array> init, Origins origins) {
  check_input("state", name, type.dtype, range);
  if (init && init->type() != Type{type.dtype, {}}) {
    fail("state '{}': the init is {}, expected {}", name, to_string(init->type()), to_string(Type{type.dtype, {}}));
  }
  if (variables_.contains(variable)) fail("state '{}': variable \"{}\" is a state already", name, variable);
  const Value value =
      add(Op::kState, {}, {{Attr::kDType, type.dtype}, {Attr::kShape, std::move(type.shape)}}, std::move(origins));
  names_.insert(name);
  variables_.insert(variable);
  graph_.states_.push_back({std::move(name), std::move(variable), value, std::nullopt, range, std::move(init)});
  return value;
}

Value Builder::add(Op op, std::vector<Value> operands, Attributes attributes, Origins origins) {
  std::vector<Type> operand_types;
  operand_types.reserve(operands.size());
  for (const Value operand : operands) {
    check(operand);
    operand_types.push_back(type(operand));
  }
  std::vector<Type> types;
  try {
    types = infer(op, operand_types, attributes);
  } catch (const Error& error) {
    if (error.location().known()) throw;
    throw node_error(origins, error.message());
  }
  graph_.nodes_.push_back({op, std::move(operands), std::move(attributes), std::move(types), std::move(origins)});
  return {static_cast<std::uint32_t>(graph_.nodes_.size() - 1), 0};
}

std::vector<Value> Builder::append(const Graph& graph, std::span<const Value> arguments) {
  SLUICE_CHECK(graph.states().empty() && arguments.size() == graph.parameters().size(),
               "graph @{} has {} parameters and {} states, got {} arguments", graph.name(), graph.parameters().size(),
               graph.states().size(), arguments.size());
  std::vector<Value> firsts(graph.nodes().size());  // the first result of each node here
  for (std::size_t i = 0; i < arguments.size(); ++i) firsts[graph.parameters()[i].value.node] = arguments[i];
  const auto at = [&](Value old) { return Value{firsts[old.node].node, firsts[old.node].result + old.result}; };
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.node(i);
    if (info(node.op).has(kInput)) continue;
    std::vector<Value> operands;
    for (const Value operand : node.operands) operands.push_back(at(operand));
    firsts[i] =
        add(node.op, std::move(operands), node.attributes, node.origins.empty() ? current_origins_ : node.origins);
  }
  std::vector<Value> results;
  for (const Value result : graph.results()) results.push_back(at(result));
  return results;
}

Value Builder::fused(std::vector<Value> operands, std::shared_ptr<const Graph> body, Origins origins) {
  const std::optional<KernelKind> kind = find_body_kind(*body);
  Attributes attributes{{Attr::kBody, std::move(body)}};
  if (kind) attributes.set(Attr::kKind, *kind);
  return add(Op::kFused, std::move(operands), std::move(attributes), std::move(origins));
}

void Builder::add_origins(std::uint32_t first, const Origins& origins) {
  for (std::size_t i = first; i < graph_.nodes_.size(); ++i) merge_origins(graph_.nodes_[i].origins, origins);
}

Value Builder::constant(Array value) { return (*this)(Op::kConstant, {}, {{Attr::kValue, std::move(value)}}); }

Value Builder::scalar(DType dtype, double value) {
  return constant(visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      if (!detail::fits<T>(value) || std::trunc(value) != value) {
        fail("constant: {} is not a value of {}", value, to_string(dtype));
      }
    }
    return Array::scalar(static_cast<T>(value));
  }));
}

Value Builder::full(const Type& type, double value) { return broadcast(scalar(type.dtype, value), type.shape); }

Value Builder::broadcast(Value x, const Shape& shape) {
  if (type(x).shape == shape) return x;
  return (*this)(Op::kBroadcast, {x}, {{Attr::kShape, shape}});
}

Value Builder::reshape(Value x, const Shape& shape) {
  if (type(x).shape == shape) return x;
  return (*this)(Op::kReshape, {x}, {{Attr::kShape, shape}});
}

Value Builder::cast(Value x, DType dtype) {
  if (type(x).dtype == dtype) return x;
  return (*this)(Op::kCast, {x}, {{Attr::kDType, dtype}});
}

Value Builder::reduce_sum(Value x, std::vector<std::int64_t> axes) {
  if (axes.empty()) return x;
  return (*this)(Op::kReduceSum, {x}, {{Attr::kAxes, std::move(axes)}});
}

void Builder::set_update(Value state, Value value) {
  check(value);
  const auto place = std::ranges::lower_bound(graph_.states_, state, {}, &State::value);  // states are in node order
  if (place == graph_.states_.end() || place->value != state) fail("update: %{} is not a state", state.node);
  if (type(value) != type(state)) {
    fail("update: variable \"{}\" is {}, its new value is {}", place->variable, to_string(type(state)),
         to_string(type(value)));
  }
  place->update = value == state ? std::nullopt : std::optional(value);
}

void Builder::set_results(std::vector<Value> results) {
  for (const Value value : results) check(value);
  graph_.results_ = std::move(results);
}

Graph Builder::finish() && { return std::move(graph_); }

bool equal_structure(const Graph& a, const Graph& b) {
  const auto same_node = [](const Node& m, const Node& n) {
    return m.op == n.op && m.operands == n.operands && m.types == n.types && m.attributes == n.attributes;
  };
  const auto same_parameter = [](const Parameter& p, const Parameter& q) {
    return p.value == q.value && p.range == q.range;
  };
  const auto same_state = [](const State& s, const State& t) {
    return s.variable == t.variable && s.value == t.value && s.update == t.update && s.range == t.range &&
           s.init == t.init;
  };
  return std::ranges::equal(a.nodes(), b.nodes(), same_node) &&
         std::ranges::equal(a.parameters(), b.parameters(), same_parameter) &&
         std::ranges::equal(a.states(), b.states(), same_state) && std::ranges::equal(a.results(), b.results());
}

bool has_batch(const Graph& graph) {
  for (const Node& node : graph.nodes()) {
    for (const Type& type : node.types) {
      if (!type.shape.is_static()) return true;
    }
  }
  return false;
}

std::optional<double> splat_value(const Graph& graph, Value value) {
  const Node* node = &graph.node(value);
  while (node->op == Op::kBroadcast || node->op == Op::kReshape) node = &graph.node(node->operands[0]);
  if (node->op != Op::kConstant || node->attributes.array().element_count() != 1) return std::nullopt;
  return node->attributes.array().item<double>();
}

}  // namespace sluice::ir

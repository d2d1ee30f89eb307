#include "tests/proofs/scalar_theorems.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "sluice/ir/text.h"
#include "tests/passes/meaning.h"
#include "tests/proofs/prover.h"

namespace sluice::proofs {

using ir::Op;
using passes::Exactness;
using z3::expr;

namespace {

/// Shares one value among all elements.
bool repeats(Op op) { return op == Op::kBroadcast || op == Op::kReshape; }

/// Returns a name for the elements of a constant that the theorem leaves arbitrary.
std::string name_of(const Array& array) {
  return fmt::format("constant {:02x}", fmt::join(std::as_bytes(std::span(array.bytes(), array.byte_count())), ""));
}

bool has_cast(const ir::Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const ir::Node& node) { return node.op == Op::kCast; });
}

/// Returns whether Z3 takes too long for the real formats, as it does for float arithmetic except with 0, 1 and -1 in
/// f32.
bool is_hard(const ir::Graph& graph) {
  const auto is_easy = [&](ir::Value operand) {
    const std::optional<double> number = ir::splat_value(graph, operand);
    return number == 0 || number == 1 || number == -1;
  };
  return std::ranges::any_of(graph.nodes(), [&](const ir::Node& node) {
    switch (node.op) {
      case Op::kAdd:
      case Op::kSub:
      case Op::kMul:
      case Op::kDiv:
      case Op::kSquare:
        return node.types[0].dtype == DType::kF64 ||
               (node.types[0].dtype == DType::kF32 && std::ranges::none_of(node.operands, is_easy));
      default:
        return false;
    }
  });
}

/// Returns small float formats, and those that the rules run on. Casts are between the latter.
std::vector<World> worlds_for(z3::context& c, const ir::Graph& graph, Exactness exactness) {
  const World real = world_of(c, "real", float_model(c, 8, 24), float_model(c, 11, 53));
  if (has_cast(graph)) return {real};
  std::vector<World> worlds;
  for (const auto& [exponent, mantissa] : {std::pair(3U, 5U), std::pair(5U, 11U)}) {
    const auto model = float_model(c, exponent, mantissa);
    worlds.push_back(world_of(c, model->name(), model, model));
  }
  if (exactness == Exactness::kFast) return worlds;
  if (!is_hard(graph)) worlds.push_back(real);
  if (exactness == Exactness::kExact) {
    const auto bits = bits_model(c, 5, 11);
    worlds.push_back(world_of(c, bits->name(), bits, bits));
  }
  return worlds;
}

/// Returns whether each constant of the graph is a number of the world. If rounding does not count, it may be rounded.
bool holds_constants(const ir::Graph& graph, const World& world, Exactness exactness) {
  return exactness == Exactness::kFast || std::ranges::all_of(graph.nodes(), [&](const ir::Node& node) {
           if (node.op != Op::kConstant || node.attributes.array().element_count() != 1) return true;
           return world.of(node.types[0].dtype).holds(node.attributes.array().item<double>());
         });
}

std::vector<expr> assumptions_of(const ir::Node& node, const Model& model, const expr& result,
                                 const std::vector<expr>& x) {
  switch (node.op) {
    case Op::kExp:
    case Op::kSigmoid:
    case Op::kReduceSum:  // starts at 0, and no sum of 0 and another number is -0
      return {!model.is_minus_zero(result)};
    case Op::kPow:  // C's Annex F, and a library that returns exact results where they exist
      return {implies(model.equal(x[1], model.number(0)), result == model.number(1)),
              implies(model.equal(x[1], model.number(1)), model.same(result, x[0], Exactness::kNanBits))};
    default:
      return {};
  }
}

/// Proves one theorem: the results of `before` equal those of `after`.
bool prove_equal(Prover& prover, const World& world, const ir::Graph& before, const ir::Graph& after,
                 Exactness exactness) {
  const Elements x = evaluate(prover.c, before, world);
  const Elements y = evaluate(prover.c, after, world);
  std::vector<expr> axioms = x.axioms;
  axioms.insert(axioms.end(), y.axioms.begin(), y.axioms.end());
  bool proven = true;
  for (std::size_t i = 0; i < x.results.size(); ++i) {
    const Model& model = world.of(before.type(before.results()[i]).dtype);
    const std::string label = fmt::format("{}, {}\n{}", world.name, model.name(), ir::print(before));
    proven = prover.prove(label, model.same(x.results[i], y.results[i], exactness), axioms) && proven;
  }
  return proven;
}

/// A theorem of a small format counts for both f32 and f64.
std::string theorem_name(const World& world, const ir::Graph& graph) {
  std::string name = world.name + ir::print(graph);
  for (std::size_t at = 0; world.name != "real" && (at = name.find("f64", at)) != std::string::npos;) {
    name.replace(at, 3, "f32");
  }
  return name;
}

void prove_on_graph(const passes::Rule& rule, const ir::Graph& before, std::set<std::string>& done,
                    Evidence& evidence) {
  if (!is_scalar(before)) return;
  const ir::Graph after = passes::rewrite(before, std::span(&rule, 1), {true, {}});
  if (ir::equal_structure(before, after)) return;
  for (const ir::Parameter& parameter : before.parameters()) {
    evidence.dtypes.insert(before.type(parameter.value).dtype);
  }
  Prover prover;
  for (const World& world : worlds_for(prover.c, before, rule.exactness)) {
    if (!holds_constants(before, world, rule.exactness) || !holds_constants(after, world, rule.exactness)) continue;
    if (!done.insert(theorem_name(world, before)).second) continue;
    prove_equal(prover, world, before, after, rule.exactness);
    evidence.models.insert(world.name);
  }
  evidence.theorems += prover.theorems();
  evidence.failures.insert(evidence.failures.end(), prover.failures().begin(), prover.failures().end());
}

}  // namespace

bool is_scalar(const ir::Graph& graph) {
  // A sum may be an operand, as some number. A rule on sums is about more than that.
  const auto is_sum = [&](ir::Value result) { return graph.node(result).op == Op::kReduceSum; };
  if (std::ranges::any_of(graph.results(), is_sum)) return false;
  return std::ranges::all_of(graph.nodes(), [&](const ir::Node& node) {
    if (repeats(node.op)) return ir::splat_value(graph, node.operands[0]).has_value();
    const bool leaf = ir::info(node.op).has(ir::kInput) || node.op == Op::kConstant;
    return leaf || ir::info(node.op).has(ir::kElementwise) || node.op == Op::kReduceSum;
  });
}

Elements evaluate(z3::context& c, const ir::Graph& graph, const World& world) {
  Elements elements;
  std::vector<expr> values;
  std::vector<std::string> names(graph.nodes().size());
  for (const ir::Parameter& parameter : graph.parameters()) names[parameter.value.node] = parameter.name;
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    const DType dtype = node.types[0].dtype;
    std::vector<expr> x;
    for (const ir::Value operand : node.operands) x.push_back(values[operand.node]);
    if (ir::info(node.op).has(ir::kInput)) {
      values.push_back(world.of(dtype).variable(names[i]));
    } else if (node.op == Op::kConstant) {
      const Array& array = node.attributes.array();
      const bool single = array.element_count() == 1;
      values.push_back(single ? world.of(dtype).number(array.item<double>())
                              : world.of(dtype).variable(name_of(array)));
    } else if (node.op == Op::kCast) {
      values.push_back(convert(c, world, x[0], graph.type(node.operands[0]).dtype, dtype));
    } else if (repeats(node.op)) {
      values.push_back(x[0]);
    } else {
      const Model& model = world.of(graph.type(node.operands.back()).dtype);
      values.push_back(model.apply(node.op, x));
      std::ranges::move(assumptions_of(node, model, values.back(), x), std::back_inserter(elements.axioms));
    }
  }
  for (const ir::Value result : graph.results()) elements.results.push_back(values[result.node]);
  return elements;
}

Evidence prove_on_graphs(const passes::Rule& rule, std::span<const ir::Graph> graphs) {
  Evidence evidence;
  std::set<std::string> done;
  for (const ir::Graph& graph : graphs) {
    prove_on_graph(rule, graph, done, evidence);
    for (const test::Retyped& other : test::in_all_dtypes(graph)) prove_on_graph(rule, other.graph, done, evidence);
  }
  return evidence;
}

}  // namespace sluice::proofs

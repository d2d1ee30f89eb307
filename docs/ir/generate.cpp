// Writes docs/ir.md: the introduction, then every op from its row in sluice/ir/ops.def, its rule in the table of
// gradients and its examples, which the interpreter runs. Usage: generate_ir_md INTRODUCTION OUTPUT
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "docs/ir/examples.h"
#include "docs/ir/run_example.h"
#include "passes/gradient_rules.h"
#include "passes/rebuild.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"

namespace sluice::docs {

namespace {

using ir::Op;

/// The headings, each before the first op that belongs to it.
struct Heading {
  Op first;
  std::string_view text;
};
constexpr Heading kHeadings[] = {
    {Op::kParameter, "Inputs and constants"},
    {Op::kAdd, "Elementwise, two operands of one type"},
    {Op::kNeg, "Elementwise, one operand"},
    {Op::kEqual, "Comparisons, logic, choice"},
    {Op::kMatmul, "Products"},
    {Op::kTranspose, "Shape"},
    {Op::kReduceSum, "Reductions"},
    {Op::kRandomUniform, "Random numbers"},
    {Op::kGradient, "Structure"},
};

const ir::OpInfo& row(int index) { return ir::info(static_cast<Op>(index)); }

/// Describes an attribute's value by its C++ type in sluice/ir/attributes.def.
std::string_view kind_of(std::string_view type) {
  if (type == "std::int64_t") return "an integer, `2`";
  if (type == "bool") return "a flag, `true`; left out it is false";
  if (type == "DType") return "an element type, `f32`";
  if (type == "std::vector<std::int64_t>") return "a list of integers, `[0,1]`";
  if (type == "Shape") return "a shape, `[B,784]`";
  if (type == "Dim") return "a size, `2` or `T-1`";
  if (type == "Array")
    return "a number, true or false, or nested lists of them, of the type on the binder; `scale` is f64";
  if (type == "KernelKind")
    return "`loop`, `matmul`, `reduce`, `rows`, `argsort` or `attention`, written between `fused` and its operands";
  if (type == "std::shared_ptr<const Graph>") return "a graph, written behind `fused` and `custom_gradient`";
  SLUICE_UNREACHABLE("attribute type {} has no description", type);
}

std::string attribute_table() {
  std::string out = "| attribute | value | ops |\n|---|---|---|\n";
  const auto add = [&](ir::Attr attr, std::string_view type) {
    std::vector<std::string> users;
    for (int i = 0; i < ir::kOpCount; ++i) {
      for (const ir::AttrRule& rule : row(i).attributes) {
        if (rule.key == attr) users.push_back(fmt::format("`{}`", row(i).name));
      }
    }
    out += fmt::format("| `{}` | {} | {} |\n", to_string(attr), kind_of(type), fmt::join(users, ", "));
  };
#define ATTRIBUTE(enumerator, name, type) add(ir::Attr::enumerator, #type);
#include "sluice/ir/attributes.def"
#undef ATTRIBUTE
  return out;
}

std::string operands_of(const ir::OpInfo& op) {
  if (op.arity == 0) return "none";
  const std::string count = op.arity < 0 ? "any number" : fmt::format("{}", op.arity);
  switch (op.dtypes) {
    case ir::DTypeSet::kNone:
      return count;
    case ir::DTypeSet::kAll:
      return count + " of any element type";
    case ir::DTypeSet::kNumber:
      return count + " of numbers: f32, f64, i32, i64, u8";
    case ir::DTypeSet::kFloat:
      return count + " of floats: f32, f64";
    case ir::DTypeSet::kBool:
      return count + " of bool";
    case ir::DTypeSet::kMixed:
      return count + ", of types that the meaning says";
  }
  return count;
}

std::string attributes_of(const ir::OpInfo& op) {
  std::vector<std::string> items;
  for (const ir::AttrRule& rule : op.attributes) {
    const bool is_flag = rule.key == ir::Attr::kTransposeA || rule.key == ir::Attr::kTransposeB ||
                         rule.key == ir::Attr::kDescending || rule.key == ir::Attr::kReverse;
    const char* const note = rule.required ? "" : is_flag ? " (a flag)" : " (optional)";
    items.push_back(fmt::format("`{}`{}", to_string(rule.key), note));
  }
  return items.empty() ? "none" : fmt::format("{}", fmt::join(items, ", "));
}

std::string traits_of(const ir::OpInfo& op) {
  std::vector<std::string_view> items;
  if (op.has(ir::kElementwise)) items.push_back("elementwise");
  if (op.has(ir::kCommutative)) items.push_back("commutative");
  if (op.has(ir::kInput)) items.push_back("input");
  if (op.has(ir::kReduction)) items.push_back("reduction");
  if (op.has(ir::kMoves)) items.push_back("moves elements");
  return items.empty() ? "none" : fmt::format("{}", fmt::join(items, ", "));
}

/// Describes the type of the result by the name of the row's inference function.
std::string_view result_of(std::string_view infer) {
  constexpr std::pair<std::string_view, std::string_view> kResults[] = {
      {"infer_typed", "`dtype` and `shape`"},
      {"infer_constant", "the type on the binder"},
      {"infer_iota", "`dtype` and `shape`"},
      {"infer_batch_size", "`i64[]`"},
      {"infer_binary", "the operands' type, which is one"},
      {"infer_unary", "the operand's type"},
      {"infer_comparison", "bool of the operands' shape; their type is one"},
      {"infer_select", "the type of x and y, which is one; the condition is bool of their shape"},
      {"infer_cast", "`dtype` of the operand's shape"},
      {"infer_matmul", "[M,N] of the operands' element type"},
      {"infer_attention", "f32 of q's shape with the width of a value, and f32 of q's shape without its last axis"},
      {"infer_attention_gradient", "the types of q, k and v"},
      {"infer_transpose", "the operand's axes, permuted"},
      {"infer_reshape", "the operand's element type and `shape`"},
      {"infer_broadcast", "the operand's element type and `shape`"},
      {"infer_concat", "the operands' type, with the sum of their sizes along `axis`"},
      {"infer_slice", "the operand's type, with `limit` - `start` along `axis`"},
      {"infer_pad", "the operand's type, with `low` + `high` more along `axis`"},
      {"infer_windows", "the operand's type, with the numbers of windows in place of the sizes and then `sizes`"},
      {"infer_add_windows", "the operand's element type, with `shape`"},
      {"infer_is_first_max", "bool of the operand's shape"},
      {"infer_one_hot", "`dtype` of the operand's shape and a last axis of `depth`"},
      {"infer_gather", "the table's element type; the indices' shape, then that of a row"},
      {"infer_scatter", "the table's type; rows have the type that gather gives"},
      {"infer_reduce", "the operand's type without `axes`"},
      {"infer_argsort", "i64 of the operand's shape"},
      {"infer_recurrence", "the operands' type, which is one"},
      {"infer_argmax", "i64 of the operand's shape without `axis`"},
      {"infer_random", "`dtype` (a float) and `shape`"},
      {"infer_gradient", "one for each v, of its type"},
      {"infer_custom_gradient", "the types of y"},
      {"infer_fused", "those of the body's results"},
  };
  for (const auto& [name, result] : kResults) {
    if (name == infer) return result;
  }
  fail("{} has no description", infer);
}

/// The names of the inference functions, in the order of ops.def.
constexpr std::string_view kInferenceNames[] = {
#define OP(enumerator, name, arity, dtypes, traits, attributes, infer_function, meaning) #infer_function,
#include "sluice/ir/ops.def"
#undef OP
};

/// Returns the list of ops under their headings, with links.
std::string index() {
  std::string out;
  for (int i = 0; i < ir::kOpCount; ++i) {
    bool begins = false;
    for (const Heading& heading : kHeadings) {
      if (heading.first != row(i).op) continue;
      out += fmt::format("{}- {}: ", out.empty() ? "" : "\n", heading.text);
      begins = true;
    }
    out += fmt::format("{}[{}](#{})", begins ? "" : ", ", row(i).name, row(i).name);
  }
  return out + "\n\n";
}

std::string block(std::string_view text) { return fmt::format("```\n{}```\n\n", text); }

/// Describes the result of the rule of `op` for operands with the types of `example`: a graph of the operands and the
/// adjoint %g of the result.
std::string gradient_of(const ir::OpInfo& op, const Example& example) {
  const passes::GradientRule rule = passes::gradient_rule(op.op);
  if (rule == nullptr) return "Gradient: none, no derivative passes.\n\n";
  constexpr std::string_view kNames[] = {"x", "y", "z"};
  const ir::Graph graph = graph_of(example);
  const ir::Node& node = graph.nodes().back();
  ir::Builder builder(fmt::format("{}_gradient", op.name));
  std::vector<ir::Value> operands;
  for (const ir::Value operand : node.operands) {
    operands.push_back(builder.parameter(std::string(kNames[operands.size()]), graph.type(operand)));
  }
  const ir::Value g = builder.parameter("g", node.types[0]);
  const ir::Value result = builder.add(node.op, operands, node.attributes);
  passes::GradientContext context(builder, result.node, {g}, std::vector<bool>(operands.size(), true));
  rule(context);
  std::vector<ir::Value> results;
  std::vector<std::string> names;
  for (const auto& [operand, contribution] : context.contributions()) {
    results.push_back(contribution);
    names.push_back(fmt::format("`%{}`", kNames[operand.node]));
  }
  builder.set_results(results);
  const ir::Graph rules = passes::remove_dead(std::move(builder).finish());
  return fmt::format(
      "Gradient: with `%g` the adjoint of the result, the graph gives what is added to that of {}.\n\n{}",
      fmt::join(names, " and "), block(ir::print(rules)));
}

std::string section(const ir::OpInfo& op) {
  std::string out = fmt::format("### `{}`\n\n{}\n\n", op.name, op.meaning);
  out += fmt::format("| operands | attributes | result | traits |\n|---|---|---|---|\n| {} | {} | {} | {} |\n\n",
                     operands_of(op), attributes_of(op), result_of(kInferenceNames[static_cast<std::size_t>(op.op)]),
                     traits_of(op));
  if (const std::string_view text = example_graph(op.op); !text.empty()) {
    const ir::Graph graph = ir::parse(text, op.name);
    return out + block(ir::print(graph) + run_example(graph));
  }
  const Example* first = nullptr;
  for (const Example& example : examples()) {
    if (example.op != op.op) continue;
    if (first == nullptr) first = &example;
    const ir::Graph graph = graph_of(example);
    out += block(ir::print(graph) + run_example(graph));
  }
  if (first == nullptr) fail("{} has no example", op.name);
  return op.arity == 0 ? out : out + gradient_of(op, *first);
}

std::string document(const std::string& introduction) {
  std::string out = introduction + "\n## Attributes\n\n" + attribute_table() + "\n## Ops\n\n" + index();
  for (int i = 0; i < ir::kOpCount; ++i) {
    for (const Heading& heading : kHeadings) {
      if (heading.first == row(i).op) out += fmt::format("## {}\n\n", heading.text);
    }
    out += section(row(i));
  }
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

void run(const char* introduction, const char* output) {
  std::ifstream in(introduction);
  if (!in) fail("{}: cannot be opened", introduction);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string made = document(text);  // may throw: only then is the old page replaced
  std::ofstream out(output);
  out << made;
  out.close();
  if (!out) fail("{}: cannot be written", output);
}

}  // namespace

}  // namespace sluice::docs

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: generate_ir_md INTRODUCTION OUTPUT\n");
    return 2;
  }
  try {
    sluice::docs::run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    fmt::print(stderr, "generate_ir_md: {}\n", error.what());
    return 1;
  }
  return 0;
}

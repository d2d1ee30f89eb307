#include "tools/graph_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "runtime/execution/locations.h"
#include "sluice/ir/text.h"

namespace sluice::tools {

namespace {

using ir::Node;
using ir::Op;
using ir::Value;

/// Returns the printed text of each node that is not an input, in order.
std::vector<std::string> statements_of(const ir::Graph& graph) {
  std::vector<std::string> statements;
  const std::string text = ir::print(graph);
  bool in_body = false;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (!in_body) {
      in_body = line.ends_with('{');  // the last line of the header
    } else if (line.starts_with("  %")) {
      statements.push_back(line.substr(2));
    } else if (line.starts_with("    ") && !statements.empty()) {  // a body
      statements.back() += '\n' + line.substr(2);
    } else if (line == "  }") {
      statements.back() += "\n}";
    } else {
      break;  // update, return
    }
  }
  return statements;
}

std::string kind_of(const Node& node) {
  const ir::OpInfo& row = ir::info(node.op);
  if (node.op == Op::kFused) return "fused";
  if (node.op == Op::kMatmul) return "matmul";
  if (row.has(ir::kInput)) return "input";
  if (row.has(ir::kReduction)) return "reduce";
  if (row.has(ir::kElementwise)) return "element";
  return row.has(ir::kMoves) ? "move" : "other";
}

class Viewer {
 public:
  /// `outer`: the operands behind the parameters of a body; empty for a whole graph.
  Viewer(const ir::Graph& graph, std::vector<std::string> outer, std::vector<std::string> results)
      : graph_(graph), results_(std::move(results)) {
    for (const Value result : graph.results()) given_.insert(result);
    for (const ir::State& state : graph.states()) {
      if (state.update) given_.insert(*state.update);
    }
    const auto name_inside = [&](Value value, const std::string& name) {
      names_[value] = name;
      if (!given_.contains(value)) inlined_[value] = name;
    };
    for (const ir::Parameter& parameter : graph.parameters()) names_[parameter.value] = "%" + parameter.name;
    for (const ir::State& state : graph.states()) name_inside(state.value, state.variable);
    for (std::size_t i = 0; i < outer.size(); ++i) name_inside(graph.parameters()[i].value, outer[i]);
  }

  GraphView view() {
    const std::vector<std::string> statements = statements_of(graph_);
    auto statement = statements.begin();
    std::size_t number = 0;
    for (std::uint32_t index = 0; index < graph_.nodes().size(); ++index) {
      const Node& node = graph_.node(index);
      std::string text;
      if (!ir::info(node.op).has(ir::kInput)) {
        text = statement == statements.end() ? std::string(to_string(node.op)) : *statement++;
        for (std::uint32_t r = 0; r < node.types.size(); ++r) names_[{index, r}] = fmt::format("%{}", number++);
      }
      if (!stands_inside(index)) add_box(index, std::move(text));
    }
    return std::move(view_);
  }

 private:
  /// Returns whether the node has no box of its own; its readers then name it.
  bool stands_inside(std::uint32_t index) {
    if (inlined_.contains({index, 0})) return true;
    const Node& node = graph_.node(index);
    if (given_.contains({index, 0})) return false;
    if (node.op == Op::kConstant) {
      const auto value = ir::splat_value(graph_, {index, 0});
      const bool single = node.types[0].dtype == DType::kF32;  // has the shorter decimal
      std::string& text = inlined_[{index, 0}];
      text = fmt::format("constant {}", to_string(node.types[0]));
      if (value) text = single ? fmt::format("{}", static_cast<float>(*value)) : fmt::format("{}", *value);
      return true;
    }
    const bool is_view = node.op == Op::kBroadcast || node.op == Op::kReshape;
    if (!is_view || !inlined_.contains(node.operands[0])) return false;
    inlined_[{index, 0}] = inlined_.at(node.operands[0]);
    return true;
  }

  std::vector<std::string> given_as(Value value) const {
    std::vector<std::string> given;
    for (std::size_t i = 0; i < graph_.results().size(); ++i) {
      if (graph_.results()[i] == value) given.push_back(results_.empty() ? fmt::format("result {}", i) : results_[i]);
    }
    for (const ir::State& state : graph_.states()) {
      if (state.update == value) given.push_back("update " + state.variable);
    }
    return given;
  }

  void add_box(std::uint32_t index, std::string statement) {
    const Node& node = graph_.node(index);
    BoxView box;
    box.node = index;
    box.op = ir::info(node.op).has(ir::kInput) ? names_.at({index, 0}) : std::string(to_string(node.op));
    box.type = to_string(node.types[0]);
    box.kind = kind_of(node);
    box.statement = statement.empty() ? fmt::format("{}: {}", box.op, box.type) : std::move(statement);
    box.lines = runtime::lines_of(node.origins);
    const std::size_t number = view_.boxes.size();
    for (const Value operand : node.operands) {
      if (const auto inside = inlined_.find(operand); inside != inlined_.end()) {
        if (std::ranges::find(box.reads, inside->second) == box.reads.end()) box.reads.push_back(inside->second);
      } else {
        add_link(operand, number);
      }
    }
    for (std::uint32_t r = 0; r < node.types.size(); ++r) {
      for (std::string& given : given_as({index, r})) box.gives.push_back(std::move(given));
    }
    if (node.op == Op::kFused) box.body.push_back(body_of(index));
    box_of_[index] = number;
    view_.boxes.push_back(std::move(box));
  }

  void add_link(Value from, std::size_t to) {
    const std::string value = fmt::format("{}: {}", names_.at(from), to_string(graph_.type(from)));
    const std::size_t box = box_of_.at(from.node);
    for (const LinkView& link : view_.links) {
      if (link.from == box && link.to == to && link.value == value) return;
    }
    view_.links.push_back({box, to, value});
  }

  GraphView body_of(std::uint32_t index) const {
    const Node& node = graph_.node(index);
    std::vector<std::string> outer;
    for (const Value operand : node.operands) {
      const auto inside = inlined_.find(operand);
      outer.push_back(inside != inlined_.end() ? inside->second : names_.at(operand));
    }
    std::vector<std::string> results;
    for (std::uint32_t r = 0; r < node.types.size(); ++r) {
      std::string text = names_.at({index, r});
      for (const std::string& given : given_as({index, r})) text += ", " + given;
      results.push_back(std::move(text));
    }
    return Viewer(node.attributes.body(), std::move(outer), std::move(results)).view();
  }

  const ir::Graph& graph_;
  std::vector<std::string> results_;  ///< the names of a body's results outside
  std::map<Value, std::string> inlined_;
  std::map<Value, std::string> names_;
  std::set<Value> given_;
  std::map<std::uint32_t, std::size_t> box_of_;
  GraphView view_;
};

}  // namespace

GraphView view_of(const ir::Graph& graph) { return Viewer(graph, {}, {}).view(); }

}  // namespace sluice::tools

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "ir/lexer.h"
#include "ir/literals.h"
#include "ir/value_numbers.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"

namespace sluice::ir {

namespace {

constexpr std::size_t kColumns = 120;  // lists of inputs and updates wrap before this column

std::string name_of(char sign, std::string_view name) {
  return sign + (is_plain_name(name) ? std::string(name) : quote(name));
}

/// Joins with ", ", wrapping to a new line with this indent before an item that would pass the last column. The first
/// line starts at `column`.
std::string wrapped(const std::vector<std::string>& items, std::size_t column, std::size_t indent) {
  std::string out;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::size_t width = items[i].size() + (i + 1 < items.size() ? 2 : 1);  // with comma or bracket
    if (i > 0 && column + width > kColumns) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    } else if (i > 0) {
      out += ' ';
    }
    out += items[i];
    if (i + 1 < items.size()) out += ',';
    column += width;
  }
  return out;
}

std::string hints_text(const std::optional<Range>& range, const std::optional<Array>& init = {}) {
  std::vector<std::string> items;
  if (range) items.push_back(fmt::format("range=[{},{})", literal(range->low), literal(range->high)));
  if (init) items.push_back("init=" + literal(*init));
  return items.empty() ? "" : fmt::format(" {{{}}}", fmt::join(items, ", "));
}

std::string attribute_text(const AttrValue& value) {
  struct Visitor {
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(DType dtype) const { return std::string(to_string(dtype)); }
    std::string operator()(const std::vector<std::int64_t>& list) const {
      return fmt::format("[{}]", fmt::join(list, ","));
    }
    std::string operator()(const Shape& shape) const { return to_string(shape); }
    std::string operator()(const Dim& dim) const { return to_string(dim); }
    std::string operator()(const Array& array) const { return literal(array); }
    std::string operator()(KernelKind kind) const { return std::string(to_string(kind)); }
    std::string operator()(const std::shared_ptr<const Graph>&) const { return ""; }  // printed with the node
  };
  return std::visit(Visitor{}, value);
}

/// Returns each line that a node comes from once; for a node of a derivative, the line that it differentiates.
std::vector<std::string> places_of(const Origins& origins) {
  std::vector<std::string> places;
  for (const Origin& origin : origins) {
    const Location user = origin.stack == nullptr ? Location{} : origin.stack->user();
    if (!user.known()) continue;
    std::string place = fmt::format("{}{}:{}", origin.gradient ? "gradient " : "", quote(user.file), user.line);
    if (std::ranges::find(places, place) == places.end()) places.push_back(std::move(place));
  }
  return places;
}

/// Prints one graph or one body; each has its own numbering.
class Printer {
 public:
  Printer(const Graph& graph, const PrintOptions& options, std::size_t indent, std::string& out)
      : graph_(graph), options_(options), indent_(indent), out_(out) {
    for (const Parameter& parameter : graph.parameters()) inputs_[parameter.value] = parameter.name;
    for (const State& state : graph.states()) inputs_[state.value] = state.name;
    std::size_t number = 0;
    for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
      first_numbers_.push_back(number);
      number += numbers_of(graph.node(i));
    }
  }

  void header() {
    std::string line = "graph " + name_of('@', graph_.name()) + "(";
    std::vector<std::string> items;
    for (const Parameter& parameter : graph_.parameters()) {
      items.push_back(binder(parameter.value) + hints(parameter) + input_places(parameter.value));
    }
    line += wrapped(items, line.size(), line.size()) + ")";
    if (!graph_.states().empty()) {
      items.clear();
      for (const State& state : graph_.states()) {
        items.push_back(binder(state.value) + " " + quote(state.variable) + hints(state) + input_places(state.value));
      }
      constexpr std::string_view kOpening = "    state(";
      line += fmt::format("\n{}{})", kOpening, wrapped(items, kOpening.size(), kOpening.size()));
    }
    out_ += line + " {\n";
  }

  /// The nodes, updates and results, and the closing brace.
  void body() {
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      if (!inputs_.contains({i, 0})) node(i);
    }
    std::vector<std::string> items;
    for (const State& state : graph_.states()) {
      if (state.update) items.push_back(value(state.value) + " = " + value(*state.update));
    }
    if (!items.empty()) list("update ", items);
    items.clear();
    for (const Value result : graph_.results()) items.push_back(value(result));
    list(items.empty() ? "return" : "return ", items);
    out_ += std::string(indent_, ' ') + "}";
  }

 private:
  std::string value(Value value) const {
    if (const auto input = inputs_.find(value); input != inputs_.end()) return name_of('%', input->second);
    return fmt::format("%{}", first_numbers_[value.node] + value.result);
  }
  std::string binder(Value bound) const { return value(bound) + ": " + to_string(graph_.type(bound)); }

  void list(std::string_view word, const std::vector<std::string>& items) {
    const std::string margin(indent_ + 2, ' ');
    out_ += fmt::format("{}{}{}\n", margin, word, wrapped(items, margin.size() + word.size(), margin.size() + 4));
  }

  void node(std::uint32_t index) {
    const Node& node = graph_.node(index);
    std::vector<std::string> items;
    for (std::uint32_t i = 0; i < node.types.size(); ++i) items.push_back(binder({index, i}));
    out_ += fmt::format("{}{} = {}", std::string(indent_ + 2, ' '), fmt::join(items, ", "), to_string(node.op));
    if (node.attributes.find(Attr::kBody) != nullptr) {
      with_body(node);
      return;
    }
    items.clear();
    for (const Value operand : node.operands) items.push_back(value(operand));
    out_ += fmt::format("{}{}", items.empty() ? "" : " ", fmt::join(items, ", "));
    items.clear();
    for (const Attribute& attribute : node.attributes) {
      items.push_back(fmt::format("{}={}", to_string(attribute.key), attribute_text(attribute.value)));
    }
    if (!items.empty()) out_ += fmt::format(" {{{}}}", fmt::join(items, ", "));
    places(node);
    out_ += '\n';
  }

  /// Prints the body's parameters with their operands, then the parameters without operand, and the body.
  void with_body(const Node& node) {
    const Graph& graph = node.attributes.body();
    Printer inner(graph, options_, indent_ + 2, out_);
    std::vector<std::string> items;
    for (std::size_t i = 0; i < graph.parameters().size(); ++i) {
      const Parameter& parameter = graph.parameters()[i];
      const std::string operand = i < node.operands.size() ? " = " + value(node.operands[i]) : "";
      items.push_back(inner.binder(parameter.value) + hints(parameter) + operand);
    }
    if (const auto kind = node.attributes.kernel_kind()) out_ += fmt::format(" {}", to_string(*kind));
    out_ += fmt::format("({})", fmt::join(items, ", "));
    places(node);
    out_ += " {\n";
    inner.body();
    out_ += '\n';
  }

  /// Returns the hints of an input, if requested.
  std::string hints(const Parameter& parameter) const { return options_.hints ? hints_text(parameter.range) : ""; }
  std::string hints(const State& state) const { return options_.hints ? hints_text(state.range, state.init) : ""; }

  /// Prints the lines that a node or an input comes from, if requested.
  void places(const Node& node) {
    if (!options_.locations) return;
    constexpr std::string_view kOpening = " loc(";
    const std::size_t column = out_.size() - (out_.rfind('\n') + 1) + kOpening.size();
    out_ += fmt::format("{}{})", kOpening, wrapped(places_of(node.origins), column, indent_ + 6));
  }
  std::string input_places(Value input) const {
    if (!options_.locations) return "";
    return fmt::format(" loc({})", fmt::join(places_of(graph_.node(input).origins), ", "));
  }

  const Graph& graph_;
  const PrintOptions& options_;
  std::size_t indent_;
  std::string& out_;
  std::map<Value, std::string> inputs_;
  std::vector<std::size_t> first_numbers_;  // of each node's results
};

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) {
  std::string out = fmt::format("sluice-ir {}\n", kTextVersion);
  Printer printer(graph, options, 0, out);
  printer.header();
  printer.body();
  return out + "\n";
}

}  // namespace sluice::ir

#include "sluice/model_summary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "sluice/ir/cost.h"

namespace sluice {

namespace {

constexpr int kInput = 0;    // the index of what precedes the first layer
constexpr int kUnread = -1;  // of a state that nothing has read yet

/// Splits "dense_0/w" into "dense_0" and "w".
std::pair<std::string, std::string> parts_of(const std::string& variable) {
  const std::size_t slash = variable.rfind('/');
  if (slash == std::string::npos) return {variable, variable};
  return {variable.substr(0, slash), variable.substr(slash + 1)};
}

class SummaryMaker {
 public:
  explicit SummaryMaker(const ir::Graph& graph) : graph_(graph), layers_(graph.nodes().size(), kInput) {
    summary_.layers.push_back({"input", {}, {}, 0, 0});
    for (const ir::State& state : graph.states()) {
      layers_[state.value.node] = kUnread;
      states_[state.value.node] = &state;
    }
  }

  ModelSummary make() && {
    for (std::uint32_t n = 0; n < layers_.size(); ++n) {
      if (!states_.contains(n)) place(n);
    }
    for (const ir::State& state : graph_.states()) add_variable(state);
    set_outputs();
    return std::move(summary_);
  }

 private:
  /// Returns the layer of a node whose operands are assigned; assigns states to their layers when they are first read.
  int layer_of(std::uint32_t node) {
    int& layer = layers_[node];
    if (layer != kUnread) return layer;
    const std::string name = parts_of(states_.at(node)->variable).first;
    const auto begin = summary_.layers.begin();
    const auto found = std::find_if(begin + 1, summary_.layers.end(), [&](const auto& l) { return l.name == name; });
    layer = static_cast<int>(found - begin);
    if (found == summary_.layers.end()) summary_.layers.push_back({name, {}, {}, 0, 0});
    return layer;
  }

  void place(std::uint32_t n) {
    const ir::Node& node = graph_.node(n);
    for (const ir::Value operand : node.operands) layers_[n] = std::max(layers_[n], layer_of(operand.node));
    summary_.layers[static_cast<std::size_t>(layers_[n])].flops += ir::cost(graph_, node, 1).flops;
  }

  void add_variable(const ir::State& state) {
    ModelSummary::Layer& layer = summary_.layers[static_cast<std::size_t>(layer_of(state.value.node))];
    const Type& type = graph_.type(state.value);
    layer.variables.push_back({parts_of(state.variable).second, type});
    layer.parameters += type.shape.element_count().size;
  }

  /// Returns what a non-float result is computed from: a class number (argmax) comes from the layer's logits.
  ir::Value output_behind(ir::Value result) const {
    ir::Value value = result;
    while (!is_float(graph_.type(value).dtype)) {
      const ir::Node& node = graph_.node(value.node);
      if (node.operands.empty() || layers_[node.operands[0].node] != layers_[result.node]) return result;
      value = node.operands[0];
    }
    return value;
  }

  /// Sets each layer's output to the first of its values that later layers read; the others are constants and
  /// broadcasts.
  void set_outputs() {
    std::set<int> known;
    const auto set_output = [&](ir::Value value) {
      const int layer = layers_[value.node];
      if (known.insert(layer).second) summary_.layers[static_cast<std::size_t>(layer)].output = graph_.type(value);
    };
    if (!graph_.results().empty()) set_output(output_behind(graph_.results()[0]));
    for (std::uint32_t n = 0; n < layers_.size(); ++n) {
      for (const ir::Value operand : graph_.node(n).operands) {
        if (layers_[operand.node] < layers_[n] && !states_.contains(operand.node)) set_output(operand);
      }
    }
  }

  const ir::Graph& graph_;
  ModelSummary summary_;
  std::vector<int> layers_;                           ///< by node
  std::map<std::uint32_t, const ir::State*> states_;  ///< by node
};

}  // namespace

std::int64_t ModelSummary::parameters() const {
  std::int64_t sum = 0;
  for (const Layer& layer : layers) sum += layer.parameters;
  return sum;
}

double ModelSummary::flops() const {
  double sum = 0;
  for (const Layer& layer : layers) sum += layer.flops;
  return sum;
}

ModelSummary model_summary(const ir::Graph& forward) { return SummaryMaker(forward).make(); }

std::string short_number(double number) {
  constexpr std::array<std::string_view, 5> kUnits{"", " k", " M", " G", " T"};
  std::size_t unit = 0;
  while (number >= 999.5 && unit + 1 < kUnits.size()) {
    number /= 1000;
    ++unit;
  }
  return fmt::format("{:.{}f}{}", number, unit == 0 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2, kUnits[unit]);
}

std::string grouped_number(std::int64_t number) {
  std::string text = fmt::format("{}", number);
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string to_string(const ModelSummary& summary) {
  std::vector<std::array<std::string, 5>> rows{{"layer", "output", "variables", "parameters", "flops an example"}};
  for (const ModelSummary::Layer& layer : summary.layers) {
    std::vector<std::string> variables;
    for (const auto& [name, type] : layer.variables) variables.push_back(name + " " + to_string(type));
    rows.push_back({layer.name, layer.output ? to_string(*layer.output) : "",
                    fmt::format("{}", fmt::join(variables, ", ")), grouped_number(layer.parameters),
                    short_number(layer.flops)});
  }
  rows.push_back({"all", "", "", grouped_number(summary.parameters()), short_number(summary.flops())});
  std::array<std::size_t, 5> widths{};
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    text += fmt::format("{:<{}}  {:<{}}  {:<{}}  {:>{}}  {:>{}}\n", row[0], widths[0], row[1], widths[1], row[2],
                        widths[2], row[3], widths[3], row[4], widths[4]);
  }
  return text;
}

}  // namespace sluice

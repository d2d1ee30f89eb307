#include "frontend/train/event_graph.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cctype>
#include <map>
#include <type_traits>
#include <vector>

#include "frontend/train/protobuf.h"
#include "sluice/ir/op.h"

namespace sluice::detail {

namespace {

/// The numbers of DataType in tensorflow/core/framework/types.proto.
int data_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 1;
    case DType::kF64:
      return 2;
    case DType::kI32:
      return 3;
    case DType::kU8:
      return 4;
    case DType::kI64:
      return 9;
    case DType::kBool:
      return 10;
  }
  return 0;
}

/// Returns `name` with underscores in place of what a node's name may not contain.
std::string as_node_name(std::string_view name) {
  std::string result(name);
  for (char& c : result) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view("._-/").find(c) == std::string_view::npos) {
      c = '_';
    }
  }
  if (result.empty() || std::string_view("_-/").find(result[0]) != std::string_view::npos) result.insert(0, "x");
  return result;
}

std::string scope_of(const ir::Node& node) {
  const Location user = ir::user_location(node.origins);
  return user.known() ? fmt::format("{}_{}/", user.file.substr(user.file.rfind('/') + 1), user.line) : "";
}

/// Returns the text of an attribute, or an empty string for arrays and graphs, which may be large.
std::string text_of(const ir::AttrValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using T = std::remove_cvref_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, bool>) return fmt::format("{}", held);
        if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) return fmt::format("[{}]", fmt::join(held, ","));
        if constexpr (std::is_same_v<T, DType> || std::is_same_v<T, ir::KernelKind>)
          return std::string(to_string(held));
        if constexpr (std::is_same_v<T, Shape> || std::is_same_v<T, Dim>) return to_string(held);
        return "";
      },
      value);
}

/// A NodeDef.
class NodeMessage {
 public:
  NodeMessage(std::string_view name, std::string_view op) {
    append_bytes(message_, 1, name);
    append_bytes(message_, 2, op);
  }

  void add_input(std::string_view name) { append_bytes(message_, 3, name); }
  void add_text(std::string_view key, std::string_view text) {
    std::string value;
    append_bytes(value, 2, text);
    add_attribute(key, value);
  }
  void add_types(const std::vector<Type>& types) {
    std::string value;
    append_integer(value, 6, data_type(types[0].dtype));
    add_attribute("dtype", value);
    std::string shapes;
    for (const Type& type : types) append_bytes(shapes, 7, shape_message(type.shape));
    value.clear();
    append_bytes(value, 1, shapes);
    add_attribute("_output_shapes", value);
    std::vector<std::string> texts;
    for (const Type& type : types) texts.push_back(to_string(type));
    add_text("type", fmt::format("{}", fmt::join(texts, ", ")));
  }
  const std::string& message() const { return message_; }

 private:
  /// A TensorShapeProto. TensorFlow's symbolic sizes are -1.
  static std::string shape_message(const Shape& shape) {
    std::string message;
    for (int i = 0; i < shape.rank(); ++i) {
      std::string dim;
      append_integer(dim, 1, shape[i].batch ? -1 : shape[i].size);
      append_bytes(message, 2, dim);
    }
    return message;
  }
  void add_attribute(std::string_view key, std::string_view value) {
    std::string entry;
    append_bytes(entry, 1, key);
    append_bytes(entry, 2, value);
    append_bytes(message_, 5, entry);
  }

  std::string message_;
};

/// Returns distinct names of the graph's nodes.
class NodeNames {
 public:
  explicit NodeNames(const ir::Graph& graph) : names_(graph.nodes().size()) {
    for (const ir::Parameter& parameter : graph.parameters()) names_[parameter.value.node] = unique(parameter.name);
    for (const ir::State& state : graph.states()) names_[state.value.node] = unique(state.variable);
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const ir::Node& node = graph.nodes()[i];
      if (names_[i].empty()) names_[i] = unique(scope_of(node) + std::string(to_string(node.op)));
    }
  }

  const std::string& operator[](std::size_t node) const { return names_[node]; }
  std::string of(ir::Value value) const {
    return value.result == 0 ? names_[value.node] : fmt::format("{}:{}", names_[value.node], value.result);
  }
  std::string unique(std::string_view wanted) {
    std::string name = as_node_name(wanted);
    const std::string first = name;
    while (!used_.emplace(name, 1).second) name = fmt::format("{}_{}", first, used_.at(first)++);
    return name;
  }

 private:
  std::vector<std::string> names_;
  std::map<std::string, int> used_;  ///< and the number of the next name that begins with it
};

}  // namespace

std::string graph_def_of(const ir::Graph& graph) {
  NodeNames names(graph);
  std::string def;
  const auto add = [&](const NodeMessage& node) { append_bytes(def, 1, node.message()); };
  for (std::size_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.nodes()[i];
    NodeMessage message(names[i], to_string(node.op));
    for (const ir::Value operand : node.operands) message.add_input(names.of(operand));
    if (!node.types.empty()) message.add_types(node.types);
    for (const ir::Attribute& attribute : node.attributes) {
      const std::string text = text_of(attribute.value);
      if (attribute.key != ir::Attr::kDType && !text.empty()) message.add_text(to_string(attribute.key), text);
    }
    add(message);
  }
  for (const ir::State& state : graph.states()) {
    if (!state.update) continue;
    NodeMessage message(names.unique(state.variable + "/assign"), "assign");
    message.add_input(names.of(state.value));
    message.add_input(names.of(*state.update));
    message.add_types({graph.type(state.value)});
    add(message);
  }
  for (const ir::Value result : graph.results()) {
    NodeMessage message(names.unique("results/result"), "result");
    message.add_input(names.of(result));
    message.add_types({graph.type(result)});
    add(message);
  }
  std::string versions;  // VersionDef: the producer of GraphDefs since 2016
  append_integer(versions, 1, 22);
  append_bytes(def, 4, versions);
  return def;
}

}  // namespace sluice::detail

#include "runtime/onnx/writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "sluice/error.h"
#include "sluice/printable.h"

namespace sluice::onnx_model {

onnx::TensorProto::DataType code_of(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return onnx::TensorProto::FLOAT;
    case DType::kF64:
      return onnx::TensorProto::DOUBLE;
    case DType::kI32:
      return onnx::TensorProto::INT32;
    case DType::kI64:
      return onnx::TensorProto::INT64;
    case DType::kU8:
      return onnx::TensorProto::UINT8;
    case DType::kBool:
      break;
  }
  return onnx::TensorProto::BOOL;
}

Writer::Writer(const ir::Graph& graph, const std::vector<Array>& weights, const std::vector<std::string>& output_names)
    : graph_(graph), output_names_(output_names) {
  proto_.set_name(graph.name());
  for (const ir::Node& node : graph.nodes()) entries_.emplace_back(node.types.size());
  for (const ir::Parameter& parameter : graph.parameters()) {
    take(parameter.name, "input");
    declare(parameter.name, type(parameter.value), *proto_.add_input());
    set(parameter.value, parameter.name);
  }
  for (std::size_t i = 0; i < graph.states().size(); ++i) {
    const ir::State& state = graph.states()[i];
    take(state.variable, "variable");
    add_initializer(state.variable, weights[i]);
    set(state.value, state.variable);
  }
  for (std::size_t i = 0; i < output_names_.size(); ++i) {
    take(output_names_[i], "output");
    declare(output_names_[i], type(graph.results()[i]), *proto_.add_output());
  }
  find_symbols();
}

void Writer::take(const std::string& name, std::string_view what) {
  if (name.empty()) fail("onnx: @{} has an empty name, of its {}", graph_.name(), what);
  if (printable(name) != name) {
    fail("onnx: expected names in UTF-8 without control characters, got the {} \"{}\"", what, printable(name));
  }
  const auto [known, is_new] = kinds_.emplace(name, what);
  if (!is_new) {
    fail("onnx: @{} has two values named \"{}\", {} and {}; an ONNX graph names each value differently", graph_.name(),
         name, known->second, what);
  }
  taken_.insert(name);
}

Name Writer::fresh(std::string_view stem) {
  Name name;
  do {
    name = fmt::format("{}_{}", stem, count_++);
  } while (!taken_.insert(name).second);
  return name;
}

void Writer::declare(const Name& name, const Type& type, onnx::ValueInfoProto& info) const {
  info.set_name(name);
  auto& tensor = *info.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(code_of(type.dtype));
  auto& shape = *tensor.mutable_shape();
  for (const Dim dim : type.shape) {
    if (dim.batch) {
      shape.add_dim()->set_dim_param(to_string(dim));
    } else {
      shape.add_dim()->set_dim_value(dim.size);
    }
  }
}

void Writer::add_initializer(const Name& name, const Array& array) {
  onnx::TensorProto& tensor = *proto_.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(code_of(array.dtype()));
  for (const std::int64_t size : array.sizes()) tensor.add_dims(size);
  // The checker refuses data, even none, in a tensor without elements.
  if (array.byte_count() > 0) tensor.set_raw_data(array.bytes(), array.byte_count());
}

Source Writer::source(ir::Value value) {
  const Entry& entry = at(value);
  return entry.source ? *entry.source : Source{entry.name, type(value).shape};
}

Name Writer::add(std::string_view op_type, const std::vector<Name>& inputs, const std::vector<Setting>& settings,
                 int outputs) {
  onnx::NodeProto& node = *proto_.add_node();
  Name name;
  for (int i = 0; i < outputs; ++i) node.add_output(name = fresh(op_type));
  node.set_name(name);
  node.set_op_type(std::string(op_type));
  for (const Name& input : inputs) node.add_input(input);
  for (const Setting& setting : settings) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(setting.name);
    if (setting.integer) {
      attribute.set_type(onnx::AttributeProto::INT);
      attribute.set_i(*setting.integer);
    } else if (setting.number) {
      attribute.set_type(onnx::AttributeProto::FLOAT);
      attribute.set_f(*setting.number);
    } else if (!setting.text.empty()) {
      attribute.set_type(onnx::AttributeProto::STRING);
      attribute.set_s(setting.text);
    } else {
      attribute.set_type(onnx::AttributeProto::INTS);
      for (const std::int64_t number : setting.list) attribute.add_ints(number);
    }
  }
  return name;
}

Name Writer::cast(const Name& x, DType dtype) { return add("Cast", {x}, {{"to", std::int64_t{code_of(dtype)}}}); }

Name Writer::transpose(const Name& x, const Integers& permutation) {
  return std::ranges::is_sorted(permutation) ? x : add("Transpose", {x}, {{"perm", permutation}});
}

Name Writer::constant(const Array& array) {
  std::string key = fmt::format("{} ", to_string(array.type()));
  key.append(reinterpret_cast<const char*>(array.bytes()), array.byte_count());
  const auto known = known_.find(key);
  if (known != known_.end()) return known->second;
  const Name name = fresh("constant");
  add_initializer(name, array);
  return known_[key] = name;
}

Name Writer::scalar(DType dtype, double value) {
  Array array(dtype, {});
  visit_dtype(dtype, [&](auto zero) { array.data<decltype(zero)>()[0] = static_cast<decltype(zero)>(value); });
  return constant(array);
}

Name Writer::integers(const Integers& values) { return constant(Array(values)); }

void Writer::remove_unread() {
  std::unordered_set<std::string> read;
  for (const ir::Value result : graph_.results()) read.insert(at(result).name);
  std::vector<char> is_kept(static_cast<std::size_t>(proto_.node_size()));
  for (int i = proto_.node_size() - 1; i >= 0; --i) {
    const onnx::NodeProto& node = proto_.node(i);
    const auto reads = [&](const std::string& output) { return read.contains(output); };
    if (std::none_of(node.output().begin(), node.output().end(), reads)) continue;
    is_kept[static_cast<std::size_t>(i)] = 1;
    read.insert(node.input().begin(), node.input().end());
  }
  int kept = 0;
  for (int i = 0; i < proto_.node_size(); ++i) {
    if (is_kept[static_cast<std::size_t>(i)] != 0) proto_.mutable_node()->SwapElements(kept++, i);
  }
  proto_.mutable_node()->DeleteSubrange(kept, proto_.node_size() - kept);
  int initializers = 0;
  for (int i = 0; i < proto_.initializer_size(); ++i) {
    if (read.contains(proto_.initializer(i).name())) proto_.mutable_initializer()->SwapElements(initializers++, i);
  }
  proto_.mutable_initializer()->DeleteSubrange(initializers, proto_.initializer_size() - initializers);
}

void Writer::name_outputs() {
  std::unordered_set<std::string> outputs_of_nodes;
  for (const onnx::NodeProto& node : proto_.node()) {
    outputs_of_nodes.insert(node.output().begin(), node.output().end());
  }
  std::unordered_map<std::string, std::string> renamed;
  std::vector<std::pair<Name, Name>> copies;
  for (std::size_t i = 0; i < output_names_.size(); ++i) {
    const Name& value = at(graph_.results()[i]).name;
    if (!outputs_of_nodes.contains(value) || !renamed.emplace(value, output_names_[i]).second) {
      copies.emplace_back(value, output_names_[i]);
    }
  }
  const auto rename = [&](std::string& name) {
    const auto found = renamed.find(name);
    if (found != renamed.end()) name = found->second;
  };
  for (onnx::NodeProto& node : *proto_.mutable_node()) {
    std::ranges::for_each(*node.mutable_input(), rename);
    std::ranges::for_each(*node.mutable_output(), rename);
  }
  for (auto& [value, output] : copies) {
    rename(value);
    onnx::NodeProto& node = *proto_.add_node();
    node.set_name(fresh("Identity"));
    node.set_op_type("Identity");
    node.add_input(value);
    node.add_output(output);
  }
}

onnx::GraphProto Writer::finish() {
  remove_unread();
  name_outputs();
  return std::move(proto_);
}

}  // namespace sluice::onnx_model

#include "sluice/onnx_model.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "passes/pass.h"
#include "runtime/io/atomic_file.h"
#include "runtime/onnx/convert.h"
#include "runtime/onnx/rules.h"

namespace sluice {

namespace {

constexpr int kIrVersion = 8;
constexpr int kOpset = 17;
/// Derivatives as ops, and each value once; fused nodes are for Sluice's own kernels.
constexpr std::string_view kPasses[] = {"differentiate", "expand_attention", "canonicalize", "cse"};

/// Throws Error for more than protobuf can write.
void check_size(const ir::Graph& graph, std::size_t bytes) {
  constexpr std::size_t kMost = std::numeric_limits<std::int32_t>::max();
  if (bytes > kMost) fail("onnx: @{} takes {} bytes, and a file of ONNX has at most {}", graph.name(), bytes, kMost);
}

void check_fits(const SavedModel& model) {
  const ir::Graph& graph = model.graph;
  for (const ir::State& state : graph.states()) {
    if (state.update) {
      throw Error(
          fmt::format("onnx: @{} updates \"{}\"; a model in ONNX changes no variable", graph.name(), state.variable),
          ir::user_location(graph.node(*state.update).origins));
    }
  }
  if (graph.results().empty()) fail("onnx: @{} returns nothing, and a model in ONNX has an output", graph.name());
  if (model.output_names.size() != graph.results().size()) {
    fail("onnx: expected a name for each of the {} results of @{}, got {}", graph.results().size(), graph.name(),
         model.output_names.size());
  }
  if (model.weights.size() != graph.states().size())
    fail("onnx: expected a value for each of the {} variables, got {}", graph.states().size(), model.weights.size());
  for (std::size_t i = 0; i < model.weights.size(); ++i) {
    const Type& type = graph.type(graph.states()[i].value);
    if (model.weights[i].type() == type) continue;
    fail("onnx: expected {} for \"{}\", got {}", to_string(type), graph.states()[i].variable,
         to_string(model.weights[i].type()));
  }
  std::size_t bytes = 0;
  for (const Array& weights : model.weights) bytes += weights.byte_count();
  check_size(graph, bytes);  // before they are copied
}

/// Returns the values of the states of `graph`, which a pass has made of the model's.
std::vector<Array> weights_of(const ir::Graph& graph, const SavedModel& model) {
  std::vector<Array> weights;
  for (const ir::State& state : graph.states()) {
    const auto is_it = [&](const ir::State& original) { return original.variable == state.variable; };
    const auto found = std::ranges::find_if(model.graph.states(), is_it);
    weights.push_back(model.weights[static_cast<std::size_t>(found - model.graph.states().begin())]);
  }
  return weights;
}

}  // namespace

namespace onnx_model {

onnx::ModelProto convert(const SavedModel& model) {
  check_fits(model);
  const ir::Graph graph = passes::run_passes(model.graph, kPasses);
  Writer writer(graph, weights_of(graph, model), model.output_names);
  write_nodes(writer);
  onnx::ModelProto proto;
  proto.set_ir_version(kIrVersion);
  proto.set_producer_name("sluice");
  proto.set_producer_version(SLUICE_VERSION);
  onnx::OperatorSetIdProto& opset = *proto.add_opset_import();
  opset.set_domain("");
  opset.set_version(kOpset);
  if (!model.class_names.empty()) {
    onnx::StringStringEntryProto& entry = *proto.add_metadata_props();
    entry.set_key("class_names");
    entry.set_value(fmt::format("{}", fmt::join(model.class_names, "\n")));
  }
  *proto.mutable_graph() = writer.finish();
  return proto;
}

}  // namespace onnx_model

void write_onnx(const std::filesystem::path& path, const SavedModel& model) {
  const onnx::ModelProto proto = onnx_model::convert(model);
  check_size(model.graph, proto.ByteSizeLong());
  write_file(path, proto.SerializeAsString());
}

}  // namespace sluice

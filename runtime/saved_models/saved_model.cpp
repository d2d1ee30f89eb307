#include "sluice/saved_model.h"

#include <algorithm>
#include <string_view>

#include "runtime/io/atomic_file.h"
#include "runtime/io/atomic_folder.h"
#include "runtime/io/byte_input.h"
#include "runtime/io/json.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "sluice/printable.h"
#include "sluice/safetensors.h"

namespace sluice {

namespace {

constexpr char kWeightsFile[] = "weights.safetensors";
constexpr char kManifestFile[] = "manifest.json";

std::vector<std::string> all_files() { return {kGraphFile, kWeightsFile, kManifestFile}; }

constexpr std::string_view kFormat = "sluice saved model";
constexpr std::int64_t kVersion = 1;
constexpr int kDeepest = 3;  // the manifest, a list, an input or output of it

struct Signature {
  std::string name;
  Type type;
};

std::vector<Signature> inputs_of(const ir::Graph& graph) {
  std::vector<Signature> inputs;
  for (const ir::Parameter& parameter : graph.parameters())
    inputs.push_back({parameter.name, graph.type(parameter.value)});
  return inputs;
}

std::vector<Signature> outputs_of(const SavedModel& model) {
  std::vector<Signature> outputs;
  for (std::size_t i = 0; i < model.output_names.size(); ++i)
    outputs.push_back({model.output_names[i], model.graph.type(model.graph.results()[i])});
  return outputs;
}

bool has_fused(const ir::Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const ir::Node& node) {
    return node.op == ir::Op::kFused ||
           (node.attributes.find(ir::Attr::kBody) != nullptr && has_fused(node.attributes.body()));
  });
}

/// Throws Error, starting with `name`, unless the parts are consistent, as both writer and reader guarantee.
void check(const SavedModel& model, const std::string& name) {
  const ir::Graph& graph = model.graph;
  for (const ir::State& state : graph.states()) {
    if (!state.update) continue;
    fail("{}: @{} updates \"{}\"; a saved model has no updates", name, graph.name(), state.variable);
  }
  if (has_fused(graph)) fail("{}: expected a graph as traced, got one with fused nodes", name);
  if (model.output_names.size() != graph.results().size()) {
    fail("{}: expected a name for each of the {} results of @{}, got {}", name, graph.results().size(), graph.name(),
         model.output_names.size());
  }
  // They are printed, and a terminal would interpret control characters.
  const auto check_word = [&](std::string_view what, const std::string& word) {
    if (printable(word) != word)
      fail("{}: expected {} in UTF-8 without control characters, got {}", name, what, shown(word));
  };
  for (const std::string& word : model.class_names) check_word("names of classes", word);
  for (const std::string& word : model.output_names) check_word("names of outputs", word);
  for (const ir::State& state : graph.states()) check_word("names of variables", state.variable);
  for (const std::string& word : model.not_trainable) check_word("names of variables", word);
  check_word("\"written_by\"", model.written_by);
  if (model.class_names.empty()) return;
  for (const Signature& output : outputs_of(model)) {
    const Shape& shape = output.type.shape;
    if (output.name != kProbabilitiesOutput || shape.rank() == 0) continue;
    const Dim classes = shape[shape.rank() - 1];
    if (classes == Dim(static_cast<std::int64_t>(model.class_names.size()))) return;
    fail("{}: got names for {} classes, but \"{}\" is {}", name, model.class_names.size(), output.name,
         to_string(output.type));
  }
  fail("{}: got names of classes, but there is no result \"{}\"", name, kProbabilitiesOutput);
}

nlohmann::ordered_json to_json(const std::vector<Signature>& signature) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [name, type] : signature) list.push_back({{"name", name}, {"type", to_string(type)}});
  return list;
}

/// Reads manifest.json. Every error starts with the file's name.
class Manifest {
 public:
  explicit Manifest(const std::filesystem::path& file) : file_(file.string()) {
    const std::vector<std::uint8_t> bytes = read_file(file);
    json_ = parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file_, kDeepest);
    if (!json_.is_object() || !json_.contains("format") || json_["format"] != kFormat)
      fail("{}: expected the manifest of a saved model, with \"format\": \"{}\"", file_, kFormat);
    const nlohmann::json version = json_.value("version", nlohmann::json());
    if (!version.is_number_integer() || version < 1)
      fail("{}: expected a \"version\" of at least 1, got {}", file_, shown(version));
    if (version > kVersion)
      fail("{}: version {} of saved models is newer than this Sluice supports, {}", file_, shown(version), kVersion);
  }

  bool has(const char* key) const { return json_.contains(key); }

  std::string text(const char* key) const {
    const nlohmann::json value = json_.value(key, nlohmann::json());
    if (!value.is_string()) fail("{}: expected a string as \"{}\", got {}", file_, key, shown(value));
    return value.get<std::string>();
  }

  std::vector<std::string> texts(const char* key) const {
    std::vector<std::string> list;
    for (const nlohmann::json& item : list_of(key)) {
      if (!item.is_string()) fail("{}: expected strings in \"{}\", got {}", file_, key, shown(item));
      list.push_back(item.get<std::string>());
    }
    return list;
  }

  /// Returns the names of a list of {"name", "type"}, whose types must be these.
  std::vector<std::string> names(const char* key, const std::vector<Type>& types) const {
    const nlohmann::json list = list_of(key);
    if (list.size() != types.size())
      fail("{}: expected {} \"{}\", as {} says, got {}", file_, types.size(), key, kGraphFile, list.size());
    std::vector<std::string> names;
    for (const nlohmann::json& item : list) {
      const Type& type = types[names.size()];
      const bool complete = item.is_object() && item.contains("name") && item["name"].is_string();
      if (!complete || !item.contains("type") || item["type"] != to_string(type)) {
        fail("{}: expected item {} of \"{}\" to have a name and the type {}, as {} says, got {}", file_, names.size(),
             key, to_string(type), kGraphFile, shown(item));
      }
      names.push_back(item["name"].get<std::string>());
    }
    return names;
  }

 private:
  nlohmann::json list_of(const char* key) const {
    nlohmann::json list = json_.value(key, nlohmann::json());
    if (!list.is_array()) fail("{}: expected a list as \"{}\", got {}", file_, key, shown(list));
    return list;
  }

  std::string file_;
  nlohmann::json json_;
};

std::vector<Array> read_weights(const std::filesystem::path& file, const ir::Graph& graph) {
  SafeTensors tensors = read_safetensors(file);
  std::vector<Array> weights;
  for (const ir::State& state : graph.states()) {
    const Type& type = graph.type(state.value);
    const auto found = tensors.arrays.find(state.variable);
    if (found == tensors.arrays.end())
      fail("{}: expected {}, {}, as {} says; there is none", file.string(), shown(state.variable), to_string(type),
           kGraphFile);
    if (found->second.type() != type) {
      fail("{}: expected {} to be {}, as {} says, got {}", file.string(), shown(state.variable), to_string(type),
           kGraphFile, to_string(found->second.type()));
    }
    weights.push_back(std::move(found->second));
    tensors.arrays.erase(found);
  }
  if (!tensors.arrays.empty())
    fail("{}: {} is not a state of {}", file.string(), shown(tensors.arrays.begin()->first), kGraphFile);
  return weights;
}

}  // namespace

void write_saved_model(const std::filesystem::path& folder, const SavedModel& model) {
  const std::string name = folder.string();
  check(model, name);
  SafeTensors tensors;
  SLUICE_CHECK(model.weights.size() == model.graph.states().size(), "{}: a state has no weights", name);
  for (std::size_t i = 0; i < model.weights.size(); ++i) {
    const ir::State& state = model.graph.states()[i];
    SLUICE_CHECK(model.weights[i].type() == model.graph.type(state.value), "{}: \"{}\" has another type", name,
                 state.variable);
    tensors.arrays.emplace(state.variable, model.weights[i]);
  }
  nlohmann::ordered_json manifest = {{"format", kFormat},
                                     {"version", kVersion},
                                     {"written_by", std::string("sluice ") + SLUICE_VERSION},
                                     {"inputs", to_json(inputs_of(model.graph))},
                                     {"outputs", to_json(outputs_of(model))},
                                     {"class_names", model.class_names}};
  if (!model.not_trainable.empty()) manifest["not_trainable"] = model.not_trainable;
  std::string manifest_text;
  try {
    manifest_text = manifest.dump(2) + '\n';
  } catch (const nlohmann::json::type_error&) {
    fail("{}: expected the names of inputs, outputs and classes in UTF-8", name);
  }

  AtomicFolder whole(folder, all_files());
  write_file(whole.path() / kGraphFile, ir::print(model.graph));
  write_safetensors(whole.path() / kWeightsFile, tensors);
  write_file(whole.path() / kManifestFile, manifest_text);
  whole.commit();
}

void check_can_save(const std::filesystem::path& folder) { const AtomicFolder attempt(folder, all_files()); }

SavedModel read_saved_model(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder))
    fail("{}: expected a folder with a saved model, there is none", folder.string());
  if (!std::filesystem::exists(folder / kManifestFile))
    fail("{}: expected a saved model, whose folder holds {}; there is none", folder.string(), kManifestFile);
  const Manifest manifest(folder / kManifestFile);
  const std::filesystem::path graph_file = folder / kGraphFile;
  const std::vector<std::uint8_t> text = read_file(graph_file);
  SavedModel model;
  model.graph = ir::parse({reinterpret_cast<const char*>(text.data()), text.size()}, graph_file.string());
  model.written_by = manifest.text("written_by");

  std::vector<Type> input_types;
  std::vector<std::string> input_names;
  for (const auto& [name, type] : inputs_of(model.graph)) {
    input_names.push_back(name);
    input_types.push_back(type);
  }
  const std::string manifest_name = (folder / kManifestFile).string();
  if (manifest.names("inputs", input_types) != input_names)
    fail("{}: the inputs have other names than in {}", manifest_name, kGraphFile);
  std::vector<Type> output_types;
  for (const ir::Value result : model.graph.results()) output_types.push_back(model.graph.type(result));
  model.output_names = manifest.names("outputs", output_types);
  model.class_names = manifest.texts("class_names");
  if (manifest.has("not_trainable")) model.not_trainable = manifest.texts("not_trainable");
  check(model, manifest_name);
  model.weights = read_weights(folder / kWeightsFile, model.graph);
  return model;
}

}  // namespace sluice

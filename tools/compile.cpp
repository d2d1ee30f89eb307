#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runtime/saved_models/object_files.h"
#include "sluice/error.h"
#include "sluice/printable.h"
#include "sluice/saved_model.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

struct Options {
  GraphFile file;
  std::string output;
  std::string prefix;
  std::vector<std::string> cpus{"native"};
  std::optional<std::int64_t> max_batch;
  std::vector<std::string> max_sizes;
  bool static_library = false;
  bool embed_weights = false;
  bool sources = false;
};

bool is_saved_model(const std::string& path) {
  return std::filesystem::is_regular_file(std::filesystem::path(path) / kGraphFile);
}

/// Returns the values that the text has: those of states whose elements are all equal.
std::vector<std::optional<Array>> initial_values(const ir::Graph& graph) {
  std::vector<std::optional<Array>> values;
  for (const ir::State& state : graph.states()) {
    values.emplace_back();
    if (!state.init) continue;
    const Type& type = graph.type(state.value);
    Array& value = values.back().emplace(type.dtype, type.shape.at(1));
    for (std::size_t at = 0; at < value.byte_count(); at += state.init->byte_count())
      std::copy_n(state.init->bytes(), state.init->byte_count(), value.bytes() + at);
  }
  return values;
}

ObjectRequest request_of(const Options& options) {
  ObjectRequest request{.graph = {},
                        .path = options.output,
                        .prefix = options.prefix,
                        .cpus = options.cpus,
                        .largest = read_sizes(options.max_batch, options.max_sizes),
                        .embeds_weights = options.embed_weights,
                        .static_library = options.static_library,
                        .sources = options.sources,
                        .result_names = {}};
  if (is_saved_model(options.file.file)) {
    SavedModel model = read_saved_model(options.file.file);
    request.graph = std::move(model.graph);
    request.values.assign(model.weights.begin(), model.weights.end());
    request.result_names = std::move(model.output_names);
    for (const ir::State& state : request.graph.states())
      request.is_weight.push_back(std::ranges::find(model.not_trainable, state.variable) == model.not_trainable.end());
    return request;
  }
  request.graph = read_graph(options.file);
  request.values = initial_values(request.graph);
  request.is_weight.resize(request.graph.states().size(), true);
  return request;
}

void compile(const Options& options) {
  for (const std::filesystem::path& file : write_object(request_of(options)))
    print_text("{}: {} bytes\n", printable(file.string()), std::filesystem::file_size(file));
}

constexpr const char* kExamples = R"(Examples:
  sluice compile digits -o digits_object --sources          a saved model
  sluice compile digits -o digits_object --cpu x86-64 --cpu x86-64-v3 --embed-weights --max-batch 1
  sluice compile step.ir -o step --static-library           a training step, which --dump-dir has written
With several CPUs, oldest first, the object has code for each and selects the last one that the CPU can run. The object
needs libc's memory functions and libm at most; NAME.md says how to call it.)";

}  // namespace

void add_compile(CLI::App& program) {
  auto* const command = program.add_subcommand("compile", "Compile a saved model or a graph to an object file for C");
  const auto options = std::make_shared<Options>();
  add_graph_file(*command, options->file, "The folder of a saved model, or a graph in text form")->required();
  command->add_option("-o,--output", options->output, "The path of the files, without extension")->required();
  command->add_option("--prefix", options->prefix, "Begins all names in C; by default the name of the files");
  command->add_option("--cpu", options->cpus, "LLVM's name of the CPU: native, x86-64, x86-64-v3, ...; may repeat")
      ->allow_extra_args(false)
      ->capture_default_str();
  command->add_option("--max-batch", options->max_batch, "The largest batch size, so that the header states the memory")
      ->check(cli::whole<std::int64_t>(1));
  command->add_option("--max-size", options->max_sizes, "NAME=SIZE: the largest value of another symbol than B")
      ->allow_extra_args(false);
  command->add_flag("--static-library", options->static_library, "Also write libNAME.a");
  command->add_flag("--embed-weights", options->embed_weights, "Put the values of all variables into the object");
  command->add_flag("--sources", options->sources, "Also write C sources for memory, threads and files of weights");
  command->footer(kExamples);
  command->callback([options] { compile(*options); });
}

}  // namespace sluice::tools

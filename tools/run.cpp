#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ir/counted.h"
#include "ir/random_arrays.h"
#include "ir/solve_sizes.h"
#include "ir/suggest.h"
#include "runtime/execution/thread_team.h"
#include "sluice/error.h"
#include "sluice/ir/cost.h"
#include "sluice/npy.h"
#include "sluice/printable.h"
#include "sluice/runtime/executable.h"
#include "sluice/saved_model.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

constexpr std::uint64_t kStateSeeds = 1'000'000;  // far from the seeds of the inputs, which count up

struct Options {
  GraphFile file;
  std::string engine = "jit";
  std::vector<std::string> inputs;
  std::vector<std::string> states;
  std::optional<std::int64_t> batch;
  std::vector<std::string> sizes;
  std::uint64_t seed = 1;
  std::optional<int> threads;
  std::filesystem::path output;
  int repeat = 0;
  bool quiet = false;
};

/// A parameter or a state of the graph, and the array from NAME=FILE.npy.
struct Slot {
  std::string_view name;
  Type type;
  std::string file;  ///< empty: none
  Array value;
};

/// Reads the files named in `words` into `slots`.
void read_files(std::string_view option, const std::vector<std::string>& words, std::vector<Slot>& slots) {
  std::vector<std::string_view> names;
  for (const Slot& slot : slots) names.push_back(slot.name);
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == word.size())
      fail("{}: expected NAME=FILE.npy, got '{}'", option, word);
    const std::string_view name = std::string_view(word).substr(0, equals);
    const auto slot = std::ranges::find(slots, name, &Slot::name);
    if (slot == slots.end())
      fail("{}: the graph has no {} '{}'{}", option, option.substr(2), name, did_you_mean(name, names));
    if (!slot->file.empty()) fail("{}: '{}' is given twice", option, name);
    slot->file = word.substr(equals + 1);
    slot->value = read_npy(slot->file);
  }
}

/// Binds symbols that `bindings` does not have by the sizes of the arrays that were read.
void add_sizes_of(const std::vector<Slot>& slots, Bindings& bindings) {
  std::vector<const Slot*> given;
  for (const Slot& slot : slots) {
    if (!slot.file.empty()) given.push_back(&slot);
  }
  const auto argument = [&](std::size_t i) { return ir::SizedArgument(given[i]->type, given[i]->value); };
  Bindings found;
  // arrays_of reports arrays that do not fit, and symbols that these arrays leave open may be given.
  static_cast<void>(ir::solve_sizes(given.size(), argument, found, [](std::size_t) { return ""; }));
  for (const auto& [symbol, value] : found.all()) {
    if (!bindings.find(symbol)) bindings.set(symbol, value);
  }
}

/// Returns the arrays of `slots`; `random` has those without a file.
std::vector<Array> arrays_of(std::string_view option, const std::vector<Slot>& slots, const Bindings& bindings,
                             std::vector<Array> random) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const auto& [name, type, file, value] = slots[i];
    if (file.empty()) continue;
    if (value.dtype() != type.dtype || value.sizes() != type.shape.at(bindings)) {
      fail("{} {}: {} is {}, expected {}{}", option, name, file, to_string(value.type()), to_string(type),
           type.shape.is_static() ? "" : fmt::format(" with {}", to_string(bindings)));
    }
    random[i] = value;
  }
  return random;
}

/// A value that the user receives: a result, or the new value of a state.
struct Delivery {
  std::string title;
  std::string file;  ///< its name without an extension
  Array array;
};

std::vector<Delivery> deliveries_of(const SavedModel& model, const std::vector<Array>& outputs,
                                    const runtime::Variables& variables) {
  std::vector<Delivery> all;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    all.push_back({model.output_names.empty() ? fmt::format("result {}", i) : printable(model.output_names[i]),
                   fmt::format("result-{}", i), outputs[i]});
  }
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const ir::State& state = model.graph.states()[i];
    if (state.update)
      all.push_back({fmt::format("%{}", printable(state.name)), file_name_for(state.name), variables[i]->value()});
  }
  return all;
}

/// Numbers files that would overwrite each other: "a/b" and "a_b" both map to a_b.npy.
void make_files_differ(std::vector<Delivery>& all) {
  std::set<std::string> taken;
  for (Delivery& delivery : all) {
    const std::string wanted = delivery.file;
    for (int i = 2; !taken.insert(delivery.file).second; ++i) delivery.file = fmt::format("{}-{}", wanted, i);
  }
}

std::filesystem::path path_of(const Delivery& delivery, const std::filesystem::path& folder) {
  return folder / (delivery.file + ".npy");
}

/// Writes the arrays to files in `folder`, and prints what is where: last, because standard output may be closed.
void write_all(std::vector<Delivery> all, const std::filesystem::path& folder, bool quiet) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot create the folder: {}", folder.string(), error.message());
  make_files_differ(all);
  for (const Delivery& delivery : all) write_npy(path_of(delivery, folder), delivery.array);
  if (quiet) return;
  for (const Delivery& delivery : all) {
    print_text("{} is {} in {}\n", delivery.title, to_string(delivery.array.type()),
               path_of(delivery, folder).string());
  }
}

/// Calls the graph repeatedly and prints the time per call.
void measure(runtime::Executable& executable, int repeat, const std::vector<Array>& inputs, std::vector<Array>& outputs,
             double flops) {
  std::vector<double> seconds;
  for (int i = 0; i < repeat; ++i) {
    const auto start = std::chrono::steady_clock::now();
    executable.run(inputs, outputs);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    seconds.push_back(elapsed.count());
  }
  std::ranges::sort(seconds);
  const std::size_t half = seconds.size() / 2;
  const double median = seconds.size() % 2 == 1 ? seconds[half] : (seconds[half - 1] + seconds[half]) / 2;
  fmt::print("{}: min {:.4f} ms, median {:.4f} ms, {:.2f} GFLOP/s at the min ({:.3f} MFLOP)\n", counted(repeat, "call"),
             seconds.front() * 1e3, median * 1e3, flops / seconds.front() * 1e-9, flops * 1e-6);
}

/// Reads a saved model if `file` is its folder, or else a graph alone, without weights and names of results.
SavedModel read_model(const GraphFile& file) {
  if (std::filesystem::is_directory(file.file)) return read_saved_model(file.file);
  return {read_graph(file), {}, {}};
}

void run(const Options& options) {
  const SavedModel model = read_model(options.file);
  const ir::Graph& graph = model.graph;
  if (options.threads) runtime::set_default_threads(*options.threads);

  std::vector<Slot> input_slots;
  for (const ir::Parameter& p : graph.parameters()) input_slots.push_back({p.name, graph.type(p.value), {}, {}});
  read_files("--input", options.inputs, input_slots);
  std::vector<Slot> state_slots;
  for (const ir::State& s : graph.states()) state_slots.push_back({s.name, graph.type(s.value), {}, {}});
  read_files("--state", options.states, state_slots);
  Bindings bindings = read_sizes(options.batch, options.sizes);
  add_sizes_of(input_slots, bindings);
  bindings = ir::completed(graph, bindings, 1);
  const std::vector<Array> inputs =
      arrays_of("--input", input_slots, bindings, random_parameters(graph, bindings, options.seed));
  const std::vector<Array> states =
      arrays_of("--state", state_slots, 1,
                model.weights.empty() ? random_states(graph, options.seed + kStateSeeds) : model.weights);

  const runtime::Variables variables = runtime::variables_for(graph, states);
  double flops = 0;
  runtime::ExecutableOptions executable_options;
  if (options.engine == "reference") executable_options.engine = runtime::Engine::kReference;
  // The last stage has no gradients to expand and no dead nodes.
  if (options.repeat > 0)
    executable_options.on_stage = [&](std::string_view, const ir::Graph& g) { flops = ir::cost(g, bindings).flops; };
  const auto executable = runtime::Executable::create(graph, variables, executable_options);
  std::vector<Array> outputs(graph.results().size());
  executable->run(inputs, outputs);

  const std::vector<Delivery> all = deliveries_of(model, outputs, variables);
  if (!options.output.empty()) {
    write_all(all, options.output, options.quiet);
  } else if (!options.quiet) {
    for (const Delivery& delivery : all) print_text("{} = {}\n", delivery.title, delivery.array);
  }
  if (options.repeat > 0) measure(*executable, options.repeat, inputs, outputs, flops);
}

constexpr const char* kExamples = R"(Examples:
  sluice run step.ir                                    random inputs, B = 1
  sluice run step.ir --quiet --batch 128 --repeat 100   time per call
  sluice run step.ir --input x=x.npy --state w=w.npy --output results
  sluice run step.ir --engine reference                 the expected results, by the interpreter
  sluice run parabola --input x=x.npy                   a saved model, with its weights
Random inputs stay within their range=[low,high) in the text; otherwise floats are in [-1,1), integers in [0,10).
Files are NumPy's: numpy.save("x.npy", array). Results are those of the first call; --repeat continues from there.)";

}  // namespace

void add_run(CLI::App& program) {
  auto* const command = program.add_subcommand("run", "Evaluate a graph and print or write the results");
  const auto options = std::make_shared<Options>();
  add_graph_file(
      *command, options->file,
      "A graph in text form, - for standard input, or the folder of a saved model, whose weights its states have")
      ->required();
  command->add_option("--input", options->inputs, "NAME=FILE.npy: an input from a file; the others are random")
      ->allow_extra_args(false);
  command->add_option("--state", options->states, "NAME=FILE.npy: a state from a file; the others are random")
      ->allow_extra_args(false);
  command->add_option("--random", options->seed, "The seed of random inputs and states")
      ->check(cli::whole<std::uint64_t>(0))
      ->capture_default_str();
  command->add_option("--batch", options->batch, "The size of B; by default that of inputs from files, or 1")
      ->check(cli::count());
  add_sizes(*command, options->sizes);
  command->add_option("--engine", options->engine, "jit (native code) or reference (the interpreter)")
      ->check(CLI::IsMember({"jit", "reference"}))
      ->capture_default_str();
  command->add_option("--threads", options->threads, "Threads to compute with; all cores by default")
      ->check(cli::count());
  command->add_option(
      "--output", options->output,
      "Write results to result-N.npy and new states to NAME.npy in this folder (with _ for /), and print their types");
  command->add_option("--repeat", options->repeat, "Time this many calls more: min, median and GFLOP/s")
      ->check(cli::count());
  command->add_flag("--quiet", options->quiet, "Do not print the results");
  command->footer(kExamples);
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools

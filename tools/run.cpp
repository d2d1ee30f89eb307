#include <fmt/format.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/executable.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

struct Options {
  std::string file;
  std::string engine = "jit";
  std::int64_t batch = 1;
  std::uint64_t seed = 1;
};

Array random_array(const Type& type, std::int64_t batch, const std::optional<ir::Range>& range,
                   std::mt19937_64& engine) {
  Array array(type.dtype, type.shape.at(batch));
  const double low = range ? range->low : 0;
  const double high = range ? range->high : is_float(type.dtype) ? 1 : 2;
  visit_dtype(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    for (T& x : array.data<T>()) x = static_cast<T>(low + (high - low) * static_cast<double>(engine() >> 11) * 0x1p-53);
  });
  return array;
}

void run(const Options& options) {
  const ir::Graph graph = read_graph(options.file);
  std::mt19937_64 engine(options.seed);
  std::vector<Array> inputs;
  for (const ir::Parameter& p : graph.parameters())
    inputs.push_back(random_array(graph.type(p.value), options.batch, p.range, engine));
  runtime::Variables variables;
  for (const ir::State& s : graph.states()) {
    const Array value = random_array(graph.type(s.value), 1, s.range, engine);
    variables.push_back(std::make_shared<runtime::VariableStorage>(s.variable, value, true, s.range));
  }
  runtime::ExecutableOptions executable_options;
  if (options.engine == "reference") executable_options.engine = runtime::Engine::kReference;
  const auto executable = runtime::Executable::create(graph, variables, executable_options);
  std::vector<Array> outputs(graph.results().size());
  executable->run(inputs, outputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) fmt::print("result {} = {}\n", i, outputs[i]);
  for (const ir::State& s : graph.states()) {
    if (!s.update) continue;
    fmt::print("%{} = {}\n", s.name, variables[static_cast<std::size_t>(&s - graph.states().data())]->value());
  }
}

}  // namespace

void add_run(CLI::App& program) {
  auto* const command = program.add_subcommand("run", "Evaluate a graph on seeded random inputs and print the results");
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "A graph in text form; - for standard input")->required();
  command->add_option("--engine", options->engine, "jit or reference")->check(CLI::IsMember({"jit", "reference"}));
  command->add_option("--batch", options->batch, "The size of the symbolic dimension B")->check(CLI::PositiveNumber);
  command->add_option("--random", options->seed, "The seed of the inputs");
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools

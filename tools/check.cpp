#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "ir/counted.h"
#include "sluice/printable.h"
#include "tools/check/engine_check.h"
#include "tools/check/failure.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

struct Options {
  GraphFile file;
  std::vector<std::int64_t> batches{1, 3, 17};
  std::vector<std::string> sizes;
  std::uint64_t seed = 1;
  std::string bundle;
  std::string states = "both";
  bool no_jit = false;
  bool reduce = false;
};

void run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const ir::Graph graph = read_graph(options.file);
  FullCheckOptions check_options;
  check_options.passes.batch_sizes.clear();
  for (const std::int64_t batch : options.batches)
    check_options.passes.batch_sizes.push_back(read_sizes(batch, options.sizes));
  check_options.passes.seed = options.seed;
  for (const StatesAt at : {StatesAt::kRange, StatesAt::kInit, StatesAt::kSpecial}) {
    if (options.states == to_string(at)) check_options.passes.states_at = at;
  }
  check_options.jit = !options.no_jit;
  const passes::CheckReport report = check_graph(graph, check_options);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (!report.difference) {
    print_text("@{}: no difference. {} compared after every pass{}, {} undecided, {} not finite; ",
               printable(graph.name()), counted(report.elements, "element"),
               options.no_jit ? "" : " and in compiled code with 1, 2 and 3 threads", report.undecided,
               report.not_finite);
    print_text("{} along {}; {:.1f} s\n", counted(report.gradients, "gradient"),
               counted(report.directions, "direction"), elapsed.count());
    return;
  }
  const std::string folder = options.bundle.empty() ? "sluice-check-" + file_name_for(graph.name()) : options.bundle;
  report_failure(graph, *report.difference, check_options, {.bundle = folder, .reduce = options.reduce});
  throw CLI::RuntimeError(1);
}

constexpr const char* kExamples = R"(Examples:
  sluice check step.ir
  sluice check step.ir --batches 1,128 --seed 7       other sizes of B, other inputs
  sluice check step.ir --states init --batches 128    only the first step
  sluice check step.ir --reduce                       on failure, also print a small graph that still fails
On failure, the exit status is 1. The message names the first pass, the first node and its model line, and a folder is
written with the graph, the inputs and a command to reproduce it. Inputs stay within their range=[low,high) in the text;
states with an init and no range have values that are reachable from it.)";

}  // namespace

void add_check(CLI::App& program) {
  auto* const command = program.add_subcommand("check",
                                               "Verify that compilation preserves a graph's meaning: evaluate it "
                                               "before and after every pass, compare gradients with "
                                               "dual numbers, and compiled code with the interpreter");
  const auto options = std::make_shared<Options>();
  add_graph_file(*command, options->file)->required();
  command->add_option("--batches", options->batches, "The sizes of B to check with")
      ->delimiter(',')
      ->capture_default_str()
      ->check(cli::count());
  add_sizes(*command, options->sizes);
  command->add_option("--seed", options->seed, "The seed of the inputs and states, which stay within their ranges")
      ->check(cli::whole<std::uint64_t>(0));
  command
      ->add_option("--states", options->states,
                   "Initial states: range (random within their ranges), init (those with an init start there) or both: "
                   "range for each B, and init once more for the last; special: infinities, NaN and the like among "
                   "what has no range")
      ->check(CLI::IsMember({"both", "range", "init", "special"}))
      ->capture_default_str();
  command->add_option("--bundle", options->bundle, "The folder to write failures to; sluice-check-NAME by default");
  command->add_flag("--no-jit", options->no_jit, "Check only the passes");
  command->add_flag("--reduce", options->reduce, "Print a small graph that still fails");
  command->footer(kExamples);
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools

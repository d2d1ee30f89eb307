#include "tools/check/fuzz.h"

#include <fmt/format.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "ir/counted.h"
#include "tools/check/failure.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

struct Options {
  FuzzOptions fuzz;
  std::string bundle = "sluice-fuzz";
  bool no_reduce = false;
};

void run(const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  const FuzzReport report = fuzz(options.fuzz);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  fmt::print("{}, {} of them compiled; {} compared, {} undecided; {}; {} drawn again; {:.1f} s\n",
             counted(report.graphs, "graph"), report.compiled, counted(report.elements, "element"), report.undecided,
             counted(report.gradients, "gradient"), report.drawn_again, elapsed.count());
  if (!report.difference) return;
  report_failure(*report.graph, *report.difference, options.fuzz.check,
                 {.bundle = options.bundle, .reduce = !options.no_reduce});
  throw CLI::RuntimeError(1);
}

constexpr const char* kExamples = R"(Examples:
  sluice fuzz --count 100                    the same graphs every time
  sluice fuzz --count 100 --seed 5000        other graphs
  sluice fuzz --count 100 --jit-every 10     most of them without compilation, which takes the most time
On failure, the exit status is 1, and a folder is written with the graph, the inputs, a command to reproduce it, and a
small graph that still fails, which is also printed.)";

}  // namespace

void add_fuzz(CLI::App& program, const FullCheckOptions& check) {
  auto* const command = program.add_subcommand("fuzz", "Check random graphs, as `check` does, until one differs");
  const auto options = std::make_shared<Options>();
  options->fuzz.check = check;
  command->add_option("--count", options->fuzz.count, "How many graphs")->check(cli::count())->capture_default_str();
  command->add_option("--seed", options->fuzz.seed, "The seed of the first graph; it increases by one per graph")
      ->check(cli::whole<std::uint64_t>(0))
      ->capture_default_str();
  command->add_option("--jit-every", options->fuzz.jit_every, "Compile only every Nth graph")
      ->check(cli::count())
      ->capture_default_str();
  const std::map<std::string, ir::RandomKind> kinds{{"small", ir::RandomKind::kSmall},
                                                    {"wide", ir::RandomKind::kWide},
                                                    {"empty", ir::RandomKind::kEmpty},
                                                    {"chain", ir::RandomKind::kChain},
                                                    {"sizes", ir::RandomKind::kSizes}};
  command->add_option("--kind", options->fuzz.kind, "small, wide, empty, chain or sizes; by default all kinds in turn")
      ->transform(CLI::CheckedTransformer(kinds));
  command->add_option("--bundle", options->bundle, "The folder to write a failing graph to")->capture_default_str();
  command->add_flag("--no-reduce", options->no_reduce, "Do not search for a smaller failing graph");
  command->footer(kExamples);
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools

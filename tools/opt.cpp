#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backend/compile.h"
#include "backend/target.h"
#include "ir/solve_sizes.h"
#include "ir/suggest.h"
#include "passes/differentiate.h"
#include "passes/inline_bodies.h"
#include "passes/pass.h"
#include "runtime/execution/flags.h"
#include "runtime/execution/observe.h"
#include "sluice/error.h"
#include "sluice/ir/cost.h"
#include "sluice/ir/text.h"
#include "sluice/printable.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

using Names = std::vector<std::string>;

struct Options {
  GraphFile file;
  Names passes{"default"};
  Names print_after;
  Names print_before;
  std::filesystem::path dump_dir;
  bool time_passes = false;
  bool check_passes = false;
  bool stats = false;
  bool locations = false;
  bool list_passes = false;
  bool quiet = false;
  std::int64_t batch = 128;
  std::vector<std::string> sizes;
};

std::vector<std::string_view> pass_names(const Names& given) {
  std::vector<std::string_view> names;
  for (const std::string& name : given) {
    if (name == "default") {
      names.insert(names.end(), passes::default_pipeline().begin(), passes::default_pipeline().end());
    } else {
      names.push_back(passes::find_pass(name).name);
    }
  }
  return names;
}

/// Throws Error for a name that is neither "all" nor a stage of this run.
void check_stages(std::string_view option, const Names& wanted, std::vector<std::string_view> stages) {
  stages.push_back("all");
  for (const std::string& name : wanted) {
    if (std::ranges::count(stages, name) > 0) continue;
    fail("{}: '{}' is not a stage of this run{}", option, name, did_you_mean(name, stages));
  }
}

bool wants(const Names& wanted, std::string_view stage) {
  return std::ranges::any_of(wanted, [&](const std::string& name) { return name == "all" || name == stage; });
}

/// The output of --stats for one graph. A gradient is one node; its cost shows after expansion.
struct Stats {
  std::size_t nodes = 0;
  ir::Cost cost;
  std::size_t kernels = 0;
  bool expanded = false;  ///< whether cost and kernels are those of the graph with its gradients expanded
};

Stats stats_of(const ir::Graph& graph, const Bindings& bindings) {
  Stats stats;
  stats.nodes = ir::node_count(graph);
  stats.expanded = passes::has_gradient(graph);
  constexpr std::array<std::string_view, 1> kExpand{"differentiate"};
  const ir::Graph whole = stats.expanded ? passes::run_passes(graph, kExpand) : graph;
  stats.cost = ir::cost(whole, bindings);
  stats.kernels = backend::make_plan(passes::inline_other_bodies(whole), backend::host_target()).kernels.size();
  return stats;
}

void print_stats(const Stats& before, const Stats& after, const Bindings& bindings) {
  const auto row = [](std::string_view name, std::string_view left, std::string_view right) {
    print_text("// {:<12} {:>14} {:>14}\n", name, left, right);
  };
  row(to_string(bindings), "before", "after");
  row("nodes", fmt::format("{}", before.nodes), fmt::format("{}", after.nodes));
  row("kernels", fmt::format("{}", before.kernels), fmt::format("{}", after.kernels));
  row("flops", fmt::format("{:.0f}", before.cost.flops), fmt::format("{:.0f}", after.cost.flops));
  row("bytes", fmt::format("{:.0f}", before.cost.bytes), fmt::format("{:.0f}", after.cost.bytes));
  if (before.expanded)
    print_text("// before: a gradient is one node; kernels, flops and bytes are those of what it stands for\n");
}

struct Time {
  std::string step;
  double seconds;
};

void print_times(const std::vector<Time>& times) {
  double total = 0;
  for (const Time& time : times) total += time.seconds;
  for (const Time& time : times) {
    print_text("// time {:<16} {:>9.3f} ms {:>5.1f}%\n", time.step, time.seconds * 1e3, 100 * time.seconds / total);
  }
  print_text("// time {:<16} {:>9.3f} ms\n", "total", total * 1e3);
}

/// Runs the passes, and prints and writes what was requested along the way.
class Run {
 public:
  explicit Run(const Options& options) : options_(options), names_(pass_names(options.passes)) {
    const runtime::Flags environment = runtime::flags();
    dump_dir_ = options.dump_dir.empty() ? environment.dump_dir : options.dump_dir;
    check_passes_ = options.check_passes || environment.check_passes;
    time_passes_ = options.time_passes || environment.time_passes;
    log_passes_ = environment.log_pass;
    check_stages("--print-before", options.print_before, names_);
    std::vector<std::string_view> stages = names_;
    stages.push_back("traced");
    check_stages("--print-after", options.print_after, std::move(stages));
  }

  void run() {
    const ir::Graph given = read_graph(options_.file);
    const auto on_time = [this](std::string_view step, double seconds) {
      times_.push_back({std::string(step), seconds});
    };
    const ir::Graph result =
        passes::run_passes(given, names_,
                           {.on_stage = [this](std::string_view name, const ir::Graph& graph) { stage(name, graph); },
                            .on_time = on_time});
    if (check_passes_ && !passes::has_gradient(result)) runtime::check_meaning(given, names_);
    if (!dump_dir_.empty()) dump_backend(result, on_time);
    const bool selected = !options_.print_after.empty() || !options_.print_before.empty();
    if (!selected && !options_.quiet) print(result);
    if (options_.stats) {
      const Bindings bindings = ir::completed(given, read_sizes(options_.batch, options_.sizes), options_.batch);
      print_stats(stats_of(given, bindings), stats_of(result, bindings), bindings);
    }
    if (time_passes_) print_times(times_);
  }

 private:
  void print(const ir::Graph& graph) const { print_text("{}", ir::print(graph, {.locations = options_.locations})); }

  void stage(std::string_view name, const ir::Graph& graph) {
    if (!dump_dir_.empty()) runtime::write_stage(dump_dir_, graph.name(), name, ir::print(graph, {.locations = true}));
    if (check_passes_) runtime::check_round_trip(name, graph);
    if (log_passes_ && name != "traced")
      runtime::log_pass(printable(graph.name()), name, nodes_, graph, times_.back().seconds);
    nodes_ = ir::node_count(graph);
    if (wants(options_.print_after, name)) {
      print_text("// {} after {}\n", printable(graph.name()), name);
      print(graph);
    }
    if (stages_ < names_.size() && wants(options_.print_before, names_[stages_])) {
      print_text("// {} before {}\n", printable(graph.name()), names_[stages_]);
      print(graph);
    }
    ++stages_;
  }

  void dump_backend(const ir::Graph& graph, const std::function<void(std::string_view, double)>& on_time) {
    if (passes::has_gradient(graph)) {
      print_to_stderr("sluice: @{} still has a gradient, so there is no code to dump\n", printable(graph.name()));
      return;
    }
    const auto on_text = [&](std::string_view name, const std::string& text) {
      runtime::write_stage(dump_dir_, graph.name(), name, text);
    };
    backend::compile_kernels(graph, {.on_time = on_time, .on_text = on_text, .assembly = true});
  }

  const Options& options_;
  std::vector<std::string_view> names_;
  std::filesystem::path dump_dir_;
  bool check_passes_ = false;
  bool time_passes_ = false;
  bool log_passes_ = false;
  std::size_t nodes_ = 0;  ///< of the previous stage
  std::size_t stages_ = 0;
  std::vector<Time> times_;
};

void run(const Options& options) {
  if (options.list_passes) {
    for (const passes::Pass& pass : passes::all_passes()) print_text("{:16} {}\n", pass.name, pass.summary);
    return;
  }
  if (options.file.file.empty()) throw CLI::RequiredError("FILE");
  Run(options).run();
}

constexpr const char* kExamples = R"(Examples:
  sluice opt step.ir                                    the default pipeline
  sluice opt step.ir --passes=differentiate,cse         passes of your choice
  sluice opt step.ir --print-after=all                  the graph after every pass
  sluice opt step.ir --print-before=fuse --locations    the input of `fuse`, with the model's lines
  sluice opt step.ir --quiet --stats --time-passes      numbers only
  sluice opt step.ir --quiet --dump-dir=stages          every stage as a file, down to the assembly
  sluice opt step.ir --passes=differentiate | sluice run - --batch 64
Everything but graphs is printed as comments, so the output still parses.)";

}  // namespace

void add_opt(CLI::App& program) {
  auto* const command = program.add_subcommand("opt", "Run passes over a graph and print the result");
  const auto options = std::make_shared<Options>();
  add_graph_file(*command, options->file);
  command->add_option("--passes", options->passes, "Passes, in order; 'default' is the default pipeline")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  command
      ->add_option("--print-after", options->print_after,
                   "Print the graph after these passes ('traced': the input; 'all') instead of the result")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--print-before", options->print_before, "Print the graph before these passes ('all')")
      ->delimiter(',')
      ->allow_extra_args(false);
  command->add_option("--dump-dir", options->dump_dir,
                      "Write every stage to NN-graph-stage.ir in this folder, then the plan, LLVM IR and assembly");
  command->add_flag("--time-passes", options->time_passes, "Print the time of each pass");
  command->add_flag("--check-passes", options->check_passes,
                    "Verify in the interpreter that each pass preserves the meaning, and that its text parses back");
  command->add_flag("--stats", options->stats, "Print nodes, kernels, flops and bytes before and after");
  command->add_option("--batch", options->batch, "The size of B for --stats")
      ->check(cli::count())
      ->capture_default_str();
  add_sizes(*command, options->sizes);
  command->add_flag("--locations", options->locations, "Print after each node the model lines that it comes from");
  command->add_flag("--quiet", options->quiet, "Do not print the result");
  command->add_flag("--list-passes", options->list_passes, "List all passes with a description");
  command->footer(kExamples);
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools

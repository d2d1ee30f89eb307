#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/plan.h"
#include "backend/target.h"
#include "ir/counted.h"
#include "ir/solve_sizes.h"
#include "passes/fuse_reasons.h"
#include "passes/pass.h"
#include "runtime/execution/kernel_cost.h"
#include "runtime/execution/measure_machine.h"
#include "sluice/ir/cost.h"
#include "sluice/model_summary.h"
#include "sluice/printable.h"
#include "sluice/runtime/step_profile.h"
#include "tools/commands.h"
#include "tools/memory_report.h"

namespace sluice::tools {

namespace {

using backend::KernelPlan;
using backend::Plan;
using runtime::Machine;

struct Options {
  GraphFile file;
  std::int64_t batch = 128;
  std::vector<std::string> sizes;
  bool measure = false;
  int repeat = 20;
};

/// Prints a wrapped line of words under a kernel.
void print_wrapped(std::string_view title, const std::string& text) {
  constexpr std::size_t kColumns = 120;
  constexpr std::size_t kIndent = 14;
  std::string line = fmt::format("{:6}{:<8}", "", title);
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find(' ', begin);
    end = end == std::string::npos ? text.size() : end;
    if (line.size() > kIndent && line.size() + end - begin + 1 > kColumns) {
      print_text("{}\n", line);
      line = std::string(kIndent, ' ');
    }
    if (line.size() > kIndent) line += ' ';
    line += text.substr(begin, end - begin);
    begin = end + 1;
  }
  print_text("{}\n", line);
}

/// The report on a plan's kernels.
class Report {
 public:
  Report(const Plan& plan, const std::vector<passes::Apart>& apart, const Machine& machine,
         const std::vector<double>& seconds, const Bindings& bindings)
      : plan_(plan), apart_(apart), machine_(machine), seconds_(seconds), bindings_(bindings) {
    for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
      if (plan.kernels[k].node >= 0) kernel_of_[static_cast<std::uint32_t>(plan.kernels[k].node)] = k;
    }
  }

  void print_kernels() const {
    ir::Cost sum;
    for (const KernelPlan& kernel : plan_.kernels) sum += runtime::cost_of(plan_, kernel, bindings_);
    print_text("@{} with {}: {}, {}FLOP, {}B read and written\n", printable(plan_.name), bindings_,
               counted(plan_.kernels.size(), "kernel"), padded(sum.flops), padded(sum.bytes));
    const double memory_rate = machine_.memory.back().bytes_per_second;
    print_text(
        "{} for {}: {:.0f} GFLOP/s, and {:.0f} GB/s within the program's memory; balance at {:.1f} flops a "
        "byte\n\n",
        machine_.measured ? "measured" : "assumed (--measure measures)",
        counted(runtime::default_team().size(), "thread"), machine_.flops_per_second / 1e9, memory_rate / 1e9,
        machine_.flops_per_second / memory_rate);
    print_text("{:>4}  {:<44} {:<11} {:>8} {:>8}  {:<10} {:>9}{}\n", "", "kernel", "kind", "flops", "bytes", "bound",
               "at least", seconds_.empty() ? "" : fmt::format(" {:>9} {:>6}", "took", "share"));
    for (std::size_t k = 0; k < plan_.kernels.size(); ++k) print_kernel(k);
    if (!seconds_.empty()) {
      double took = 0;
      for (const double seconds : seconds_) took += seconds;
      print_text("\nall kernels, one by one: {:.3f} ms, {:.1f} GFLOP/s\n", took * 1e3, sum.flops / took / 1e9);
    }
  }

 private:
  /// Returns "12.3 k" and "5 ", to be followed by a unit.
  static std::string padded(double number) {
    const std::string text = short_number(number);
    return text.find(' ') == std::string::npos ? text + " " : text;
  }

  static std::string microseconds(double seconds) {
    return fmt::format("{:.{}f} us", seconds * 1e6, seconds < 1e-5 ? 2 : 1);
  }

  void print_kernel(std::size_t k) const {
    const KernelPlan& kernel = plan_.kernels[k];
    const ir::Cost cost = runtime::cost_of(plan_, kernel, bindings_);
    const double least = machine_.least_seconds(cost.flops, cost.bytes);
    print_text("{:>4}  {:<44} {:<11} {:>8} {:>8}  {:<10} {:>9}", k, kernel.name, to_string(kernel.kind()),
               short_number(cost.flops), short_number(cost.bytes),
               machine_.is_bound_by_arithmetic(cost.flops, cost.bytes) ? "arithmetic" : "memory", microseconds(least));
    if (!seconds_.empty()) {
      print_text(" {:>9} {:>5.0f}%", microseconds(seconds_[k]), 100 * least / std::max(seconds_[k], 1e-9));
    }
    print_text("\n");
    if (const std::string lines = runtime::lines_of_kernel(kernel); !lines.empty()) print_wrapped("lines", lines);
    const std::string ops = runtime::ops_of(*kernel.body);
    print_wrapped("ops", ops.empty() ? "copies a value that a variable or result needs for itself" : ops);
    if (kernel.product() != nullptr && kernel.product()->skips_zeros)
      print_wrapped("zeros", "of the first factor are left out where tiles have them, so it may beat \"at least\"");
    for (const std::string& reason : reasons(k)) print_wrapped("apart", reason);
  }

  /// Returns why what kernel `k` reads was not fused with it, one line for each kernel that it reads from and each
  /// rule.
  std::vector<std::string> reasons(std::size_t k) const {
    std::vector<std::string> lines;
    for (const passes::Apart& apart : apart_) {
      const auto consumer = kernel_of_.find(apart.consumer);
      const auto producer = kernel_of_.find(apart.producer);
      if (consumer == kernel_of_.end() || producer == kernel_of_.end() || consumer->second != k) continue;
      std::string line = fmt::format("from {}, {} to {}: {}", producer->second, to_string(apart.made_by),
                                     to_string(apart.read_by), apart.rule);
      if (std::ranges::find(lines, line) == lines.end()) lines.push_back(std::move(line));
    }
    return lines;
  }

  const Plan& plan_;
  const std::vector<passes::Apart>& apart_;
  const Machine& machine_;
  const std::vector<double>& seconds_;  ///< empty: not measured
  Bindings bindings_;
  std::map<std::uint32_t, std::size_t> kernel_of_;
};

void run(const Options& options) {
  const ir::Graph graph = read_graph(options.file);
  // Fusion is the last pass; here it also reports its reasons.
  const auto pipeline = passes::default_pipeline();
  const ir::Graph simple = passes::run_passes(graph, pipeline.first(pipeline.size() - 1));
  passes::FuseReport report = passes::fuse_with_reasons(simple);
  // For nodes that were already fused in the input, the reasons are unknown.
  const bool came_fused = std::ranges::any_of(graph.nodes(), [](const ir::Node& n) { return n.op == ir::Op::kFused; });
  if (came_fused) report.apart.clear();

  const backend::Target target = backend::host_target();
  const Plan plan = backend::make_plan(report.fused, target);
  runtime::ThreadTeam& team = runtime::default_team();
  const Bindings bindings = ir::completed(graph, read_sizes(options.batch, options.sizes), options.batch);
  std::vector<double> seconds;
  Machine machine = runtime::assumed_machine(target, team.size());
  if (options.measure) {
    const runtime::StepProfile profile = runtime::profile_step(graph, bindings, options.repeat);
    machine = profile.machine;
    for (const runtime::KernelProfile& kernel : profile.kernels) seconds.push_back(kernel.seconds);
  }
  Report(plan, report.apart, machine, seconds, bindings).print_kernels();
  if (came_fused) print_text("\nThis graph came fused; of one as traced, this tells why kernels are apart.\n");
  print_memory(graph, plan, bindings, team.size());
}

}  // namespace

void add_explain(CLI::App& program) {
  auto* const command =
      program.add_subcommand("explain", "Show the kernels that a graph compiles to, and their memory");
  command->footer(
      "For each kernel: its model lines and ops, what it computes and moves, what bounds it and, for each kernel\n"
      "that it reads from, the rule that kept the two apart. Then every buffer, and peak memory.\n"
      "\n"
      "  sluice explain step.ir --batch 128\n"
      "  sluice explain step.ir --measure          times each kernel, and the machine\n"
      "  mnist_mlp --dump-ir=traced | sluice explain - --graph train_step");
  const auto options = std::make_shared<Options>();
  add_graph_file(*command, options->file)->required();
  command->add_option("--batch", options->batch, "The size of the symbolic dimension B")
      ->check(cli::count())
      ->capture_default_str();
  add_sizes(*command, options->sizes);
  command->add_flag("--measure", options->measure, "Run the kernels on random inputs, and measure the machine's peaks");
  command->add_option("--repeat", options->repeat, "Steps to measure; the minimum time of each kernel counts")
      ->check(cli::count())
      ->capture_default_str();
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools

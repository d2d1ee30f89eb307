#include "runtime/execution/observe.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>

#include "ir/counted.h"
#include "passes/check.h"
#include "passes/pass.h"
#include "runtime/execution/flags.h"
#include "runtime/io/atomic_file.h"
#include "sluice/error.h"
#include "sluice/ir/cost.h"
#include "sluice/ir/text.h"
#include "sluice/printable.h"

namespace sluice::runtime {

namespace {

std::string_view ending(std::string_view stage) {
  if (stage == "plan") return "txt";
  if (stage == "llvm") return "ll";
  if (stage == "assembly") return "s";
  return "ir";
}

/// The observer of one compilation that the flags request.
struct Observer {
  std::string name;
  ExecutableOptions inner;  ///< the caller's own
  Flags flags;
  std::size_t nodes = 0;  ///< of the previous stage
  double seconds = 0;     ///< of the last pass

  void stage(std::string_view stage, const ir::Graph& graph) {
    if (inner.on_stage) inner.on_stage(stage, graph);
    if (!flags.dump_dir.empty()) write_stage(flags.dump_dir, name, stage, ir::print(graph, {.locations = true}));
    if (flags.check_passes) check_round_trip(stage, graph);
    if (flags.check_passes && stage == "traced") check_meaning(graph, passes::default_pipeline());
    if (flags.log_pass && stage != "traced") log_pass(name, stage, nodes, graph, seconds);
    nodes = ir::node_count(graph);
  }

  void time(std::string_view step, double step_seconds) {
    if (inner.on_time) inner.on_time(step, step_seconds);
    if (flags.time_passes) print_to_stderr("sluice: time: {}: {} {:.3f} ms\n", name, step, step_seconds * 1e3);
    seconds = step_seconds;
  }

  void text(std::string_view stage, const std::string& text) const {
    if (inner.on_text) inner.on_text(stage, text);
    if (!flags.dump_dir.empty()) write_stage(flags.dump_dir, name, stage, text);
  }
};

}  // namespace

ExecutableOptions observe(const std::string& name, ExecutableOptions options) {
  const Flags wanted = flags();
  const bool dumps = !wanted.dump_dir.empty();
  if (!dumps && !wanted.time_passes && !wanted.check_passes && !wanted.log_pass) return options;
  const auto observer = std::make_shared<Observer>(Observer{printable(name), options, wanted});
  options.on_stage = [observer](std::string_view stage, const ir::Graph& graph) { observer->stage(stage, graph); };
  options.on_time = [observer](std::string_view step, double seconds) { observer->time(step, seconds); };
  if (dumps) {
    options.on_text = [observer](std::string_view stage, const std::string& text) { observer->text(stage, text); };
    options.assembly = true;
  }
  return options;
}

void log_pass(std::string_view name, std::string_view pass, std::size_t nodes_before, const ir::Graph& graph,
              double seconds) {
  print_to_stderr("sluice: pass: {}: {}: {} -> {} in {:.3f} ms\n", name, pass, nodes_before,
                  counted(ir::node_count(graph), "node"), seconds * 1e3);
}

void write_stage(const std::filesystem::path& folder, std::string_view name, std::string_view stage,
                 const std::string& text) {
  static std::atomic<int> files = 0;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot create the folder: {}", folder.string(), error.message());
  write_file(folder / fmt::format("{:02}-{}-{}.{}", files++, file_name_for(name), stage, ending(stage)), text);
}

void check_round_trip(std::string_view stage, const ir::Graph& graph) {
  const auto wrong = [&](std::string_view what) { fail("pass check: @{} after '{}': {}", graph.name(), stage, what); };
  for (const ir::PrintOptions& options : {ir::PrintOptions{}, ir::PrintOptions{.locations = true}}) {
    const std::string text = ir::print(graph, options);
    std::optional<ir::Graph> read;
    try {
      read = ir::parse(text, fmt::format("@{} after {}", graph.name(), stage));
    } catch (const Error& error) {
      wrong(fmt::format("its text does not read back: {}", error.what()));
    }
    // Not equal_structure: parameters between nodes are parsed first, which is another order of the same graph.
    if (read->nodes().size() != graph.nodes().size()) wrong("its text reads back as another graph");
    if (ir::print(*read, options) != text) wrong("its text reads back and prints differently");
  }
}

void check_meaning(const ir::Graph& traced, std::span<const std::string_view> pipeline) {
  constexpr std::int64_t kBatchSize = 3;
  const passes::CheckReport report =
      passes::check_passes(traced, {.pipeline = passes::find_passes(pipeline), .batch_sizes = {kBatchSize}});
  if (report.difference) fail("pass check: @{}: {}", traced.name(), to_string(*report.difference));
}

}  // namespace sluice::runtime

#include "tools/check/bundle.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "backend/target.h"
#include "runtime/execution/flags.h"
#include "runtime/io/atomic_file.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "sluice/npy.h"
#include "sluice/printable.h"

namespace sluice::tools {

namespace {

std::string file_name(std::string_view kind, std::size_t index, std::string_view name) {
  return fmt::format("{}-{}-{}.npy", kind, index, file_name_for(name));
}

}  // namespace

void write_bundle(const std::filesystem::path& folder, const ir::Graph& traced, const passes::Difference& difference) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot be created: {}", folder.string(), error.message());
  write_file(folder / "graph.ir", text_with_lines(traced));
  const passes::Sample& sample = difference.sample;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i)
    write_npy(folder / file_name("input", i, traced.parameters()[i].name), sample.inputs[i]);
  for (std::size_t i = 0; i < sample.states.size(); ++i)
    write_npy(folder / file_name("state", i, traced.states()[i].name), sample.states[i]);
  const std::int64_t batch_size = sample.bindings.find(kBatchSymbol).value_or(1);
  std::string other_sizes;
  for (const auto& [symbol, value] : sample.bindings.all()) {
    if (symbol != kBatchSymbol) other_sizes += fmt::format(" --size {}={}", symbol.name(), value);
  }
  const backend::Target target = backend::host_target(runtime::flags().target_features);
  write_file(folder / "replay.txt", fmt::format("{}\n\nsluice check graph.ir --batches {}{} --seed {} --states {}\n\n"
                                                "sluice {}, text version {}, LLVM {}, built by {}\n{}, {}\n",
                                                passes::to_string(difference), batch_size, other_sizes, sample.seed,
                                                to_string(sample.states_at), SLUICE_VERSION, ir::kTextVersion,
                                                SLUICE_LLVM_VERSION, SLUICE_COMPILER, target.cpu, target.features));
}

std::string text_with_lines(const ir::Graph& graph) {
  const bool has_lines =
      std::ranges::any_of(graph.nodes(), [](const ir::Node& n) { return ir::user_location(n.origins).known(); });
  return ir::print(graph, {.locations = has_lines});
}

}  // namespace sluice::tools

#include "tools/check/failure.h"

#include <fmt/format.h>

#include <string>

#include "runtime/atomic_file.h"
#include "tools/check/bundle.h"
#include "tools/check/reduce.h"

namespace sluice::tools {

void report_failure(const ir::Graph& graph, const passes::Difference& difference, const FullCheckOptions& options,
                    const OnFailure& on_failure) {
  fmt::print("@{}: {}\n", graph.name(), passes::to_string(difference));
  write_bundle(on_failure.bundle, graph, difference);
  fmt::print("written to {}: the graph, its inputs and how to see this again\n", on_failure.bundle.string());
  if (!on_failure.reduce) return;
  const std::string small = text_with_lines(reduce(graph, difference, options));
  write_file(on_failure.bundle / "reduced.ir", small);
  fmt::print("{}", small);
}

}  // namespace sluice::tools

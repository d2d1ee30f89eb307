#include "tools/check/failure.h"

#include <fmt/format.h>

#include <string>

#include "runtime/io/atomic_file.h"
#include "sluice/printable.h"
#include "tools/check/bundle.h"
#include "tools/check/reduce.h"

namespace sluice::tools {

void report_failure(const ir::Graph& graph, const passes::Difference& difference, const FullCheckOptions& options,
                    const OnFailure& on_failure) {
  print_text("@{}: {}\n", printable(graph.name()), passes::to_string(difference));
  write_bundle(on_failure.bundle, graph, difference);
  print_text("written to {}: the graph, its inputs and how to see this again\n", on_failure.bundle.string());
  if (!on_failure.reduce) return;
  const std::string small = text_with_lines(reduce(graph, difference, options));
  write_file(on_failure.bundle / "reduced.ir", small);
  print_text("{}", small);
}

}  // namespace sluice::tools

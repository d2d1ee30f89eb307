#include "tools/check/fuzz.h"

#include <array>
namespace sluice::tools {

namespace {

constexpr std::array<std::int64_t, 6> kBatchSizes{1, 2, 3, 5, 17, 33};
constexpr std::array<std::int64_t, 4> kLengths{5, 7, 16, 33};

/// One in this many graphs gets special values; not a divisor of the number of kinds below, so that all kinds get some.
constexpr std::uint64_t kEverySpecial = 7;

/// The kinds of ten consecutive graphs.
constexpr std::array<ir::RandomKind, 10> kKinds{ir::RandomKind::kSmall, ir::RandomKind::kWide,  ir::RandomKind::kSmall,
                                                ir::RandomKind::kWide,  ir::RandomKind::kEmpty, ir::RandomKind::kSmall,
                                                ir::RandomKind::kWide,  ir::RandomKind::kSizes, ir::RandomKind::kWide,
                                                ir::RandomKind::kChain};

}  // namespace

FuzzReport fuzz(const FuzzOptions& options) {
  FuzzReport report;
  for (std::int64_t i = 0; i < options.count; ++i) {
    const std::uint64_t seed = options.seed + static_cast<std::uint64_t>(i);
    FullCheckOptions check_options = options.check;
    check_options.jit = i % options.jit_every == 0;
    check_options.passes.seed = seed;
    check_options.passes.batch_sizes = {kBatchSizes[seed % 6], kBatchSizes[seed / 6 % 6]};
    for (std::size_t b = 0; b < 2; ++b)
      check_options.passes.batch_sizes[b].set(Symbol::named("T"), kLengths[(seed / 10 + b) % kLengths.size()]);
    if (seed % kEverySpecial == 0) check_options.passes.states_at = StatesAt::kSpecial;
    for (std::uint64_t draw = 0;; ++draw) {
      const ir::RandomKind kind = options.kind.value_or(kKinds[seed % kKinds.size()]);
      const ir::Graph graph =
          ir::random_graph(seed * 1000 + draw, 5 + static_cast<int>(seed / kKinds.size() % 40), kind);
      passes::CheckReport checked = check_graph(graph, check_options);
      if (checked.difference && checked.difference->stage == "traced") {
        ++report.drawn_again;
        continue;
      }
      ++report.graphs;
      report.compiled += check_options.jit ? 1 : 0;
      report.elements += checked.elements;
      report.undecided += checked.undecided;
      report.gradients += checked.gradients;
      if (checked.difference) {
        report.difference = std::move(checked.difference);
        report.graph = graph;
        return report;
      }
      break;
    }
  }
  return report;
}

}  // namespace sluice::tools

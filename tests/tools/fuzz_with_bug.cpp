// The command `sluice` with `fuzz` alone, and with a bug planted in `canonicalize`: it swaps what `sub` subtracts.
#include "passes/rewrite.h"
#include "tests/tools/mutate.h"
#include "tools/commands.h"

using namespace sluice;

int main(int argc, char** argv) {
  constexpr auto kSwapped = [](const ir::Graph& graph) {
    return test::changed(passes::canonicalize(graph),
                         [](passes::Rebuild& now, const ir::Graph& g, std::uint32_t i) -> std::optional<ir::Value> {
                           if (g.node(i).op != ir::Op::kSub) return std::nullopt;
                           const std::vector<ir::Value> operands = now.operands(i);
                           return now.builder().add(ir::Op::kSub, {operands[1], operands[0]}, {}, g.node(i).origins);
                         });
  };
  CLI::App program("", "sluice");
  program.require_subcommand(1);
  tools::add_fuzz(program, {.passes = {.pipeline = test::with_mutated("canonicalize", kSwapped)}});
  cli::parse(program, argc, argv);
}

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "ir/text.h"
#include "passes/pass.h"
#include "tools/commands.h"

namespace sluice::tools {

namespace {

struct Options {
  std::string file;
  std::vector<std::string> passes{"default"};
  bool list_passes = false;
};

std::vector<std::string_view> pass_names(const std::vector<std::string>& given) {
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

void run(const Options& options) {
  if (options.list_passes) {
    for (const passes::Pass& pass : passes::all_passes()) fmt::print("{:16} {}\n", pass.name, pass.summary);
    return;
  }
  if (options.file.empty()) throw CLI::RequiredError("FILE");
  fmt::print("{}", ir::print(passes::run_passes(read_graph(options.file), pass_names(options.passes))));
}

}  // namespace

void add_opt(CLI::App& program) {
  auto* const command = program.add_subcommand("opt", "Run passes over a graph and print what comes out");
  const auto options = std::make_shared<Options>();
  command->add_option("FILE", options->file, "A graph in text form; - for standard input");
  command->add_option("--passes", options->passes, "Passes in their order; 'default' stands for the default pipeline")
      ->delimiter(',');
  command->add_flag("--list-passes", options->list_passes, "List all passes, with a sentence on each");
  command->callback([options] { run(*options); });
}

}  // namespace sluice::tools

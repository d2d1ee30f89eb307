#include "guide_options.h"

#include <sluice/cli.h>

#include "example_main.h"

int guide_main(int argc, char** argv, const GuideProgram& program,
               const std::function<void(const GuideOptions&)>& guide) {
  GuideOptions options;
  CLI::App app(program.description, program.name);
  app.add_option("--seed", options.seed, "Seed of the data, initial weights and order of the examples")
      ->check(sluice::cli::whole<std::uint32_t>(0))
      ->capture_default_str();
  app.add_flag("--hash", options.hash, "Print a hash of the learned weights, to compare two runs");
  if (program.reports) {
    app.add_option("--report", options.report, "Write the plots as a page, to open in a browser");
  }
  if (program.saves) app.add_option("--save", options.save, "Write the trained model to this folder");
  sluice::cli::parse(app, argc, argv);
  return example_main(program.name, [&] { guide(options); });
}

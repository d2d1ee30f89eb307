#include "guide_options.h"

#include <fmt/format.h>
#include <sluice/cli.h>
#include <sluice/error.h>

#include <cstdio>
#include <cstdlib>
#include <exception>

int guide_main(int argc, char** argv, const GuideProgram& program,
               const std::function<void(const GuideOptions&)>& guide) {
  GuideOptions options;
  CLI::App app(program.description, program.name);
  app.add_option("--seed", options.seed, "Seed of the data, initial weights and order of the examples")
      ->check(sluice::cli::whole<std::uint32_t>(0))
      ->capture_default_str();
  app.add_flag("--hash", options.hash, "Print a hash of the learned weights, to compare two runs");
  if (program.saves) app.add_option("--save", options.save, "Write the trained model to this folder");
  sluice::cli::parse(app, argc, argv);
  try {
    guide(options);
    if (std::fflush(stdout) != 0) sluice::fail("stdout: cannot write");
  } catch (const std::exception& error) {
    sluice::print_to_stderr("{}: {}\n", program.name, error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

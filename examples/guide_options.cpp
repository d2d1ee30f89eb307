#include "examples/guide_options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "ir/error.h"

int guide_main(int argc, char** argv, const std::string& program, const std::string& description,
               const std::function<void(const GuideOptions&)>& guide) {
  GuideOptions options;
  CLI::App app(description, program);
  app.add_option("--seed", options.seed, "Of data, initial weights and the order of the examples")
      ->capture_default_str();
  app.add_flag("--hash", options.hash, "Print a hash of what was learned, to compare two runs");
  CLI11_PARSE(app, argc, argv);
  try {
    guide(options);
    if (std::fflush(stdout) != 0) sluice::fail("stdout: cannot write");
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", program, error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}

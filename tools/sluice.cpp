// The command `sluice`: reads, checks, explains and runs graphs in their text form.
#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "tools/commands.h"

int main(int argc, char** argv) {
  CLI::App program("Work with Sluice graphs as text: what can be dumped can be edited and run.");
  program.require_subcommand(1);
  sluice::tools::add_check(program);
  sluice::tools::add_opt(program);
  sluice::tools::add_run(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return program.exit(error);
  } catch (const sluice::Error& error) {
    fmt::print(stderr, "sluice: {}\n", error.what());
    return 1;
  }
  return 0;
}

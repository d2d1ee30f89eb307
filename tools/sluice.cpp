// The command `sluice`: reads, checks, explains and runs graphs in their text form, and uses saved models.
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <new>

#include "runtime/execution/flags.h"
#include "sluice/cli.h"
#include "sluice/error.h"
#include "tools/commands.h"

namespace {

constexpr const char* kFooter =
    R"(Start with: sluice opt FILE --print-after=all    (a program writes FILE by SLUICE_FLAGS=--dump-dir=DIR)

Every program built on Sluice, this one too, obeys the environment:
  SLUICE_FLAGS="--dump-dir=DIR --time-passes --check-passes"
  SLUICE_LOG=trace,pass,jit         what is traced and why, each pass, each compiled program: to stderr
  SLUICE_NUM_THREADS=N              threads to compute with
Options of a command beat the environment. docs/flags.md explains them.)";

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Work with Sluice graphs as text, which can be edited and run, and with saved models.", "sluice");
  program.require_subcommand(1);
  program.footer(kFooter);
  program.parse_complete_callback([] { sluice::runtime::flags(); });  // reports errors in them before any work
  sluice::tools::add_check(program);
  sluice::tools::add_fuzz(program);
  sluice::tools::add_opt(program);
  sluice::tools::add_run(program);
  sluice::tools::add_explain(program);
  sluice::tools::add_show(program);
  sluice::tools::add_predict(program);
  sluice::tools::add_evaluate(program);
  sluice::tools::add_summary(program);
  sluice::tools::add_export(program);
  sluice::tools::add_compile(program);
  try {
    sluice::cli::parse(program, argc, argv);
  } catch (const sluice::Error& error) {
    sluice::print_to_stderr("sluice: {}{}\n", error.what(), sluice::tools::shown_line(error.location()));
    return 1;
  } catch (const std::bad_alloc&) {
    sluice::print_to_stderr("sluice: not enough memory\n");
    return 1;
  } catch (const std::exception& error) {  // from the library: a failing file system
    sluice::print_to_stderr("sluice: {}\n", error.what());
    return 1;
  }
  if (std::fflush(stdout) != 0) {
    sluice::print_to_stderr("sluice: standard output cannot be written\n");
    return 1;
  }
  return 0;
}

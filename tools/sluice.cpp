// The command `sluice`: reads, checks, explains and runs graphs in their text form, and uses saved models.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/error.h"
#include "ir/suggest.h"
#include "tools/commands.h"

namespace {

constexpr const char* kFooter =
    R"(Start with: sluice opt FILE --print-after=all    (a program writes FILE by SLUICE_FLAGS=--dump-dir=DIR)

Every program built on Sluice, this one too, obeys the environment:
  SLUICE_FLAGS="--dump-dir=DIR --time-passes --check-passes"
  SLUICE_LOG=trace,pass,jit         what is traced and why, each pass, each compiled program: to stderr
  SLUICE_NUM_THREADS=N              threads to compute with
Options of a command beat the environment. docs/flags.md explains them.)";

/// "; did you mean 'x'?" for the first word of the command line that is no command, or no option of the one called.
std::string suggestion(const CLI::App& program, std::span<char* const> words) {
  const auto called = program.get_subcommands();
  std::vector<std::string> known;
  if (called.empty()) {
    for (const CLI::App* const command : program.get_subcommands({})) known.push_back(command->get_name());
  } else {
    for (const CLI::Option* const option : called.front()->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
  }
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (const std::string_view word : words) {
    const std::string_view name = word.substr(0, word.find('='));
    if (!called.empty() && !name.starts_with("--")) continue;
    if (std::ranges::find(names, name) == names.end()) return sluice::did_you_mean(name, names);
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program("Work with Sluice graphs as text (what can be dumped can be edited and run), and with saved models.",
                   "sluice");
  program.require_subcommand(1);
  program.footer(kFooter);
  sluice::tools::add_check(program);
  sluice::tools::add_fuzz(program);
  sluice::tools::add_opt(program);
  sluice::tools::add_run(program);
  sluice::tools::add_explain(program);
  sluice::tools::add_show(program);
  sluice::tools::add_predict(program);
  sluice::tools::add_evaluate(program);
  sluice::tools::add_summary(program);
  try {
    program.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = program.exit(error);
    const std::string hint = status == 0 ? "" : suggestion(program, {argv + 1, static_cast<std::size_t>(argc - 1)});
    if (!hint.empty()) fmt::print(stderr, "{}\n", hint.substr(2));
    return status;
  } catch (const sluice::Error& error) {
    fmt::print(stderr, "sluice: {}{}\n", error.what(), sluice::tools::shown_line(error.location()));
    return 1;
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "sluice: there is not enough memory for this\n");
    return 1;
  } catch (const std::exception& error) {  // of the library: a file system that fails
    fmt::print(stderr, "sluice: {}\n", error.what());
    return 1;
  }
  if (std::fflush(stdout) != 0) {
    fmt::print(stderr, "sluice: standard output cannot be written\n");
    return 1;
  }
  return 0;
}

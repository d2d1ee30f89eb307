// gdb stops in kernels at lines of the model. https://sourceware.org/gdb/current/onlinedocs/gdb.html/JIT-Interface.html
#include <optional>
#include <regex>

#include "tests/debug/debugged_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/skip.h"

using namespace sluice;

namespace {

/// Returns what gdb prints for these commands in the program in `mode`, or nothing, after a note, where it cannot be
/// used.
std::optional<std::string> ask_gdb(const std::vector<std::string>& commands, const std::string& environment,
                                   const char* mode = "") {
#ifdef SLUICE_SANITIZED
  test::skip("gdb is slow in programs with sanitizers");
  return std::nullopt;
#endif
  if (std::system("command -v gdb > /dev/null") != 0) {
    test::skip("there is no gdb");
    return std::nullopt;
  }
  std::string arguments = "--batch --nx -ex 'set breakpoint pending on' -ex 'set width 0'";
  arguments += fmt::format(" -ex 'directory {}'", SLUICE_ROOT);
  for (const std::string& command : commands) arguments += fmt::format(" -ex '{}'", command);
  arguments += fmt::format(" --args '{}' {} < /dev/null", DEBUGGED_PROGRAM, mode);
  const test::Outcome outcome = test::run_program("gdb", arguments, environment);
  if (test::contains(outcome.err, "ptrace")) {
    test::skip("processes may not be traced here");
    return std::nullopt;
  }
  return outcome.out + outcome.err;
}

std::string at_line(const char* name) { return fmt::format("debugged_program.cpp:{}", test::line_of(name)); }

bool matches(const std::string& text, const std::string& pattern) {
  return std::regex_search(text, std::regex(pattern));
}

}  // namespace

TEST_CASE("gdb stops at a line of the model and knows node, model and kernel") {
  const auto said = ask_gdb({"break " + at_line("layer"), "run", "backtrace", "list"},
                            "export SLUICE_CACHE_DIR= SLUICE_FLAGS=--debug-info;");
  if (!said) return;
  CAPTURE(*said);
  CHECK(matches(*said, "hit Breakpoint 1.*, %[0-9]+ mul \\(\\) at .*" + at_line("layer")));
  CHECK(matches(*said, "#0 +%[0-9]+ mul \\(\\) at .*" + at_line("layer")));
  CHECK(matches(*said, "#1 +@sums \\(\\) at .*" + at_line("model")));
  CHECK(matches(*said, "#2 +sums\\.mul_0 \\(\\) at .*" + at_line("call")));
  CHECK(matches(*said, "#3 .*JitExecutable"));
  CHECK(test::contains(*said, "Tensor operator()(const Tensor& x) const { return x * 2; }"));
}

TEST_CASE("gdb stops at products and reductions") {
  const auto said = ask_gdb({"break " + at_line("model"), "break " + at_line("sum"), "run", "backtrace 3", "delete 1",
                             "continue", "backtrace 3"},
                            "export SLUICE_CACHE_DIR= SLUICE_FLAGS=--debug-info;");
  if (!said) return;
  CAPTURE(*said);
  CHECK(matches(*said, "#0 +%[0-9]+ matmul \\(\\) at .*" + at_line("model")));
  CHECK(matches(*said, "#1 +sums\\.matmul_add_relu_1 \\(\\) at .*" + at_line("call")));
  CHECK(matches(*said, "#0 +%[0-9]+ reduce_sum \\(\\) at .*" + at_line("sum")));
  CHECK(matches(*said, "#1 +sums\\.reduce_sum_2 \\(\\) at .*" + at_line("call")));
}

TEST_CASE("gdb stops at a line in whichever copy of its code runs: that for part of a vector") {
  const auto said = ask_gdb({"break " + at_line("layer"), "run", "backtrace 2"},
                            "export SLUICE_CACHE_DIR= SLUICE_FLAGS=--debug-info;", "few");
  if (!said) return;
  CAPTURE(*said);
  CHECK(matches(*said, "#0 +%[0-9]+ mul \\(\\) at .*" + at_line("layer")));
}

TEST_CASE("code from the object cache can be debugged if it was made for that") {
  const TemporaryFolder cache;
  const std::string folder = fmt::format("export SLUICE_CACHE_DIR='{}';", (cache.path() / "objects").string());
  REQUIRE(test::run_program(DEBUGGED_PROGRAM, "", folder).status == 0);  // without debug information
  for (int run = 0; run < 2; ++run) {
    CAPTURE(run);
    const auto said =
        ask_gdb({"break " + at_line("layer"), "run", "backtrace"}, folder + " export SLUICE_FLAGS=--debug-info;");
    if (!said) return;
    CAPTURE(*said);
    CHECK(matches(*said, "#0 +%[0-9]+ mul \\(\\) at .*" + at_line("layer")));
  }
}

TEST_CASE("without the flag, kernels are as they were: gdb knows nothing of them") {
  const auto said = ask_gdb({"break " + at_line("layer"), "run", "backtrace"}, "export SLUICE_CACHE_DIR=;");
  if (!said) return;
  CAPTURE(*said);
  CHECK_FALSE(test::contains(*said, "hit Breakpoint"));
  CHECK(test::contains(*said, "exited normally"));
}

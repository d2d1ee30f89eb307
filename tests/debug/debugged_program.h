#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/run_program.h"

namespace sluice::test {

/// Returns the line of debugged_program.cpp that ends in a comment with this name.
inline int line_of(std::string_view name) {
  int number = 0;
  for (const std::string& line : lines_of(text_of(DEBUGGED_SOURCE))) {
    ++number;
    if (line.ends_with(fmt::format("// line: {}", name))) return number;
  }
  FAIL("there is no line ", std::string(name));
  return 0;
}

struct Death {
  int status = 0;  ///< as of waitpid
  std::string err;
};

/// Runs the program in `mode`, with `flags` in its environment, until its end.
inline Death run_debugged(const char* mode, const char* flags) {
  const TemporaryFolder folder;
  const auto err = folder.path() / "err";
  const pid_t process = fork();
  REQUIRE(process >= 0);
  if (process == 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    setenv("SLUICE_FLAGS", flags, 1);
    setenv("SLUICE_CACHE_DIR", "", 1);
    const int file = ::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(file, STDERR_FILENO);
    execl(DEBUGGED_PROGRAM, DEBUGGED_PROGRAM, mode, nullptr);
    _exit(127);
  }
  Death death;
  REQUIRE(waitpid(process, &death.status, 0) == process);
  death.err = text_of(err);
  return death;
}

}  // namespace sluice::test

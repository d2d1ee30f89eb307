#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "tests/runtime/temporary_folder.h"

namespace sluice {

struct Outcome {
  int status = 0;
  std::string out;
  std::string err;
};

inline std::string text_of(const std::filesystem::path& file) {
  const std::vector<std::uint8_t> bytes = read_bytes(file);
  return {bytes.begin(), bytes.end()};
}

/// Runs `program` with `arguments`, words of the shell.
inline Outcome run_command(const std::string& program, const std::string& arguments) {
  const TemporaryFolder folder;
  const auto out = folder.path() / "out";
  const auto err = folder.path() / "err";
  const std::string command = fmt::format("'{}' {} > '{}' 2> '{}'", program, arguments, out.string(), err.string());
  const int status = std::system(command.c_str());
  REQUIRE(WIFEXITED(status));
  return {WEXITSTATUS(status), text_of(out), text_of(err)};
}

/// The file with the guide's training step as it was traced, dumped by the example that users run.
inline std::filesystem::path training_step() {
  static const TemporaryFolder folder;
  static const std::filesystem::path file = [] {
    const Outcome dumped = run_command(MNIST_MLP, fmt::format("--epochs 0 --dump-ir=traced"));
    REQUIRE(dumped.status == 0);
    const std::string start = "sluice-ir";
    const std::size_t first = dumped.out.find(start);
    const std::size_t second = dumped.out.find("// evaluate", first);
    REQUIRE(second != std::string::npos);
    const std::string text = dumped.out.substr(first, second - first);
    return folder.file("train_step.ir", {text.begin(), text.end()});
  }();
  return file;
}

}  // namespace sluice

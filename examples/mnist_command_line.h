#pragma once

#include <sluice/cli.h>

#include <optional>
#include <string>

#include "mnist_options.h"

/// The options that the programs share; each adds its own to app().
class MnistCommandLine {
 public:
  MnistCommandLine(const std::string& program, const std::string& description);

  CLI::App& app() { return app_; }
  /// See parse_mnist_options.
  MnistOptions parse(int argc, char** argv);

 private:
  CLI::App app_;
  MnistOptions options_;
  std::optional<int> threads_;
  std::string engine_ = "jit";
  std::string stages_;
  std::string dump_folder_;
  CLI::Option* dump_ir_;
};

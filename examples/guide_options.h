#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

/// The command-line options of the examples that generate their own data.
struct GuideOptions {
  std::uint32_t seed = 1;                            ///< for data, initial weights and the order of the examples
  bool hash = false;                                 ///< print a hash of what was learned
  std::optional<std::filesystem::path> save = {};    ///< where to save the trained model
  std::optional<std::filesystem::path> report = {};  ///< where to write a page with the plots
};

/// One of these examples. Its name is the program's.
struct GuideProgram {
  std::string name;
  std::string description;
  bool saves = false;    ///< whether it has the option --save
  bool reports = false;  ///< whether it has the option --report
};

/// The main function of such an example: reads the command line, runs `guide`, and prints its errors to stderr. Returns
/// the exit status. Ends the process, as usual, after --help and after an unknown option.
int guide_main(int argc, char** argv, const GuideProgram& program,
               const std::function<void(const GuideOptions&)>& guide);

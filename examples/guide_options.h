#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

/// What the command lines of the examples after TensorFlow's shorter guides say.
struct GuideOptions {
  std::uint32_t seed = 1;                          ///< of data, initial weights and the order of the examples
  bool hash = false;                               ///< print a hash of what was learned
  std::optional<std::filesystem::path> save = {};  ///< where the trained model goes
};

/// Such an example. Its name is that of the program.
struct GuideProgram {
  std::string name;
  std::string description;
  bool saves = false;  ///< whether it has the option --save
};

/// The main function of such an example: reads the command line, runs `guide`, and tells of its errors on stderr. Gives
/// the process's exit status. Ends the process, as is usual, after --help and after an option that is not known.
int guide_main(int argc, char** argv, const GuideProgram& program,
               const std::function<void(const GuideOptions&)>& guide);

#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::runtime {

/// What every program built on Sluice takes from outside, whoever wrote its main(); docs/flags.md explains each.
struct Flags {
  std::filesystem::path dump_dir = {};  ///< --dump-dir=DIR: every stage of every compiled graph as a file; empty: none
  bool time_passes = false;             ///< --time-passes: the time of every pass and of code generation, to stderr
  bool check_passes = false;            ///< --check-passes: prove every pass's result
  bool check_numerics = false;          ///< --check-numerics: refuse steps that make a NaN or an infinity
  std::filesystem::path trace = {};     ///< --trace=FILE: where a few steps of each function go; empty: nowhere
  int trace_first = 2;                  ///< --trace-steps=FIRST-LAST: which, counted from 1
  int trace_last = 6;
  bool object_cache = true;          ///< --no-object-cache: neither read nor keep machine code on disk
  bool clear_object_cache = false;   ///< --clear-object-cache: empty it before the first compilation
  bool skip_zeros = true;            ///< --keep-zeros: products go through zeros as through all numbers
  bool share_all_kernels = false;    ///< --share-all-kernels: among all threads, however small they are
  std::string target_features = {};  ///< --target-features=LIST: of the CPU to generate code for; empty: all it has
  bool log_trace = false;            ///< SLUICE_LOG=trace: each trace and why
  bool log_pass = false;             ///< SLUICE_LOG=pass: a line for each pass
  bool log_jit = false;              ///< SLUICE_LOG=jit: a line for each program that was compiled to native code
};

/// Adds what `words` say to `flags`: "--name" and "--name=value", separated by spaces, as in $SLUICE_FLAGS. What stands
/// in quotes, " or ', is part of its word. Throws Error, which begins with `source` and suggests the nearest, for a
/// flag that there is not.
void parse_flags(std::string_view words, std::string_view source, Flags& flags);

/// The same for topics separated by commas, as in $SLUICE_LOG.
void parse_log(std::string_view topics, std::string_view source, Flags& flags);

/// $SLUICE_FLAGS and $SLUICE_LOG as they are now, below what the program's own options say. Warns on standard error of
/// unknown_variables(), each once in a process. Throws Error.
Flags flags();

/// A warning for each variable of the environment that begins with SLUICE_ and that nothing reads, with the nearest.
std::vector<std::string> unknown_variables();

/// What an option of the program says, which beats the environment; an empty folder leaves it to the environment.
void set_dump_dir(std::filesystem::path folder);
/// The same for --trace.
void set_trace(std::filesystem::path file);

}  // namespace sluice::runtime

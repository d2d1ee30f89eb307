#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::runtime {

/// Settings from the environment that every program built on Sluice obeys; docs/flags.md explains each.
struct Flags {
  std::filesystem::path dump_dir = {};  ///< --dump-dir=DIR: every stage of every compiled graph as a file; empty: none
  bool time_passes = false;             ///< --time-passes: the time of every pass and of code generation, to stderr
  bool check_passes = false;            ///< --check-passes: verify every pass's result
  bool check_numerics = false;          ///< --check-numerics: reject steps that produce a NaN or an infinity
  std::filesystem::path trace = {};     ///< --trace=FILE: where to write a few steps of each function; empty: nowhere
  int trace_first = 2;                  ///< --trace-steps=FIRST-LAST: which, counted from 1
  int trace_last = 6;
  bool object_cache = true;          ///< --no-object-cache: neither read nor keep machine code on disk
  bool clear_object_cache = false;   ///< --clear-object-cache: empty it before the first compilation
  bool skip_zeros = true;            ///< --keep-zeros: products do not skip zeros
  bool share_all_kernels = false;    ///< --share-all-kernels: divide kernels among all threads, however small they are
  bool debug_info = false;           ///< --debug-info: show kernels and the model's lines to gdb
  std::filesystem::path jit_dump{};  ///< --jitdump=DIR: where to write a file of code for perf; empty: nowhere
  bool crash_reports = true;         ///< --no-crash-reports: do not handle the signals of a crash
  std::string target_features = {};  ///< --target-features=LIST: CPU features to use; empty: all this CPU has
  bool log_trace = false;            ///< SLUICE_LOG=trace: each trace and why
  bool log_pass = false;             ///< SLUICE_LOG=pass: a line for each pass
  bool log_jit = false;              ///< SLUICE_LOG=jit: a line for each program compiled to native code
};

/// Adds the flags in `words` to `flags`: "--name" and "--name=value", separated by spaces, as in $SLUICE_FLAGS. Text in
/// quotes, " or ', belongs to its word. Throws Error, starting with `source` and suggesting the nearest flag, for an
/// unknown flag.
void parse_flags(std::string_view words, std::string_view source, Flags& flags);

/// The same for topics separated by commas, as in $SLUICE_LOG.
void parse_log(std::string_view topics, std::string_view source, Flags& flags);

/// Returns the current $SLUICE_FLAGS and $SLUICE_LOG, overridden by the program's own options. Warns on standard error
/// of unknown_variables(), each once per process. Throws Error.
Flags flags();

/// Returns a warning for each environment variable that starts with SLUICE_ and that nothing reads, with the nearest
/// name.
std::vector<std::string> unknown_variables();

/// Sets a program's option, which takes precedence over the environment; an empty folder defers to the environment.
void set_dump_dir(std::filesystem::path folder);
/// The same for --trace.
void set_trace(std::filesystem::path file);

}  // namespace sluice::runtime

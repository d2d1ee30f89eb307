#pragma once

#include <filesystem>
#include <functional>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"

namespace sluice {

using runtime::Engine;

/// Sets the engine of all functions compiled from now on; the default is native code.
void set_default_engine(Engine engine);
/// Returns the engine last set by set_default_engine, or Engine::kJit.
Engine default_engine();

/// Sets how many threads functions compute with from now on, instead of $SLUICE_NUM_THREADS or one for each core that
/// the process may use. Results are bit-identical for any number. Throws Error at the user's line unless it is 1 to
/// runtime::kMaxThreads.
void set_num_threads(int threads, std::source_location where = std::source_location::current());
int num_threads();

/// Sets how many versions each function without a signature keeps, one for each list of argument types that it was
/// called with. Beyond that, the least recently used one is dropped, with a warning, and compiled again when needed.
/// The default is 32. Throws Error at the user's line unless it is at least 1.
void set_max_versions(int versions, std::source_location where = std::source_location::current());
int max_versions();

/// Which graphs every function compiled from now on writes.
struct DumpOptions {
  bool to_stdout = false;
  std::vector<std::string> stages = {};  ///< to stdout: "traced" and names of passes; empty: all
  /// Every stage as NN-function-stage.ir, then the backend's plan, LLVM IR and assembly; created if necessary. Empty:
  /// as in $SLUICE_FLAGS.
  std::filesystem::path folder = {};
};
/// Throws Error if there is no such stage or the folder cannot be created.
void set_dump(DumpOptions options);

/// Writes a trace of a few steps of each function compiled from now on to `file`, for Perfetto. Empty: as in
/// $SLUICE_FLAGS.
void set_trace(std::filesystem::path file);

namespace detail {
/// Prints `graph`, with `comments` before it, if set_dump asks for it.
void dump_stage(std::string_view stage, const ir::Graph& graph, std::string_view comments);
/// Throws Error, suggesting the nearest name, if the pipeline has no such stage.
void check_stage(std::string_view stage);
}  // namespace detail

}  // namespace sluice

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

/// The engine of all functions that are compiled from now on. Native code unless told otherwise.
void set_default_engine(Engine engine);
/// What set_default_engine said last, else Engine::kJit.
Engine default_engine();

/// How many threads functions compute with from now on, instead of $SLUICE_NUM_THREADS or one for each core that the
/// process may use. Results do not depend on it, to the last bit. Throws Error at the user's line unless it is 1 to
/// runtime::kMaxThreads.
void set_num_threads(int threads, std::source_location where = std::source_location::current());
int num_threads();

/// How many versions a function without a signature keeps, one for each list of argument types that it was called with:
/// beyond that the one that was not used for longest is dropped, with a warning, and made anew when it is needed. 32
/// unless told otherwise; the number holds for each function. Throws Error at the user's line unless it is at least 1.
void set_max_versions(int versions, std::source_location where = std::source_location::current());
int max_versions();

/// Which graphs every function that is compiled from now on writes out.
struct DumpOptions {
  bool to_stdout = false;
  std::vector<std::string> stages = {};  ///< to stdout: "traced" and names of passes; empty: all
  /// Every stage as NN-function-stage.ir, then the backend's plan, LLVM IR and assembly; made if it is not there.
  /// Empty: as $SLUICE_FLAGS says.
  std::filesystem::path folder = {};
};
/// Throws Error if there is no such stage or the folder cannot be made.
void set_dump(DumpOptions options);

/// Writes a trace of a few steps of each function that is compiled from now on to `file`, for Perfetto. Empty: to where
/// $SLUICE_FLAGS says, if anywhere.
void set_trace(std::filesystem::path file);

namespace detail {
/// Prints `graph` if set_dump asks for it.
void dump_stage(std::string_view stage, const ir::Graph& graph);
/// Throws Error, with the nearest name, if the pipeline has no such stage.
void check_stage(std::string_view stage);
}  // namespace detail

}  // namespace sluice

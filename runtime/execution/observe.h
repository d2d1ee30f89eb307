#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"

namespace sluice::runtime {

/// Returns `options` for compiling the graph `name`, whose callbacks also do what flags() requests: dumps, times,
/// checks, logs.
ExecutableOptions observe(const std::string& name, ExecutableOptions options);

/// Writes `text` to NN-name-stage.ir in `folder`, which is created if necessary; NN counts the process's files. The
/// backend's stages have other endings: plan.txt, llvm.ll, assembly.s. Throws Error.
void write_stage(const std::filesystem::path& folder, std::string_view name, std::string_view stage,
                 const std::string& text);

/// Prints SLUICE_LOG's line to stderr about a pass that turned a graph with `nodes_before` nodes into `graph`.
void log_pass(std::string_view name, std::string_view pass, std::size_t nodes_before, const ir::Graph& graph,
              double seconds);

/// Throws Error, naming `stage`, unless the text of `graph` parses back to an equal graph that prints the same.
void check_round_trip(std::string_view stage, const ir::Graph& graph);

/// Throws Error, naming the first pass that differs, unless `traced` means the same in the interpreter after each pass
/// of `pipeline` (passes/check.h), for one seeded sample. Cannot check a pipeline that leaves gradients.
void check_meaning(const ir::Graph& traced, std::span<const std::string_view> pipeline);

}  // namespace sluice::runtime

#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"

namespace sluice::runtime {

/// `options` for compiling the graph `name`, whose callbacks also do what flags() asks for: dumps, times, checks, logs.
ExecutableOptions observe(const std::string& name, ExecutableOptions options);

/// Writes `text` to NN-name-stage.ir in `folder`, which is made if it is not there; NN counts the files of the process.
/// The backend's stages have other endings: plan.txt, llvm.ll, assembly.s. Throws Error.
void write_stage(const std::filesystem::path& folder, std::string_view name, std::string_view stage,
                 const std::string& text);

/// SLUICE_LOG's line on stderr about a pass that has made `graph` of one with `nodes_before` nodes.
void log_pass(std::string_view name, std::string_view pass, std::size_t nodes_before, const ir::Graph& graph,
              double seconds);

/// Throws Error, which names `stage`, unless the text of `graph` reads back to a graph that is equal and prints the
/// same.
void check_round_trip(std::string_view stage, const ir::Graph& graph);

/// Throws Error, which names the first pass that differs, unless `traced` means the same after each of `pipeline` in
/// the interpreter (passes/check.h), for one seeded sample. Nothing can be said of a pipeline that leaves gradients.
void check_meaning(const ir::Graph& traced, std::span<const std::string_view> pipeline);

}  // namespace sluice::runtime

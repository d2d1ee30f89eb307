#pragma once

#include <filesystem>
#include <string>

#include "passes/check.h"

namespace sluice::tools {

/// Writes everything needed to reproduce a failure to `folder`, which is created if necessary: graph.ir, each input and
/// state as a .npy file, and replay.txt with the difference, the command with the seed, the versions and the CPU.
/// Throws Error if it cannot be written.
void write_bundle(const std::filesystem::path& folder, const ir::Graph& traced, const passes::Difference& difference);

/// Returns `graph` as text, with the lines of its model. If it has none, errors name those of the text.
std::string text_with_lines(const ir::Graph& graph);

}  // namespace sluice::tools

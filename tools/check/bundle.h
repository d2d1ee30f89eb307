#pragma once

#include <filesystem>

#include "passes/check.h"

namespace sluice::tools {

/// Writes what a failure needs to be seen again into `folder`, which is made if need be: graph.ir, each input and state
/// as a .npy file, and replay.txt with the difference, the seed, the versions and the command. Throws Error if it
/// cannot be written.
void write_bundle(const std::filesystem::path& folder, const ir::Graph& traced, const passes::Difference& difference);

}  // namespace sluice::tools

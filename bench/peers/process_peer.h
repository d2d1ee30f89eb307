#pragma once

#include <string>
#include <vector>

#include "bench/contest.h"

// Peers that are separate processes, which wait while others have their turns. Such a process is called with KIND SIZES
// BATCH THREADS DATA (train 784-700-500-10 128 2 folder-of-MNIST) and prints "ready"; then it answers each line "CALLS
// REPEATS" with a Turn as JSON: {"seconds": [0.1, 0.2], "value": 0.3}.
namespace sluice::bench {

/// Starts the process: `command`, a shell command, followed by these arguments. Throws Error if it does not start.
Contestant process_contestant(const std::string& name, const std::string& command,
                              const std::vector<std::string>& arguments);

/// The main loop of such a process, until its input ends.
void serve_turns(const Contestant& contestant);

}  // namespace sluice::bench

#pragma once

#include <string>
#include <vector>

#include "bench/contest.h"

// Peers that are processes of their own, which wait while others have their turns. Such a process is called with KIND
// SIZES BATCH THREADS DATA (train 784-700-500-10 128 2 folder-of-MNIST) and says "ready"; then it answers each line
// "CALLS REPEATS" with a Turn as JSON: {"seconds": [0.1, 0.2], "value": 0.3}.
namespace sluice::bench {

/// Starts the process: `command`, words of the shell, with these arguments behind it. Throws Error if it does not come
/// up.
Contestant process_contestant(const std::string& name, const std::string& command,
                              const std::vector<std::string>& arguments);

/// What such a process does until nothing more is asked.
void serve_turns(const Contestant& contestant);

}  // namespace sluice::bench

#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/execution/thread_team.h"

namespace sluice::bench {

/// One turn of a contestant: the seconds of each call, and the mean of their results.
struct Turn {
  std::vector<double> seconds;
  double value = 0;
};

/// One of several implementations of the same work.
struct Contestant {
  std::string name;
  /// Does the work `calls` times, where each call repeats it `repeats` times; the seconds of a call are per repetition.
  /// Starts with some untimed work: the threads of the previous contestant may still spin, and the caches are still its
  /// own.
  std::function<Turn(int calls, int repeats)> turn;
};

/// A contestant in this process. `work` returns a loss, or 0 if there is none.
Contestant local_contestant(std::string name, std::function<double()> work);

struct ContestOptions {
  int rounds = 5;             ///< turns of each contestant
  double turn_seconds = 0.1;  ///< approximate duration of a turn of the first contestant
  double operations = 0;      ///< per repetition, for comparison with the peak
};

/// Lets the contestants take turns, A B C A B C, and measures peak multiply-add throughput between the rounds. All do
/// the same amount of work. Returns for each the minimum and the median of its seconds, the mean loss of its last turn
/// if there is one, and the peak in GFLOP/s.
nlohmann::ordered_json run_contest(const std::vector<Contestant>& contestants, const ContestOptions& options,
                                   runtime::ThreadTeam& team);

}  // namespace sluice::bench

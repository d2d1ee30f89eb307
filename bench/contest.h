#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/execution/thread_team.h"

namespace sluice::bench {

/// One turn of a contestant: the seconds of each call, and the mean of what the calls returned.
struct Turn {
  std::vector<double> seconds;
  double value = 0;
};

/// Someone who does the same work as others, in its own way.
struct Contestant {
  std::string name;
  /// Does the work `calls` times, each call `repeats` times the work; the calls' seconds are those of one work. Before
  /// that it works untimed for a while: the threads of the one before may still spin, and the caches are its.
  std::function<Turn(int calls, int repeats)> turn;
};

/// A contestant in this process. `work` returns a loss, or 0 where there is none.
Contestant local_contestant(std::string name, std::function<double()> work);

struct ContestOptions {
  int rounds = 5;             ///< how often each has its turn
  double turn_seconds = 0.1;  ///< how long a turn of the first contestant takes, about
  double operations = 0;      ///< of one work, to be compared with the peak
};

/// Lets the contestants work in turns, A B C A B C, with the peak of multiply-adds measured between the rounds. All do
/// the same number of works. Returns for each the minimum and the median of its seconds, the mean loss of its last turn
/// if there is one, and the GFLOP/s of the peak.
nlohmann::ordered_json run_contest(const std::vector<Contestant>& contestants, const ContestOptions& options,
                                   runtime::ThreadTeam& team);

}  // namespace sluice::bench

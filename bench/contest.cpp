#include "bench/contest.h"

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "bench/peak.h"

namespace sluice::bench {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double kUntimedSeconds = 0.03;  // threads of OpenMP and OpenBLAS spin for up to 27 ms after their last work
constexpr double kLeastTimedSeconds = 2e-5;  // shorter times would show the cost of reading the clock
constexpr int kLeastCalls = 2;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Turn timed_turn(const std::function<double()>& work, int calls, int repeats) {
  const Clock::time_point begin = Clock::now();
  do {
    work();
  } while (seconds_since(begin) < kUntimedSeconds);
  Turn turn;
  turn.seconds.reserve(static_cast<std::size_t>(calls));
  for (int call = 0; call < calls; ++call) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < repeats; ++i) turn.value += work();
    turn.seconds.push_back(seconds_since(start) / repeats);
  }
  turn.value /= static_cast<double>(calls) * repeats;
  return turn;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

Contestant local_contestant(std::string name, std::function<double()> work) {
  return {std::move(name),
          [work = std::move(work)](int calls, int repeats) { return timed_turn(work, calls, repeats); }};
}

nlohmann::ordered_json run_contest(const std::vector<Contestant>& contestants, const ContestOptions& options,
                                   runtime::ThreadTeam& team) {
  // Each works once, untimed. The time of the first then determines how much work all of them do.
  for (const Contestant& contestant : contestants) contestant.turn(1, 1);
  const Turn trial = contestants.front().turn(3, 1);
  const double estimate = *std::min_element(trial.seconds.begin(), trial.seconds.end());
  const int repeats = std::max(1, static_cast<int>(kLeastTimedSeconds / estimate));
  const int calls = std::max(kLeastCalls, static_cast<int>(options.turn_seconds / (estimate * repeats)));

  double peak = peak_gflops(team);
  std::vector<Turn> results(contestants.size());
  for (int round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      const Turn turn = contestants[i].turn(calls, repeats);
      results[i].seconds.insert(results[i].seconds.end(), turn.seconds.begin(), turn.seconds.end());
      results[i].value = turn.value;
    }
    peak = std::max(peak, peak_gflops(team));
  }

  nlohmann::ordered_json report = {
      {"rounds", options.rounds}, {"calls", calls * repeats}, {"operations", options.operations}, {"peak", peak}};
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    nlohmann::ordered_json entry = {{"min", *std::min_element(results[i].seconds.begin(), results[i].seconds.end())},
                                    {"median", median(results[i].seconds)}};
    if (results[i].value != 0) entry["loss"] = results[i].value;
    report["contestants"][contestants[i].name] = std::move(entry);
  }
  return report;
}

}  // namespace sluice::bench

#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/callback.h"
#include "sluice/terminal.h"

namespace sluice {

/// A progress bar on stderr for a loop, drawn ten times a second; draws nothing if stderr is not a terminal. Its width
/// is $COLUMNS or else the terminal's, and it has no color if $NO_COLOR is set. It erases itself at the end.
class Progress {
 public:
  enum class Show : std::uint8_t { kOnTerminal, kNever };
  using Fields = std::vector<std::string>;

  /// `total`: the number of steps of the whole loop.
  Progress(std::string label, std::int64_t total, Show show = Show::kOnTerminal);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Reports one more step. Shows the time per step and the remaining time.
  void step();
  /// Reports that `done` steps are complete. Shows the result of `fields`, which is called only when the bar is drawn.
  void reach(std::int64_t done, const std::function<Fields()>& fields);

 private:
  std::string label_;
  std::int64_t total_;
  std::int64_t done_ = 0;
  bool shown_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drawn_at_{};
};

/// Shows a bar for each epoch, with the means of loss and metrics, the remaining time of the whole run, and examples
/// per second.
Callback progress_bar();

namespace detail {

/// Returns one line of less than `width` columns (at least 1): "label [===>   ] done/total  field  field". Omits what
/// does not fit: first most of the bar, then fields from the last, then the bar.
std::string progress_line(std::string_view label, std::int64_t done, std::int64_t total, const Progress::Fields& fields,
                          std::size_t width, TextStyle style);

/// Returns "0:07 left", "1:02:03 left".
std::string time_left(double seconds);

}  // namespace detail

}  // namespace sluice

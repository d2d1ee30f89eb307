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

/// A bar on stderr that shows how far a loop has come, drawn ten times a second; nothing where stderr is no terminal.
/// It is as wide as $COLUMNS says, else the terminal, and without colour where $NO_COLOR is set. It wipes itself out at
/// its end.
class Progress {
 public:
  enum class Show : std::uint8_t { kOnTerminal, kNever };
  using Fields = std::vector<std::string>;

  /// `total`: the steps of the whole loop.
  Progress(std::string label, std::int64_t total, Show show = Show::kOnTerminal);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more step is done. Shows the time of a step and what is left of it all.
  void step();
  /// `done` steps are done. Shows what `fields` gives, which is called only when the bar is drawn.
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

/// A bar for each epoch of a training, with the means of loss and metrics, the time that is left of the whole training,
/// and examples a second.
Callback progress_bar();

namespace detail {

/// One line of less than `width` columns, at least 1: "label [===>   ] done/total  field  field". What does not fit is
/// left out: first most of the bar, then fields from the last, then the bar.
std::string progress_line(std::string_view label, std::int64_t done, std::int64_t total, const Progress::Fields& fields,
                          std::size_t width, TextStyle style);

/// "0:07 left", "1:02:03 left".
std::string time_left(double seconds);

}  // namespace detail

}  // namespace sluice

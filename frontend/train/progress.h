#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice {

/// A bar on stderr that shows how far a loop has come, drawn ten times a second; nothing where stderr is no terminal.
/// It wipes itself out at its end.
class Progress {
 public:
  enum class Show : std::uint8_t { kOnTerminal, kNever };

  Progress(std::string label, std::int64_t total, Show show = Show::kOnTerminal);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// One more step is done.
  void step();

 private:
  void draw();

  std::string label_;
  std::int64_t total_;
  std::int64_t done_ = 0;
  bool shown_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point drawn_{};
};

}  // namespace sluice

#include "frontend/train/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace sluice {

namespace {
constexpr std::int64_t kWidth = 30;
constexpr std::chrono::milliseconds kInterval(100);
}  // namespace

Progress::Progress(std::string label, std::int64_t total, Show show)
    : label_(std::move(label)),
      total_(std::max<std::int64_t>(total, 1)),
      shown_(show == Show::kOnTerminal && isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (shown_ && done_ > 0) fmt::print(stderr, "\r\033[K");
}

void Progress::step() {
  ++done_;
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_ < kInterval) return;
  drawn_ = now;
  draw();
}

void Progress::draw() {
  const auto filled = static_cast<std::size_t>(std::min(kWidth, kWidth * done_ / total_));
  const std::string bar = std::string(filled, '=') + std::string(static_cast<std::size_t>(kWidth) - filled, ' ');
  const std::chrono::duration<double> elapsed = drawn_ - start_;
  const double per_step = 1000 * elapsed.count() / static_cast<double>(done_);
  fmt::print(stderr, "\r{} [{}] {}/{}  {:.2f} ms a step\033[K", label_, bar, done_, total_, per_step);
}

}  // namespace sluice

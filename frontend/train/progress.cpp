#include "sluice/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "sluice/error.h"

namespace sluice {

namespace {

constexpr std::chrono::milliseconds kInterval(100);

}  // namespace

std::string detail::time_left(double seconds) {
  const auto total = static_cast<std::int64_t>(std::ceil(std::clamp(seconds, 0.0, 1e9)));
  const std::int64_t hours = total / 3600;
  const std::int64_t minutes = total / 60 % 60;
  if (hours > 0) return fmt::format("{}:{:02}:{:02} left", hours, minutes, total % 60);
  return fmt::format("{}:{:02} left", minutes, total % 60);
}

std::string detail::progress_line(std::string_view label, std::int64_t done, std::int64_t total,
                                  const Progress::Fields& fields, std::size_t width, TextStyle style) {
  constexpr std::size_t kMostBar = 30;
  constexpr std::size_t kLeastBar = 5;
  // Constant width from the first step to the last, so that nothing jumps.
  const std::string all = fmt::format("{}", total);
  const std::string count = fmt::format("{:>{}}/{}", done, all.size(), all);
  std::size_t used = label.size() + count.size() + 5;  // with the brackets and spaces, minus the last column
  if (used + kLeastBar > width) return fmt::format("{} {}", label, count).substr(0, width - 1);
  std::string rest;
  for (const std::string& field : fields) {
    if (used + kLeastBar + rest.size() + field.size() + 2 > width) break;
    rest += "  " + field;
  }
  used += rest.size();
  const std::size_t bar = std::min(width - used, kMostBar);
  const auto part = static_cast<double>(std::min(done, total)) / static_cast<double>(total);
  const auto filled = static_cast<std::size_t>(part * static_cast<double>(bar));
  std::string full(filled, '=');
  if (filled < bar && filled > 0) full.back() = '>';
  const std::string_view green = style == TextStyle::kColor ? "\033[32m" : "";
  const std::string_view plain = style == TextStyle::kColor ? "\033[0m" : "";
  return fmt::format("{} [{}{}{}{}] {}{}", label, green, full, plain, std::string(bar - filled, ' '), count, rest);
}

Progress::Progress(std::string label, std::int64_t total, Show show)
    : label_(std::move(label)),
      total_(std::max<std::int64_t>(total, 1)),
      shown_(show == Show::kOnTerminal && is_terminal(STDERR_FILENO)) {}

Progress::~Progress() {
  if (drawn_) write_to_stderr("\r\033[K");
}

void Progress::step() {
  reach(done_ + 1, [this] {
    const std::chrono::duration<double> elapsed = drawn_at_ - start_;
    const double seconds = elapsed.count() / static_cast<double>(done_);
    return Fields{fmt::format("{:.2f} ms a step", 1000 * seconds),
                  detail::time_left(seconds * static_cast<double>(total_ - done_))};
  });
}

void Progress::reach(std::int64_t done, const std::function<Fields()>& fields) {
  done_ = done;
  if (!shown_) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - drawn_at_ < kInterval) return;
  drawn_at_ = now;
  drawn_ = true;
  const auto width = static_cast<std::size_t>(columns_of_terminal(STDERR_FILENO));
  const std::string line =
      detail::progress_line(label_, done_, total_, fields(), width, style_of_terminal(STDERR_FILENO));
  write_to_stderr(fmt::format("\r{}\033[K", line));
}

Callback progress_bar() {
  const auto bar = std::make_shared<std::optional<Progress>>();
  const auto show = [bar](const StepReport& report) {
    if (!*bar) bar->emplace(fmt::format("Epoch {}", report.epoch), report.steps);
    (*bar)->reach(report.step, [&] {
      Progress::Fields fields;
      for (std::size_t i = 0; i < report.names.size(); ++i) {
        fields.push_back(fmt::format("{} {:.3f}", report.names[i], report.means[i]));
      }
      const auto left = static_cast<double>(report.epochs * report.steps - report.total_steps());
      fields.push_back(detail::time_left(left * report.seconds / static_cast<double>(report.step)));
      fields.push_back(fmt::format("{:.0f} examples/s", report.examples_per_second));
      return fields;
    });
  };
  const auto hide = [bar](const History&) { bar->reset(); };
  return {.on_step = show, .on_epoch = hide, .on_end = hide};
}

}  // namespace sluice

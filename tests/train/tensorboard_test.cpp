// Event files, read by a parser that shares no line with the writer.
#include "sluice/tensorboard.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <vector>

#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/support/run_program.h"
#include "tests/train/toy.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// CRC-32C by its definition, bit by bit.
std::uint32_t slow_crc32c(std::string_view bytes) {
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
  }
  return ~crc;
}

std::uint32_t masked(std::string_view bytes) {
  const std::uint32_t crc = slow_crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

/// Reads from the front of some bytes.
struct Cursor {
  std::string_view rest;

  std::string_view take(std::size_t count) {
    REQUIRE(count <= rest.size());
    const std::string_view taken = rest.substr(0, count);
    rest.remove_prefix(count);
    return taken;
  }
  template <typename T>
  T number() {
    static_assert(std::endian::native == std::endian::little);
    T value{};
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = number<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) return value;
    }
  }
  std::string_view bytes() { return take(varint()); }
};

struct Event {
  double time = 0;
  std::uint64_t step = 0;
  std::string version;
  bool start = false;
  std::map<std::string, float> values;
};

std::pair<std::string, float> parse_value(std::string_view text) {
  Cursor in{text};
  std::pair<std::string, float> value;
  CHECK(in.varint() == 0x0a);  // 1: tag
  value.first = in.bytes();
  CHECK(in.varint() == 0x15);  // 2: simple_value
  value.second = in.number<float>();
  CHECK(in.rest.empty());
  return value;
}

Event parse_event(std::string_view text) {
  Cursor in{text};
  Event event;
  while (!in.rest.empty()) {
    switch (const std::uint64_t key = in.varint()) {
      case 0x09:
        event.time = in.number<double>();
        break;
      case 0x10:
        event.step = in.varint();
        break;
      case 0x1a:
        event.version = in.bytes();
        break;
      case 0x3a:  // 7: session_log, whose field 1 says START
        CHECK(in.bytes() == std::string_view("\x08\x01"));
        event.start = true;
        break;
      case 0x2a: {
        Cursor summary{in.bytes()};
        while (!summary.rest.empty()) {
          CHECK(summary.varint() == 0x0a);
          event.values.insert(parse_value(summary.bytes()));
        }
        break;
      }
      default:
        FAIL("field " << key);
    }
  }
  return event;
}

std::vector<Event> events_of(const std::filesystem::path& path) {
  CHECK(path.filename().string().starts_with("events.out.tfevents."));
  const std::string text = text_of(path);
  Cursor in{text};
  std::vector<Event> events;
  while (!in.rest.empty()) {
    const std::string_view length = in.rest.substr(0, 8);
    const auto size = in.number<std::uint64_t>();
    CHECK(in.number<std::uint32_t>() == masked(length));
    const std::string_view payload = in.take(size);
    CHECK(in.number<std::uint32_t>() == masked(payload));
    events.push_back(parse_event(payload));
  }
  return events;
}

/// Returns the events of the only file in a folder.
std::vector<Event> events_in(const std::filesystem::path& folder) {
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  return events_of(std::filesystem::directory_iterator(folder)->path());
}

/// Returns the steps that TensorBoard shows for a folder: it reads the files in the order of their names, and a START
/// drops what came before from its step on.
std::vector<std::uint64_t> steps_shown(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::ranges::sort(files);
  std::vector<std::uint64_t> steps;
  for (const auto& file : files) {
    for (const Event& event : events_of(file)) {
      if (event.start) std::erase_if(steps, [&](std::uint64_t step) { return step >= event.step; });
      if (!event.values.empty()) steps.push_back(event.step);
    }
  }
  return steps;
}

}  // namespace

TEST_CASE("the checksum is CRC-32C") {
  CHECK(detail::crc32c("123456789") == 0xe3069283);
  CHECK(detail::crc32c("") == 0);
  CHECK(detail::crc32c(std::string(32, '\0')) == 0x8a9136aa);  // RFC 3720, B.4
  CHECK(detail::crc32c(std::string(32, '\xff')) == 0x62a8ab43);
}

TEST_CASE("event files contain the curves of a training run") {
  const TemporaryFolder folder;
  ToyModel toy;
  std::vector<double> losses;
  const Callback noting{.on_step = [&](const StepReport& report) { losses.push_back(report.values[0]); }};
  const History history =
      toy.trainer.fit(toy_examples(20), {.epochs = 2,
                                         .batch = 8,
                                         .validation = toy_examples(10, 2),
                                         .callbacks = {tensorboard(folder.path() / "new" / "runs"), noting}});
  const std::vector<Event> training = events_in(folder.path() / "new" / "runs" / "train");
  const std::vector<Event> steps = events_in(folder.path() / "new" / "runs" / "steps");
  REQUIRE(steps.size() == 2 + 6);
  CHECK(steps[0].version == "brain.Event:2");
  CHECK(steps[1].start);
  CHECK(steps[1].step == 1);
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  for (const Event& event : steps) CHECK(std::abs(event.time - now.count()) < 3600);
  for (std::size_t i = 0; i < 6; ++i) {
    const Event& event = steps[2 + i];
    CHECK(event.step == i + 1);
    CHECK(event.values.at("batch_loss") == static_cast<float>(losses[i]));
    CHECK(event.values.contains("batch_accuracy"));
    CHECK(event.values.at("batch_learning_rate") == 1e-2F);
  }
  const std::vector<Event> validation = events_in(folder.path() / "new" / "runs" / "validation");
  REQUIRE(training.size() == 2 + 2);
  REQUIRE(validation.size() == 2 + 2);
  CHECK(validation[1].start);
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    const EpochRecord& record = history.epochs[epoch];
    const Event& trained = training[2 + epoch];
    CHECK(trained.step == epoch);
    CHECK(trained.values.at("epoch_loss") == static_cast<float>(record.training[0]));
    CHECK(trained.values.at("epoch_accuracy") == static_cast<float>(record.training[1]));
    CHECK(trained.values.at("epoch_examples_per_second") == static_cast<float>(record.examples_per_second));
    const Event& validated = validation[2 + epoch];
    CHECK(validated.step == epoch);
    CHECK(validated.values.size() == 2);
    CHECK(validated.values.at("epoch_loss") == static_cast<float>(record.validation[0]));
  }
}

TEST_CASE("a run resumed from a checkpoint supersedes what was written after it") {
  const TemporaryFolder folder;
  const auto runs = folder.path() / "runs";
  const Dataset examples = toy_examples(20);
  const auto fit = [&](std::int64_t epochs, Callback more) {
    ToyModel toy;
    toy.trainer.fit(examples,
                    {.epochs = epochs,
                     .batch = 8,
                     .validation = toy_examples(10, 2),
                     .callbacks = {tensorboard(runs), std::move(more)},
                     .checkpoint = {.folder = folder.path() / "training", .every_epochs = 100, .resume = true}});
  };
  fit(1, {});  // ends with a checkpoint
  // Two more steps, which no checkpoint records.
  CHECK_THROWS(fit(3, {.on_step = [](const StepReport& report) {
                     if (report.step == 2) throw std::runtime_error("as if killed");
                   }}));
  fit(3, {});
  CHECK((steps_shown(runs / "steps") == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  CHECK((steps_shown(runs / "train") == std::vector<std::uint64_t>{0, 1, 2}));
  CHECK((steps_shown(runs / "validation") == std::vector<std::uint64_t>{0, 1, 2}));
}

TEST_CASE("large steps, long names and non-finite values") {
  const TemporaryFolder folder;
  const std::string name(1000, 'n');
  {
    detail::EventFile file(folder.path());
    file.write(std::int64_t{1} << 40, std::vector<std::pair<std::string, double>>{{name, NAN}, {"", INFINITY}});
    file.write(0, {});
  }
  const std::vector<Event> events = events_in(folder.path());
  REQUIRE(events.size() == 3);
  CHECK(events[1].step == std::uint64_t{1} << 40);
  CHECK(std::isnan(events[1].values.at(name)));
  CHECK(std::isinf(events[1].values.at("")));
  CHECK(events[2].values.empty());
}

TEST_CASE("each run writes its own files, and reports if it cannot") {
  const TemporaryFolder folder;
  tensorboard(folder.path());
  tensorboard(folder.path());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path() / "train"), {}) == 2);
  CHECK(thrown([] { tensorboard("/dev/null/runs"); }).starts_with("/dev/null/runs/steps: cannot create the folder: "));
}

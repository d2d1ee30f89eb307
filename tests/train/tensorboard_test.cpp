// Event files, read back by a parser that shares no line with the writer.
#include "frontend/train/tensorboard.h"

#include <doctest/doctest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <vector>

#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/support/run_program.h"
#include "tests/train/toy.h"

using namespace sluice;
using namespace sluice::test;

namespace {

const bool kEngine = use_test_engine();

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

/// The events of the only file in a folder.
std::vector<Event> events_in(const std::filesystem::path& folder) {
  REQUIRE(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  const std::filesystem::path path = std::filesystem::directory_iterator(folder)->path();
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

}  // namespace

TEST_CASE("the checksum is CRC-32C") {
  CHECK(detail::crc32c("123456789") == 0xe3069283);
  CHECK(detail::crc32c("") == 0);
  CHECK(detail::crc32c(std::string(32, '\0')) == 0x8a9136aa);  // RFC 3720, B.4
  CHECK(detail::crc32c(std::string(32, '\xff')) == 0x62a8ab43);
}

TEST_CASE("a training's curves stand in its event files") {
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
  REQUIRE(training.size() == 1 + 6 + 2);
  CHECK(training[0].version == "brain.Event:2");
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  for (const Event& event : training) CHECK(std::abs(event.time - now.count()) < 3600);
  const std::size_t order[] = {1, 2, 3, 5, 6, 7};  // of the steps, with an epoch's end after three
  for (std::size_t i = 0; i < 6; ++i) {
    const Event& event = training[order[i]];
    CHECK(event.step == i + 1);
    CHECK(event.values.at("batch_loss") == static_cast<float>(losses[i]));
    CHECK(event.values.contains("batch_accuracy"));
    CHECK(event.values.at("batch_learning_rate") == 1e-2F);
  }
  const std::vector<Event> validation = events_in(folder.path() / "new" / "runs" / "validation");
  REQUIRE(validation.size() == 1 + 2);
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    const EpochRecord& record = history.epochs[epoch];
    const Event& trained = training[4 * (epoch + 1)];
    CHECK(trained.step == epoch);
    CHECK(trained.values.at("epoch_loss") == static_cast<float>(record.training[0]));
    CHECK(trained.values.at("epoch_accuracy") == static_cast<float>(record.training[1]));
    CHECK(trained.values.at("epoch_images_per_second") == static_cast<float>(record.images_per_second));
    const Event& validated = validation[epoch + 1];
    CHECK(validated.step == epoch);
    CHECK(validated.values.size() == 2);
    CHECK(validated.values.at("epoch_loss") == static_cast<float>(record.validation[0]));
  }
}

TEST_CASE("large steps, long names and no numbers") {
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

TEST_CASE("each training writes files of its own, and where it cannot, it says so") {
  const TemporaryFolder folder;
  tensorboard(folder.path());
  tensorboard(folder.path());
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path() / "train"), {}) == 2);
  CHECK(thrown([] { tensorboard("/dev/null/runs"); }).starts_with("/dev/null/runs/train: cannot make the folder: "));
}

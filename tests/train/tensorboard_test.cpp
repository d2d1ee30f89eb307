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

/// A HistogramProto.
struct ReadHistogram {
  double min = 0, max = 0, count = 0, sum = 0, sum_of_squares = 0;
  std::vector<double> limits, counts;
};

struct Event {
  double time = 0;
  std::uint64_t step = 0;
  std::string version;
  bool start = false;
  std::map<std::string, float> values;
  std::map<std::string, ReadHistogram> histograms;
  std::string graph;
};

ReadHistogram parse_histogram(std::string_view text) {
  Cursor in{text};
  ReadHistogram histogram;
  const auto number = [&](std::uint64_t key) {
    CHECK(in.varint() == key);
    return in.number<double>();
  };
  const auto numbers = [&](std::uint64_t key) {
    CHECK(in.varint() == key);
    std::vector<double> values;
    Cursor packed{in.bytes()};
    while (!packed.rest.empty()) values.push_back(packed.number<double>());
    return values;
  };
  histogram.min = number(0x09);
  histogram.max = number(0x11);
  histogram.count = number(0x19);
  histogram.sum = number(0x21);
  histogram.sum_of_squares = number(0x29);
  histogram.limits = numbers(0x32);
  histogram.counts = numbers(0x3a);
  CHECK(in.rest.empty());
  return histogram;
}

void parse_value(std::string_view text, Event& event) {
  Cursor in{text};
  CHECK(in.varint() == 0x0a);  // 1: tag
  const std::string tag(in.bytes());
  if (const std::uint64_t key = in.varint(); key == 0x2a) {  // 5: histo
    event.histograms[tag] = parse_histogram(in.bytes());
  } else {
    CHECK(key == 0x15);  // 2: simple_value
    event.values[tag] = in.number<float>();
  }
  CHECK(in.rest.empty());
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
      case 0x22:
        event.graph = in.bytes();
        break;
      case 0x3a:  // 7: session_log, whose field 1 says START
        CHECK(in.bytes() == std::string_view("\x08\x01"));
        event.start = true;
        break;
      case 0x2a: {
        Cursor summary{in.bytes()};
        while (!summary.rest.empty()) {
          CHECK(summary.varint() == 0x0a);
          parse_value(summary.bytes(), event);
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

TEST_CASE("event files contain the graph, and histograms of the weights") {
  const TemporaryFolder folder;
  ToyModel toy;
  std::vector<Array> weights;
  const Callback noting{.on_epoch = [&](const History&) { weights.push_back(toy.model.variables()[0].value()); }};
  toy.trainer.fit(toy_examples(20),
                  {.epochs = 2, .batch = 8, .callbacks = {tensorboard(folder.path(), toy.trainer), noting}});
  CHECK(events_in(folder.path() / "steps").size() == 2 + 6);
  const std::vector<Event> events = events_in(folder.path() / "train");
  REQUIRE(events.size() == 3 + 2 * 2);
  CHECK(events[2].graph.find("dense_0/w/assign") != std::string::npos);
  CHECK(events[2].graph.find("tensorboard_test.cpp") == std::string::npos);  // the model's lines are in toy.h
  CHECK(events[2].graph.find("toy.h_") != std::string::npos);
  for (std::size_t epoch = 0; epoch < 2; ++epoch) {
    const Event& event = events[4 + 2 * epoch];
    CHECK(event.step == epoch);
    CHECK(event.values.empty());
    REQUIRE(event.histograms.size() == 4);
    const ReadHistogram& histogram = event.histograms.at("dense_0/w");
    const auto elements = weights[epoch].data<float>();
    CHECK(histogram.min == std::ranges::min(elements));
    CHECK(histogram.max == std::ranges::max(elements));
    CHECK(histogram.count == 128);
    double sum = 0;
    double squares = 0;
    for (const double x : elements) {
      sum += x;
      squares += x * x;
    }
    CHECK(histogram.sum == doctest::Approx(sum));
    CHECK(histogram.sum_of_squares == doctest::Approx(squares));
    REQUIRE(histogram.limits.size() == 30);
    REQUIRE(histogram.counts.size() == 30);
    CHECK(histogram.limits[29] == histogram.max);
    for (std::size_t i = 0; i < 30; ++i) {
      const double begin = i == 0 ? -INFINITY : histogram.limits[i - 1];
      const double end = i == 29 ? INFINITY : histogram.limits[i];
      CHECK(histogram.counts[i] == std::ranges::count_if(elements, [&](float x) { return x >= begin && x < end; }));
      CHECK(histogram.limits[i] ==
            doctest::Approx(histogram.min + (histogram.max - histogram.min) * static_cast<double>(i + 1) / 30));
    }
  }
}

TEST_CASE("histograms of few, equal and extreme elements") {
  const TemporaryFolder folder;
  using Arrays = std::vector<std::pair<std::string, Array>>;
  {
    detail::EventFile file(folder.path());
    file.write_histograms(7, Arrays{{"two", Array({1.F, 4.F, 4.F})},
                                    {"middle", Array({0.F, 15.F, 30.F})},
                                    {"same", Array({2.5, 2.5}, {1, 2})},
                                    {"integers", Array({std::int64_t{-1}, std::int64_t{2}})},
                                    {"some", Array({std::nanf(""), 3.F, INFINITY})},
                                    {"none", Array({std::nanf(""), -INFINITY})},
                                    {"empty", Array(DType::kF32, {0, 3})},
                                    {"wide", Array({-1.7e308, 0., 1.7e308})}});
  }
  const std::map<std::string, ReadHistogram> read = events_in(folder.path()).at(1).histograms;
  CHECK(read.size() == 6);  // not "none" and "empty"
  CHECK(read.at("two").counts.front() == 1);
  CHECK(read.at("two").counts.back() == 2);
  CHECK(read.at("two").limits.front() == doctest::Approx(1.1));
  CHECK(read.at("two").sum == 9);
  CHECK(read.at("two").sum_of_squares == 33);
  CHECK(read.at("middle").limits[14] == 15);
  CHECK(read.at("middle").counts[14] == 0);
  CHECK(read.at("middle").counts[15] == 1);
  CHECK(read.at("same").limits == std::vector{2.5});
  CHECK(read.at("same").counts == std::vector{2.});
  CHECK(read.at("integers").min == -1);
  CHECK(read.at("some").count == 1);
  CHECK(read.at("some").max == 3);
  CHECK(read.at("wide").counts.front() == 1);
  CHECK(read.at("wide").counts.back() == 1);
  CHECK(std::ranges::is_sorted(read.at("wide").limits));
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

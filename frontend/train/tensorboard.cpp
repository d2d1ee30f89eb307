#include "sluice/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <system_error>
#include <vector>

#include "frontend/train/event_graph.h"
#include "frontend/train/histogram.h"
#include "frontend/train/protobuf.h"
#include "sluice/error.h"
#include "sluice/trainer.h"

namespace sluice {

namespace {

using detail::append_bytes;
using detail::append_double;
using detail::append_float;
using detail::append_integer;
using detail::append_little_endian;

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  constexpr std::uint32_t kReversedPolynomial = 0x82F63B78;
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kReversedPolynomial : 0);
    table[byte] = crc;
  }
  return table;
}

/// The masking of TFRecord files: a CRC of data that contains CRCs itself would be weak.
std::uint32_t masked_crc(std::string_view bytes) { return std::rotr(detail::crc32c(bytes), 15) + 0xa282ead8; }

/// Returns an Event with the current time and a step.
std::string event(std::int64_t step) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  std::string out;
  append_double(out, 1, now.count());
  append_integer(out, 2, step);
  return out;
}

/// Returns a Summary.Value with a tag and a simple_value.
std::string summary_value(std::string_view tag, double value) {
  std::string out;
  append_bytes(out, 1, tag);
  append_float(out, 2, static_cast<float>(value));
  return out;
}

std::string host_name() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data() : "localhost";
}

using Values = std::vector<std::pair<std::string, double>>;

Values tagged(std::string_view prefix, std::span<const std::string> names, std::span<const double> values) {
  Values result;
  for (std::size_t i = 0; i < values.size(); ++i)
    result.emplace_back(fmt::format("{}_{}", prefix, names[i]), values[i]);
  return result;
}

}  // namespace

std::uint32_t detail::crc32c(std::string_view bytes) {
  static constexpr std::array kTable = make_crc_table();
  std::uint32_t crc = 0xffffffff;
  for (const char byte : bytes) crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(byte)) & 0xff];
  return ~crc;
}

detail::EventFile::EventFile(const std::filesystem::path& folder) {
  static std::atomic<int> count = 0;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot create the folder: {}", folder.string(), error.message());
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  // TensorBoard recognizes files by this part of their names, and reads them in the order of their names.
  path_ = folder / fmt::format("events.out.tfevents.{:010}.{}.{}.{:04}", seconds, host_name(), getpid(), count++);
  file_.reset(std::fopen(path_.c_str(), "wbxe"));
  if (file_ == nullptr) fail("{}: cannot be created: {}", path_, std::generic_category().message(errno));
  std::string first = event(0);
  append_bytes(first, 3, "brain.Event:2");
  write_record(first);
  flush();
}

void detail::EventFile::write(std::int64_t step, std::span<const std::pair<std::string, double>> values) {
  std::string summary;
  for (const auto& [tag, value] : values) append_bytes(summary, 1, summary_value(tag, value));
  std::string whole = event(step);
  append_bytes(whole, 5, summary);
  write_record(whole);
}

void detail::EventFile::write_start(std::int64_t step) {
  std::string status;  // SessionLog.status: START
  append_integer(status, 1, 1);
  std::string whole = event(step);
  append_bytes(whole, 7, status);
  write_record(whole);
}

void detail::EventFile::write_histograms(std::int64_t step, std::span<const std::pair<std::string, Array>> arrays) {
  std::string summary;
  for (const auto& [tag, array] : arrays) {
    const Histogram histogram = histogram_of(array);
    if (histogram.count == 0) continue;
    std::string value;
    append_bytes(value, 1, tag);
    append_bytes(value, 5, histogram.message());
    append_bytes(summary, 1, value);
  }
  std::string whole = event(step);
  append_bytes(whole, 5, summary);
  write_record(whole);
}

void detail::EventFile::write_graph(const ir::Graph& graph) {
  std::string whole = event(0);
  append_bytes(whole, 4, graph_def_of(graph));
  write_record(whole);
}

void detail::EventFile::write_record(std::string_view payload) {
  std::string record;
  append_little_endian(record, std::uint64_t{payload.size()});
  append_little_endian(record, masked_crc(record));
  record += payload;
  append_little_endian(record, masked_crc(payload));
  if (std::fwrite(record.data(), 1, record.size(), file_.get()) == record.size()) return;
  fail("{}: cannot be written: {}", path_, std::generic_category().message(errno));
}

void detail::EventFile::flush() {
  if (std::fflush(file_.get()) != 0) fail("{}: cannot be written: {}", path_, std::generic_category().message(errno));
}

namespace {

std::vector<std::pair<std::string, Array>> float_variables(const VariableList& model) {
  std::vector<std::pair<std::string, Array>> arrays;
  for (const auto& [name, variable] : model.named()) {
    if (is_float(variable.type().dtype)) arrays.emplace_back(name, variable.value());
  }
  return arrays;
}

/// `trainer` may be null: only curves.
Callback writer(const std::filesystem::path& folder, const Trainer* trainer) {
  struct Files {
    detail::EventFile steps;
    detail::EventFile training;
    detail::EventFile validation;
    bool started = false;
  };
  const auto files =
      std::make_shared<Files>(Files{detail::EventFile(folder / "steps"), detail::EventFile(folder / "train"),
                                    detail::EventFile(folder / "validation")});
  const auto on_step = [files, trainer](const StepReport& report) {
    if (!files->started) {
      files->steps.write_start(report.total_steps());
      files->training.write_start(report.epoch);
      files->validation.write_start(report.epoch);
      if (trainer != nullptr) files->training.write_graph(trainer->step_graph());
      files->started = true;
    }
    Values values = tagged("batch", report.names, report.values);
    values.emplace_back("batch_learning_rate", report.learning_rate);
    files->steps.write(report.total_steps(), values);
  };
  const auto on_epoch = [files, trainer](const History& history) {
    const EpochRecord& record = history.epochs.back();
    Values values = tagged("epoch", history.names, record.training);
    values.emplace_back("epoch_learning_rate", record.learning_rate);
    values.emplace_back("epoch_examples_per_second", record.examples_per_second);
    files->training.write(record.epoch, values);
    if (trainer != nullptr) files->training.write_histograms(record.epoch, float_variables(trainer->model()));
    if (!record.validation.empty()) {
      files->validation.write(record.epoch, tagged("epoch", history.names, record.validation));
    }
    files->steps.flush();
    files->training.flush();
    files->validation.flush();
  };
  const auto on_end = [files](const History&) { files->steps.flush(); };
  return {.on_step = on_step, .on_epoch = on_epoch, .on_end = on_end};
}

}  // namespace

Callback tensorboard(const std::filesystem::path& folder) { return writer(folder, nullptr); }

Callback tensorboard(const std::filesystem::path& folder, const Trainer& trainer) { return writer(folder, &trainer); }

}  // namespace sluice

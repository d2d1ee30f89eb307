#include "frontend/train/history_json.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <vector>

#include "sluice/error.h"
#include "sluice/json_lines.h"

namespace sluice {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json by_name(std::span<const double> values, std::span<const std::string> names) {
  ordered_json object = ordered_json::object();
  for (std::size_t i = 0; i < values.size(); ++i) object[names[i]] = detail::to_json(values[i]);
  return object;
}

std::vector<double> from_names(const json& object, std::span<const std::string> names) {
  std::vector<double> values;
  for (const std::string& name : names) values.push_back(detail::number_from_json(object.at(name)));
  return values;
}

}  // namespace

ordered_json detail::to_json(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

double detail::number_from_json(const json& value) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (value == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (value == "inf") return kInfinity;
  if (value == "-inf") return -kInfinity;
  return value.get<double>();
}

ordered_json detail::to_json(const EpochRecord& record, std::span<const std::string> names) {
  ordered_json line;
  line["epoch"] = record.epoch;
  line["training"] = by_name(record.training, names);
  if (!record.validation.empty()) line["validation"] = by_name(record.validation, names);
  line["learning_rate"] = to_json(record.learning_rate);
  line["seconds"] = to_json(record.seconds);
  line["examples_per_second"] = to_json(record.examples_per_second);
  return line;
}

EpochRecord detail::record_from_json(const json& value, std::span<const std::string> names) {
  EpochRecord record;
  record.epoch = value.at("epoch").get<std::int64_t>();
  record.training = from_names(value.at("training"), names);
  if (value.contains("validation")) record.validation = from_names(value.at("validation"), names);
  record.learning_rate = number_from_json(value.at("learning_rate"));
  record.seconds = number_from_json(value.at("seconds"));
  record.examples_per_second = number_from_json(value.at("examples_per_second"));
  return record;
}

Callback json_lines() {
  return {.on_epoch = [](const History& history) {
    fmt::print("{}\n", detail::to_json(history.epochs.back(), history.names).dump());
    if (std::fflush(stdout) != 0) fail("stdout: cannot write");
  }};
}

std::string to_json(const std::map<std::string, double>& values) {
  ordered_json object = ordered_json::object();
  for (const auto& [name, value] : values) object[name] = detail::to_json(value);
  return object.dump();
}

}  // namespace sluice

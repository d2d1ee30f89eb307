#include "tests/oracles/oracle.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "sluice/safetensors.h"

namespace sluice::oracles {

const nlohmann::json* Attributes::find(std::string_view key) const {
  const auto found = object_.find(key);
  if (found == object_.end()) return nullptr;
  read_.emplace(key);
  return &*found;
}

std::string Attributes::text(std::string_view key, std::string_view otherwise) const {
  const nlohmann::json* value = find(key);
  return value == nullptr ? std::string(otherwise) : value->get<std::string>();
}

double Attributes::number(std::string_view key, double otherwise) const {
  const nlohmann::json* value = find(key);
  return value == nullptr || value->is_null() ? otherwise : value->get<double>();
}

bool Attributes::flag(std::string_view key, bool otherwise) const {
  const nlohmann::json* value = find(key);
  return value == nullptr || value->is_null() ? otherwise : value->get<bool>();
}

std::vector<std::int64_t> Attributes::integers(std::string_view key, std::vector<std::int64_t> otherwise) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr || value->is_null()) return otherwise;
  if (value->is_number()) return {value->get<std::int64_t>()};
  return value->get<std::vector<std::int64_t>>();
}

std::vector<std::pair<std::int64_t, std::int64_t>> Attributes::pairs(std::string_view key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr || !value->is_array()) return {};
  return value->get<std::vector<std::pair<std::int64_t, std::int64_t>>>();
}

Attributes Attributes::object(std::string_view key) const {
  const nlohmann::json* value = find(key);
  return Attributes(value == nullptr ? nlohmann::json::object() : *value);
}

void Attributes::check_all_read() const {
  for (const auto& [key, value] : object_.items()) {
    if (read_.contains(key) || key == "note" || value.is_null() || value == false) continue;
    throw CannotSay(fmt::format("attribute {} = {}", key, value.dump()));
  }
}

const Array& Oracle::at(std::string_view array) const {
  const auto found = arrays.find(array);
  if (found == arrays.end()) throw CannotSay(fmt::format("there is no array {}", array));
  return found->second;
}

Arrays Oracle::with_prefix(std::string_view prefix) const {
  Arrays found;
  for (const auto& [key, array] : arrays) {
    if (key.starts_with(prefix)) found.emplace(key.substr(prefix.size()), array);
  }
  return found;
}

void expect_words(const Oracle& oracle, std::string_view key, std::string_view known) {
  const std::string words = oracle.attributes.text(key);
  if (words != known) throw CannotSay(fmt::format("{}: {}", key, words));
}

Oracle read_oracle(const std::filesystem::path& file) {
  SafeTensors tensors = read_safetensors(file);
  Oracle oracle;
  oracle.name = file.filename().string();
  oracle.op = tensors.metadata["op"];
  oracle.by = tensors.metadata["by"];
  oracle.attributes = Attributes(nlohmann::json::parse(tensors.metadata["attributes"]));
  for (const auto& [key, array] : tensors.arrays) oracle.arrays.emplace(key, array);
  return oracle;
}

Arrays expected_of(const Oracle& oracle) {
  Arrays expected;
  for (const auto& [name, array] : oracle.arrays) {
    if (name.starts_with("out.") || name.starts_with("grad.")) expected.emplace(name, array);
  }
  return expected;
}

namespace {

std::vector<double> doubles(const Array& array) {
  return visit_dtype(array.dtype(), [&]<typename T>(T) {
    std::vector<double> values;
    for (const T element : array.data<T>()) values.push_back(static_cast<double>(element));
    return values;
  });
}

}  // namespace

double distance(const Array& got, const Array& expected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (got.element_count() != expected.element_count()) return kInfinity;
  const std::vector<double> a = doubles(got);
  const std::vector<double> b = doubles(expected);
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) {
      if (std::isfinite(b[i])) norm += b[i] * b[i];
      continue;
    }
    if (!std::isfinite(a[i]) || !std::isfinite(b[i]) || !is_float(expected.dtype())) return kInfinity;
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  if (difference == 0) return 0;
  return norm == 0 ? kInfinity : std::sqrt(difference / norm);
}

double tolerance(const Oracle& oracle, std::string_view name) {
  // If a gradient is 0 up to rounding, Adam and the like turn the rounding into a whole step.
  const bool weights = name.starts_with("out.w") || oracle.op == "optimizer";
  const std::string words = oracle.attributes.text("optimizer") + oracle.attributes.text("optimizers") +
                            (oracle.op == "optimizer" ? oracle.attributes.text("name") : "");
  const bool plain = words.starts_with("SGD") || words == "Momentum" || words == "Nesterov";
  return weights && !words.empty() && !plain ? 1e-4 : 1e-5;
}

}  // namespace sluice::oracles

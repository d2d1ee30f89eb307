// Weights read by Python alone, without Sluice, NumPy or the safetensors package.
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "tests/export/digits_model.h"
#include "tests/support/run_program.h"

using namespace sluice;
using namespace sluice::test;
using nlohmann::json;

namespace {

json read_by_python(const std::filesystem::path& file) {
  const Outcome outcome = run_program(SLUICE_PYTHON, fmt::format("'{}' '{}'", READ_SAFETENSORS, file.string()));
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  return json::parse(outcome.out);
}

/// Returns what Python must print for an array.
json expected(const Array& array) {
  static const std::map<DType, const char*> kNames{{DType::kF32, "F32"}, {DType::kF64, "F64"}, {DType::kI32, "I32"},
                                                   {DType::kI64, "I64"}, {DType::kU8, "U8"},   {DType::kBool, "BOOL"}};
  json values = json::array();
  visit_dtype(array.dtype(), [&]<typename T>(T) {
    for (const T value : array.data<T>()) {
      const auto number = static_cast<double>(value);
      if (std::isfinite(number)) {
        values.push_back(value);
      } else {
        values.push_back(std::isnan(number) ? "nan" : number > 0 ? "inf" : "-inf");
      }
    }
  });
  return {{"dtype", kNames.at(array.dtype())}, {"shape", array.sizes()}, {"values", values}};
}

}  // namespace

TEST_CASE("Python reads the exact weights of a saved model") {
  const TemporaryFolder folder;
  const DigitsModel digits(8, {16, 12, 4});
  save(digits.module, folder.path() / "model");
  const json read = read_by_python(folder.path() / "model" / "weights.safetensors");
  const std::vector<Variable> variables = digits.mlp.variables();
  CHECK(read.size() == 6);
  REQUIRE(variables.size() == 6);
  for (const Variable& variable : variables) {
    INFO(variable.name());
    CHECK((read.at(variable.name()) == expected(variable.value())));
  }
}

TEST_CASE("Python reads arrays of every type") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::map<std::string, Array, std::less<>> arrays{
      {"f32", Array({1.5F, -0.1F, 1e-45F, std::nanf(""), kInfinity, -kInfinity}, {2, 3})},
      {"f64 \"\n\xc3\xa9", Array({1e300, 0.1}, {2})},
      {"i32", Array({-7, 8}, {1, 2})},
      {"i64", Array::scalar((std::int64_t{1} << 53) + 1)},
      {"u8", Array({std::uint8_t{255}, std::uint8_t{0}}, {2})},
      {"bool", Array({true, false}, {2})},
      {"empty", Array(DType::kF32, {0, 5})}};
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "a.safetensors", {arrays, {{"format", "sluice"}}});
  const json read = read_by_python(folder.path() / "a.safetensors");
  CHECK(read.size() == arrays.size());
  for (const auto& [name, array] : arrays) {
    INFO(name);
    CHECK((read.at(name) == expected(array)));
  }
}

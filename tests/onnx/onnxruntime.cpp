#include "tests/onnx/onnxruntime.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "sluice/safetensors.h"
#include "tests/support/run_program.h"

namespace sluice::test {

bool OnnxRuntime::is_there() {
  static const bool kIsThere = std::filesystem::exists(SLUICE_READERS_PYTHON) &&
                               run_program(SLUICE_READERS_PYTHON, "-c 'import onnx, onnxruntime'").status == 0;
  return kIsThere;
}

void OnnxRuntime::add(const std::string& model, const std::string& run, const ir::Graph& graph,
                      const std::vector<Array>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    inputs_.emplace(fmt::format("{}|{}|{}", model, run, graph.parameters()[i].name), inputs[i]);
  if (inputs.empty()) inputs_.emplace(fmt::format("{}|{}|", model, run), Array());
}

OnnxRuntime::Answer OnnxRuntime::run() const {
  write_safetensors(folder_.path() / "inputs.safetensors", {inputs_, {}});
  const Outcome outcome =
      run_program(SLUICE_READERS_PYTHON, fmt::format("'{}' '{}'", RUN_ONNX, folder_.path().string()));
  INFO(outcome.err);
  REQUIRE(outcome.status == 0);
  const nlohmann::json json = nlohmann::json::parse(outcome.out);
  return {read_safetensors(folder_.path() / "outputs.safetensors").arrays, json.at("failed")};
}

std::string difference_to_1e_5(const Array& computed, const Array& expected, bool by_largest, bool any_nan) {
  if (computed.type() != expected.type())
    return fmt::format("has type {}, expected {}", to_string(computed.type()), to_string(expected.type()));
  return visit_dtype(expected.dtype(), [&](auto zero) -> std::string {
    using T = decltype(zero);
    const auto x = computed.data<T>();
    const auto y = expected.data<T>();
    double largest = 1;
    for (const T value : y) {
      const auto size = std::abs(static_cast<double>(value));
      if (by_largest && std::isfinite(size)) largest = std::max(largest, size);
    }
    for (std::size_t i = 0; i < y.size(); ++i) {
      bool agree = x[i] == y[i];
      if constexpr (std::is_floating_point_v<T>) {
        const double error = std::abs(static_cast<double>(x[i]) - static_cast<double>(y[i]));
        if (std::isnan(y[i])) {
          agree = any_nan || std::isnan(x[i]);
        } else if (std::isfinite(y[i])) {
          agree = error <= 1e-5 * std::max(largest, std::abs(static_cast<double>(y[i])));
        }
      }
      if (!agree) return fmt::format("element {} of {} is {}, expected {}", i, y.size(), x[i], y[i]);
    }
    return "";
  });
}

}  // namespace sluice::test

#pragma once

#include <filesystem>
#include <source_location>
#include <string>
#include <vector>

#include "sluice/export.h"
#include "sluice/onnx_model.h"

namespace sluice {

/// Writes a function that assigns no variable, with the current values of its variables, as a file for ONNX runtimes.
/// Names are those of save(): inputs by the signature, results by `output_names` or, if that is empty, "output", or
/// "output_0", "output_1", ... Symbolic sizes stay open, so one file serves all batch sizes. Throws Error as save() and
/// write_onnx do. In the component onnx of find_package(Sluice).
///
///     const auto predict = function("predict", {f32(batch, 784).named("x")}, [&](Tensor x) { return model(x); });
///     save_onnx(predict, "digits.onnx", {"logits"});
void save_onnx(const AnyFunction& function, const std::filesystem::path& path,
               std::vector<std::string> output_names = {},
               std::source_location where = std::source_location::current());

/// The same for a classifier: its outputs are "class" and "probabilities", and the names of its classes become the
/// metadata "class_names", one a line.
void save_onnx(const ExportModule& module, const std::filesystem::path& path,
               std::source_location where = std::source_location::current());

}  // namespace sluice

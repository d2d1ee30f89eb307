#pragma once

#include <filesystem>

#include "sluice/saved_model.h"

namespace sluice {

/// Writes a saved model as a file for ONNX runtimes: opset 17 and IR version 8 of the ai.onnx domain, without extensions.
/// Inputs and outputs keep their names and dtypes, and symbolic sizes become named dimensions, so one file serves all
/// sizes. Weights are initializers under the names of their variables; names of classes are the metadata "class_names",
/// one a line. docs/onnx.md has the ONNX nodes of each op.
///
/// Throws Error at the line of an op that ONNX does not have, and if the model updates a variable, its names are not
/// unique, a symbol cannot be computed from the inputs' sizes, the file would exceed protobuf's 2 GB, or it cannot be
/// written, which leaves an existing file as it was.
void write_onnx(const std::filesystem::path& path, const SavedModel& model);

}  // namespace sluice

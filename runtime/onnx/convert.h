#pragma once

#include <onnx/onnx_pb.h>

#include "sluice/saved_model.h"

namespace sluice::onnx_model {

/// Returns what write_onnx writes. Throws Error as it does, but for the file.
onnx::ModelProto convert(const SavedModel& model);

}  // namespace sluice::onnx_model

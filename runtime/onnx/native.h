#pragma once

#include <optional>
#include <vector>

#include "ir/windows.h"
#include "runtime/onnx/rules.h"

// Shared by the rules of convolutions and pools: channels are the last axis of images here, the second one in ONNX.
namespace sluice::onnx_model {

/// Returns the order of axes that moves channels from the last axis to the second, or back.
Integers channels_first(int rank);
Integers channels_last(int rank);
/// Returns the order of axes of filters [kernel..., in, out] as [out, in, kernel...].
Integers filters_first(int rank);

/// Returns whether `node` is of windows without cropping over all axes of images but the first and the last.
bool are_over_images(const ir::Node& node, const Shape& images, const std::vector<ir::Window>& windows);

/// Returns kernel_shape, strides, dilations and pads.
std::vector<Setting> settings_of(const std::vector<ir::Window>& windows);

/// Returns `x`, a value or a reshape of one, under `shape`.
Name under(Writer& w, ir::Value x, const Shape& shape);

}  // namespace sluice::onnx_model

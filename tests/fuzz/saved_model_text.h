#pragma once

#include <array>
#include <string_view>

namespace sluice::fuzz {

/// The files of a saved model in the order in which an input of fuzz_saved_model has them, and the separator.
inline constexpr std::array kModelFiles{"manifest.json", "model.ir", "weights.safetensors"};
inline constexpr std::string_view kCut = "\n--cut--\n";

}  // namespace sluice::fuzz

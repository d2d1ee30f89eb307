#pragma once

#include <string>
#include <string_view>

#include "sluice/array.h"

namespace sluice {

/// Reads a PNG file of any color type and depth into gray bytes, u8[height,width], in sRGB encoding. Colors become
/// their luminance and transparency is composited on white, both in linear light. Samples are sRGB unless a gAMA chunk
/// says otherwise. `check_size` may throw for the height and width before anything is decompressed. Throws Error,
/// starting with `file`.
Array read_png(const std::string& file, std::string_view bytes,
               void (*check_size)(const std::string& file, std::int64_t height, std::int64_t width));

}  // namespace sluice

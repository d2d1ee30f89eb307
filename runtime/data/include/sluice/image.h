#pragma once

#include <cstdint>
#include <filesystem>

#include "sluice/array.h"

// Pictures from users' files. A picture is an array u8[height,width], from 0 for black to 255 for white.
namespace sluice {

/// Reads the pictures in a file, u8[N,height,width]: a PNG or PGM (P2 or P5) has one, an IDX or NumPy file any number
/// (u8 of rank 2, or of rank 3 and 4 with a last axis of 1). The first bytes identify the format. Colors become their
/// luminance, transparency is composited on white, deep pixels become bytes. Throws Error, naming the file, if it is
/// none of these, is truncated or damaged, or is larger than 8192 by 8192.
Array read_pictures(const std::filesystem::path& path);

/// Returns the whole picture resized to `height` by `width`, as large as its aspect ratio allows and centered; the rest
/// is filled with the mean of the picture's border. Each new pixel is the mean of the area that it covers. Throws Error
/// unless the picture is u8 of rank 2 and not empty.
Array fitted(const Array& picture, std::int64_t height, std::int64_t width);

/// Returns whatever is brighter than the background, cut out and placed on black like MNIST's digits: its brightest
/// pixel is 255, its longer side spans 20/28 of the picture, and its center of mass is in the middle. A blank picture
/// becomes black. Throws Error as fitted does.
Array centered(const Array& picture, std::int64_t height, std::int64_t width);

/// Returns 255 minus each pixel: dark on light becomes light on dark. Throws Error unless the array is u8.
Array inverted(const Array& pictures);

/// Returns the mean of the pixels at the border, from 0 to 255: the brightness of the background, for a picture of one
/// object. Throws Error as fitted does.
double border_brightness(const Array& picture);

}  // namespace sluice

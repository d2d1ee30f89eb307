#pragma once

#include <cstdint>
#include <filesystem>

#include "sluice/array.h"

// Pictures that come from users' files. A picture is an array u8[height,width], from 0 for black to 255 for white.
namespace sluice {

/// The pictures in a file, u8[N,height,width]: one of PNG or PGM (P2 or P5), any number of IDX or NumPy (u8 of rank 2,
/// or of rank 3 and 4 with a last axis of 1). What it is, its first bytes say. Colors become grey as the eye weighs
/// them, what is transparent is laid on white, deep pixels become bytes. Throws Error that names the file for what is
/// none of these, is cut off or damaged, or is larger than 8192 by 8192.
Array read_pictures(const std::filesystem::path& path);

/// The whole picture in `height` by `width`, as large as its proportions allow and in the middle; what is left takes
/// the mean of the picture's border. Each new pixel is the mean of what it covers. Throws Error unless the picture is
/// u8 of rank 2 and not empty.
Array fitted(const Array& picture, std::int64_t height, std::int64_t width);

/// What is brighter than the background, cut out and put on black as MNIST's digits are: its brightest pixel is 255, it
/// fills 20 of 28 parts of the longer side, and its center of mass is in the middle. A picture without anything in it
/// comes out black. Throws Error as fitted does.
Array centered(const Array& picture, std::int64_t height, std::int64_t width);

/// 255 less each pixel: what is dark on light becomes light on dark. Throws Error unless the array is u8.
Array inverted(const Array& pictures);

/// The mean of the pixels at the border, from 0 to 255: that of the background, for a picture of one thing. Throws
/// Error as fitted does.
double border_brightness(const Array& picture);

}  // namespace sluice

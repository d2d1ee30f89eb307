#pragma once

#include <filesystem>

#include "sluice/array.h"

namespace sluice {

class ByteInput;

/// Reads the array in a .npy file, plain or gzipped, of NumPy's format 1.0, in C order: '<f4' is f32, '<f8' f64, '<i4'
/// i32, '<i8' i64, '|u1' u8 and '|b1' bool. Throws Error, naming the file, for anything else: wrong magic, another
/// version, byte order, element type or order, an unreadable header, a size that does not fit the shape.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
Array read_npy(const std::filesystem::path& path);
Array read_npy(ByteInput& input);

/// Writes such a file atomically. Throws Error if it cannot be written.
void write_npy(const std::filesystem::path& path, const Array& array);

}  // namespace sluice

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/terminal.h"

// A picture is an array u8[height,width], from 0 for black to 255 for white; several are u8[N,height,width].
namespace sluice {

/// Returns the picture as lines of text. In color: two rows per line, as half blocks in shades of gray. Plain: one
/// character for two rows, with more ink where the picture is brighter. Throws Error unless it is u8 of rank 2.
std::string picture_text(const Array& picture, TextStyle style);

/// Returns the pictures side by side, in lines of at most `columns` characters, each with its caption below. Pictures
/// larger than 16 by 16 are shown at half their size, and so on. Throws Error unless `pictures` is u8 of rank 3 with a
/// picture for each caption.
std::string contact_sheet_text(const Array& pictures, const std::vector<std::string>& captions, int columns,
                               TextStyle style);

/// Returns the picture as a PNG file, 8-bit gray. Throws Error unless it is u8 of rank 2 and neither size is 0.
std::vector<std::uint8_t> encode_png(const Array& picture);

/// Writes the picture as a PNG file, atomically. Throws Error as encode_png does, and if the file cannot be written.
void write_png(const std::filesystem::path& path, const Array& picture);

/// Returns the picture as a "data:image/png;base64,..." URI, for a self-contained page. Throws Error as encode_png
/// does.
std::string png_data_uri(const Array& picture);

/// Returns `pictures` u8[N,height,width] at the rows `which`, in that order. Throws Error for a row out of range.
Array select_pictures(const Array& pictures, const std::vector<std::int64_t>& which);

/// Returns `pictures` u8[N,height,width] as one picture, side by side in rows of `columns`, of size
/// u8[ceil(N / columns) * height, columns * width]; black where the last row has fewer. Throws Error unless there is a
/// picture and columns >= 1.
Array picture_grid(const Array& pictures, std::int64_t columns);

/// Returns picture `i` of `pictures`. Throws Error if there is none.
Array picture_at(const Array& pictures, std::int64_t i);

}  // namespace sluice

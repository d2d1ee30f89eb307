#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/terminal.h"

// A picture is an array u8[height,width], from 0 for black to 255 for white; several are u8[N,height,width].
namespace sluice {

/// The picture as lines of text. In color: two rows of it a line, by half blocks in shades of grey. Plain: a character
/// for two rows, which has more ink where the picture is brighter. Throws Error unless it is u8 of rank 2.
std::string picture_text(const Array& picture, TextStyle style);

/// The pictures side by side, in as many rows as `columns` characters a line ask for, each with its caption below.
/// Larger ones than 16 by 16 are shown at half their size, and so on. Throws Error unless `pictures` is u8 of rank 3
/// with a picture for each caption.
std::string contact_sheet_text(const Array& pictures, const std::vector<std::string>& captions, int columns,
                               TextStyle style);

/// The picture as a PNG file, 8 bits grey. Throws Error unless it is u8 of rank 2 and neither size is 0.
std::vector<std::uint8_t> encode_png(const Array& picture);

/// The picture as a "data:image/png;base64,..." URI, for a page that needs no other files. Throws Error as encode_png.
std::string png_data_uri(const Array& picture);

/// `pictures` u8[N,height,width] at the rows `which`, in that order. Throws Error for a row that there is not.
Array select_pictures(const Array& pictures, const std::vector<std::int64_t>& which);

/// Picture `i` of `pictures`. Throws Error if there is none.
Array picture_at(const Array& pictures, std::int64_t i);

}  // namespace sluice

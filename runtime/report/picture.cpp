#include "sluice/picture.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>

#include "runtime/io/atomic_file.h"
#include "sluice/error.h"

namespace sluice {

namespace {

constexpr std::int64_t kThumbnail = 16;

void check_pictures(const Array& pictures, int rank) {
  if (pictures.dtype() == DType::kU8 && pictures.rank() == rank) return;
  fail("picture: expected {}, got {}", rank == 2 ? "u8[height,width]" : "u8[N,height,width]",
       to_string(pictures.type()));
}

/// Returns the brightness at a position; black outside the picture.
std::uint8_t brightness(const Array& picture, std::int64_t y, std::int64_t x) {
  if (y >= picture.sizes()[0] || x >= picture.sizes()[1]) return 0;
  return picture.data<std::uint8_t>()[static_cast<std::size_t>(y * picture.sizes()[1] + x)];
}

/// Averages blocks of 2 by 2.
Array halved(const Array& picture) {
  const std::int64_t height = (picture.sizes()[0] + 1) / 2;
  const std::int64_t width = (picture.sizes()[1] + 1) / 2;
  Array half(DType::kU8, {height, width});
  auto to = half.data<std::uint8_t>().begin();
  for (std::int64_t y = 0; y < height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const int sum = brightness(picture, 2 * y, 2 * x) + brightness(picture, 2 * y, 2 * x + 1) +
                      brightness(picture, 2 * y + 1, 2 * x) + brightness(picture, 2 * y + 1, 2 * x + 1);
      *to++ = static_cast<std::uint8_t>((sum + 2) / 4);
    }
  }
  return half;
}

/// Returns xterm's number for a gray: 232 to 255 are a ramp from 8 to 238 in steps of 10, and 16 and 231 are black and
/// white.
int color_of(std::uint8_t grey) {
  if (grey < 4) return 16;
  if (grey > 246) return 231;
  return 232 + std::clamp((grey - 3) / 10, 0, 23);
}

/// Returns two rows of the picture as a line of text, without the line ending.
std::string line_of(const Array& picture, std::int64_t y, TextStyle style) {
  constexpr std::string_view kInk = " .:-=+*#%@";
  std::string line;
  for (std::int64_t x = 0; x < picture.sizes()[1]; ++x) {
    const std::uint8_t upper = brightness(picture, y, x);
    const std::uint8_t lower = brightness(picture, y + 1, x);
    if (style == TextStyle::kPlain) {
      line += kInk[static_cast<std::size_t>(upper + lower) * kInk.size() / (2 * 255 + 1)];
      continue;
    }
    line += fmt::format("\033[38;5;{};48;5;{}m▀", color_of(upper), color_of(lower));
  }
  return style == TextStyle::kPlain ? line : line + "\033[0m";
}

std::string trimmed(std::string line) {
  line.resize(line.find_last_not_of(' ') + 1);
  return line;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k) three = three << 8 | (k < count ? bytes[i + k] : 0U);
    for (std::size_t k = 0; k < 4; ++k) text += k <= count ? kDigits[three >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace

std::string picture_text(const Array& picture, TextStyle style) {
  check_pictures(picture, 2);
  std::string text;
  for (std::int64_t y = 0; y < picture.sizes()[0]; y += 2) text += trimmed(line_of(picture, y, style)) + '\n';
  return text;
}

std::string contact_sheet_text(const Array& pictures, const std::vector<std::string>& captions, int columns,
                               TextStyle style) {
  check_pictures(pictures, 3);
  if (static_cast<std::int64_t>(captions.size()) != pictures.sizes()[0])
    fail("contact sheet: expected a caption for each picture, got {} for {}", captions.size(),
         to_string(pictures.type()));
  std::vector<Array> small;
  for (std::int64_t i = 0; i < pictures.sizes()[0]; ++i) {
    small.push_back(picture_at(pictures, i));
    while (std::ranges::max(small.back().sizes()) > kThumbnail) small.back() = halved(small.back());
  }
  if (small.empty()) return "";
  const std::int64_t height = small[0].sizes()[0];
  const auto width = static_cast<std::size_t>(small[0].sizes()[1]);
  const std::size_t across = std::max<std::size_t>(1, (static_cast<std::size_t>(columns) + 1) / (width + 1));
  std::string text;
  for (std::size_t begin = 0; begin < small.size(); begin += across) {
    const std::size_t end = std::min(begin + across, small.size());
    const auto add_line = [&](auto piece) {
      std::string line;
      for (std::size_t i = begin; i < end; ++i) {
        if (i > begin) line += ' ';
        line += piece(i);
      }
      text += trimmed(std::move(line)) + '\n';
    };
    for (std::int64_t y = 0; y < height; y += 2) add_line([&](std::size_t i) { return line_of(small[i], y, style); });
    add_line([&](std::size_t i) { return fmt::format("{:^{}.{}}", captions[i], width, width); });
  }
  return text;
}

std::vector<std::uint8_t> encode_png(const Array& picture) {
  check_pictures(picture, 2);
  if (picture.element_count() == 0) fail("picture: expected at least one pixel, got {}", to_string(picture.type()));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.format = PNG_FORMAT_GRAY;
  image.height = static_cast<png_uint_32>(picture.sizes()[0]);
  image.width = static_cast<png_uint_32>(picture.sizes()[1]);
  std::vector<std::uint8_t> file(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = file.size();
  if (png_image_write_to_memory(&image, file.data(), &size, 0, picture.bytes(), 0, nullptr) == 0)
    fail("picture: {} cannot be written as png: {}", to_string(picture.type()), image.message);
  file.resize(size);
  return file;
}

void write_png(const std::filesystem::path& path, const Array& picture) {
  const std::vector<std::uint8_t> png = encode_png(picture);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(png)));
  file.commit();
}

std::string png_data_uri(const Array& picture) { return "data:image/png;base64," + base64(encode_png(picture)); }

Array select_pictures(const Array& pictures, const std::vector<std::int64_t>& which) {
  check_pictures(pictures, 3);
  Array selected(DType::kU8, {static_cast<std::int64_t>(which.size()), pictures.sizes()[1], pictures.sizes()[2]});
  std::byte* to = selected.bytes();
  for (const std::int64_t i : which) {
    const Array picture = picture_at(pictures, i);
    std::memcpy(to, picture.bytes(), picture.byte_count());
    to += picture.byte_count();
  }
  return selected;
}

Array picture_grid(const Array& pictures, std::int64_t columns) {
  check_pictures(pictures, 3);
  if (columns < 1) fail("picture grid: expected at least 1 column, got {}", columns);
  const std::int64_t count = pictures.sizes()[0];
  const std::int64_t height = pictures.sizes()[1];
  const auto width = static_cast<std::size_t>(pictures.sizes()[2]);
  if (count == 0) fail("picture grid: expected at least one picture, got {}", to_string(pictures.type()));
  Array grid(DType::kU8, {(count + columns - 1) / columns * height, columns * pictures.sizes()[2]});
  const std::byte* from = pictures.bytes();
  for (std::int64_t i = 0; i < count; ++i) {
    for (std::int64_t y = 0; y < height; ++y, from += width) {
      const std::int64_t row = i / columns * height + y;
      std::memcpy(grid.bytes() + static_cast<std::size_t>(row * columns + i % columns) * width, from, width);
    }
  }
  return grid;
}

Array picture_at(const Array& pictures, std::int64_t i) {
  check_pictures(pictures, 3);
  if (i < 0 || i >= pictures.sizes()[0]) fail("picture: there is no picture {} in {}", i, to_string(pictures.type()));
  const auto owner = std::make_shared<Array>(pictures);
  const std::int64_t size = pictures.sizes()[1] * pictures.sizes()[2];
  return Array::borrow(DType::kU8, {pictures.sizes()[1], pictures.sizes()[2]},
                       std::shared_ptr<void>(owner, owner->bytes() + i * size));
}

}  // namespace sluice

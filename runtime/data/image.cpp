#include "sluice/image.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/png_reader.h"
#include "runtime/io/byte_input.h"
#include "sluice/array_file.h"
#include "sluice/error.h"

namespace sluice {

namespace {

constexpr std::int64_t kLongestSide = 8192;

void check_size(const std::string& file, std::int64_t height, std::int64_t width) {
  if (height < 1 || width < 1 || height > kLongestSide || width > kLongestSide) {
    fail("{}: expected a picture of 1 to {} pixels a side, got {} by {}", file, kLongestSide, width, height);
  }
}

/// Reads a PGM file: https://netpbm.sourceforge.net/doc/pgm.html
class PgmReader {
 public:
  PgmReader(std::string file, std::string_view bytes) : file_(std::move(file)), rest_(bytes) {}

  Array read() {
    const bool binary = rest_.starts_with("P5");
    rest_.remove_prefix(2);
    const std::int64_t width = number("a width");
    const std::int64_t height = number("a height");
    check_size(file_, height, width);
    largest_ = number("a largest value");
    if (largest_ < 1 || largest_ > 65535)
      fail("{}: expected a largest value of 1 to 65535 in the pgm header, got {}", file_, largest_);
    Array picture(DType::kU8, {1, height, width});
    const auto pixels = picture.data<std::uint8_t>();
    if (binary) {
      read_binary(pixels);
    } else {
      for (std::uint8_t& pixel : pixels) pixel = to_byte(number("a pixel"));
      skip_space();
      if (!rest_.empty()) fail("{}: the pgm file continues after {} pixels", file_, pixels.size());
    }
    return picture;
  }

 private:
  static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

  /// White space, and comments from # to the end of the line.
  void skip_space() {
    while (!rest_.empty() && (is_space(rest_.front()) || rest_.front() == '#'))
      rest_.remove_prefix(rest_.front() == '#' ? std::min(rest_.find('\n'), rest_.size()) : 1);
  }

  std::int64_t number(std::string_view what) {
    skip_space();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc{} || value < 0) fail("{}: expected {} in the pgm file, which has none", file_, what);
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }

  std::uint8_t to_byte(std::int64_t value) const {
    if (value > largest_) fail("{}: expected pixels of the pgm file up to {}, got {}", file_, largest_, value);
    return static_cast<std::uint8_t>((value * 255 + largest_ / 2) / largest_);
  }

  void read_binary(std::span<std::uint8_t> pixels) {
    if (rest_.empty() || !is_space(rest_.front())) fail("{}: expected pixels after the pgm header", file_);
    rest_.remove_prefix(1);
    const std::size_t bytes = largest_ > 255 ? 2 : 1;
    if (rest_.size() != pixels.size() * bytes)
      fail("{}: expected {} bytes of pixels in the pgm file, got {}", file_, pixels.size() * bytes, rest_.size());
    const auto byte = [&](std::size_t i) { return std::int64_t{static_cast<unsigned char>(rest_[i])}; };
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = to_byte(bytes == 1 ? byte(i) : byte(2 * i) * 256 + byte(2 * i + 1));
  }

  std::string file_;
  std::string_view rest_;
  std::int64_t largest_ = 255;
};

void check_picture(const Array& picture) {
  if (picture.dtype() == DType::kU8 && picture.rank() == 2 && picture.element_count() > 0) return;
  fail("picture: expected u8[height,width] with at least one pixel, got {}", to_string(picture.type()));
}

/// Which pixels of an axis of `size` pixel i of `new_size` covers, and what fraction of each.
struct Cover {
  std::int64_t first = 0;
  std::vector<double> parts;  ///< their sum is 1
};

std::vector<Cover> covers(std::int64_t size, std::int64_t new_size) {
  std::vector<Cover> all;
  const double step = static_cast<double>(size) / static_cast<double>(new_size);
  for (std::int64_t i = 0; i < new_size; ++i) {
    const double begin = static_cast<double>(i) * step;
    const double end = begin + step;
    Cover cover{std::min(static_cast<std::int64_t>(begin), size - 1), {}};
    for (std::int64_t x = cover.first; x < size && (x == cover.first || static_cast<double>(x) < end); ++x) {
      const double overlap = std::min(end, static_cast<double>(x + 1)) - std::max(begin, static_cast<double>(x));
      cover.parts.push_back(overlap / step);
    }
    all.push_back(std::move(cover));
  }
  return all;
}

Array scaled(const Array& picture, std::int64_t height, std::int64_t width) {
  if (picture.sizes() == std::vector{height, width}) return picture;
  const auto from = picture.data<std::uint8_t>();
  const std::int64_t old_width = picture.sizes()[1];
  const std::vector<Cover> rows = covers(picture.sizes()[0], height);
  const std::vector<Cover> columns = covers(old_width, width);
  Array result(DType::kU8, {height, width});
  auto to = result.data<std::uint8_t>().begin();
  for (const Cover& row : rows) {
    for (const Cover& column : columns) {
      double sum = 0;
      for (std::size_t y = 0; y < row.parts.size(); ++y) {
        const std::int64_t line = (row.first + static_cast<std::int64_t>(y)) * old_width + column.first;
        for (std::size_t x = 0; x < column.parts.size(); ++x)
          sum += row.parts[y] * column.parts[x] * from[static_cast<std::size_t>(line) + x];
      }
      *to++ = static_cast<std::uint8_t>(std::lround(sum));
    }
  }
  return result;
}

/// Scales a picture to fit into `height` by `width` with the same aspect ratio.
Array scaled_into(const Array& picture, std::int64_t height, std::int64_t width) {
  const double scale = std::min(static_cast<double>(height) / static_cast<double>(picture.sizes()[0]),
                                static_cast<double>(width) / static_cast<double>(picture.sizes()[1]));
  const auto new_size = [&](std::int64_t old_size) {
    return std::max<std::int64_t>(1, std::lround(static_cast<double>(old_size) * scale));
  };
  return scaled(picture, new_size(picture.sizes()[0]), new_size(picture.sizes()[1]));
}

/// Copies `small` to the rows starting at `top` and the columns starting at `left`.
void paste(const Array& small, Array& to, std::int64_t top, std::int64_t left) {
  for (std::int64_t y = 0; y < small.sizes()[0]; ++y) {
    const auto row = small.data<std::uint8_t>().subspan(static_cast<std::size_t>(y * small.sizes()[1]),
                                                        static_cast<std::size_t>(small.sizes()[1]));
    std::ranges::copy(row, to.data<std::uint8_t>().begin() + (top + y) * to.sizes()[1] + left);
  }
}

/// Returns the smallest part of `picture` that contains everything clearly brighter than its border, which becomes
/// black; the brightest pixel becomes 255. u8[0,0] if there is nothing.
Array ink_of(const Array& picture) {
  constexpr double kFaint = 0.1;  // paper, shadow or noise
  constexpr double kClear = 0.3;  // ink
  const auto pixels = picture.data<std::uint8_t>();
  const double background = border_brightness(picture);
  const double range = std::ranges::max(pixels) - background;
  const std::int64_t width = picture.sizes()[1];
  std::int64_t top = picture.sizes()[0];
  std::int64_t bottom = 0;
  std::int64_t left = width;
  std::int64_t right = 0;
  const auto strength = [&](std::int64_t y, std::int64_t x) {
    return (pixels[static_cast<std::size_t>(y * width + x)] - background) / range;
  };
  for (std::int64_t y = 0; range > 1 && y < picture.sizes()[0]; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      if (strength(y, x) < kClear) continue;
      top = std::min(top, y);
      bottom = std::max(bottom, y + 1);
      left = std::min(left, x);
      right = std::max(right, x + 1);
    }
  }
  if (bottom == 0) return {DType::kU8, {0, 0}};
  Array ink(DType::kU8, {bottom - top, right - left});
  auto to = ink.data<std::uint8_t>().begin();
  for (std::int64_t y = top; y < bottom; ++y) {
    for (std::int64_t x = left; x < right; ++x, ++to) {
      if (strength(y, x) >= kFaint) *to = static_cast<std::uint8_t>(std::lround(255 * strength(y, x)));
    }
  }
  return ink;
}

}  // namespace

Array read_pictures(const std::filesystem::path& path) {
  const std::string file = path.string();
  ByteInput input(path);
  constexpr std::size_t kLongestMagic = 6;
  const auto first = input.peek(kLongestMagic);
  const std::string magic(first.begin(), first.end());
  const bool png = magic.starts_with("\x89PNG");
  if (png || magic.starts_with("P2") || magic.starts_with("P5")) {
    const std::vector<std::uint8_t> bytes = input.read_rest(kLargestWholeFile);
    const std::string_view view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!png) return PgmReader(file, view).read();
    const Array picture = read_png(file, view, check_size);
    return picture.reshaped({1, picture.sizes()[0], picture.sizes()[1]});
  }
  if (!magic.starts_with(std::string_view("\0\0", 2)) && !magic.starts_with("\x93NUMPY"))
    fail("{}: expected a picture as png, pgm (P2 or P5), idx or npy file", file);
  Array pictures = read_array(input);
  const std::vector<std::int64_t>& sizes = pictures.sizes();
  if (pictures.rank() == 2) pictures = pictures.reshaped({1, sizes[0], sizes[1]});
  if (pictures.rank() == 4 && sizes[3] == 1) pictures = pictures.reshaped({sizes[0], sizes[1], sizes[2]});
  if (pictures.rank() != 3 || pictures.dtype() != DType::kU8)
    fail("{}: expected pictures u8[N,height,width], got {}", file, to_string(pictures.type()));
  check_size(file, pictures.sizes()[1], pictures.sizes()[2]);
  return pictures;
}

Array fitted(const Array& picture, std::int64_t height, std::int64_t width) {
  check_picture(picture);
  const Array small = scaled_into(picture, height, width);
  if (small.sizes() == std::vector{height, width}) return small;
  Array result(DType::kU8, {height, width});
  std::ranges::fill(result.data<std::uint8_t>(), static_cast<std::uint8_t>(std::lround(border_brightness(picture))));
  paste(small, result, (height - small.sizes()[0]) / 2, (width - small.sizes()[1]) / 2);
  return result;
}

Array centered(const Array& picture, std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kFilled = 20;  // of kWhole: http://yann.lecun.com/exdb/mnist
  constexpr std::int64_t kWhole = 28;
  check_picture(picture);
  Array result(DType::kU8, {height, width});
  const Array ink = ink_of(picture);
  if (ink.element_count() == 0) return result;
  const Array small = scaled_into(ink, std::max<std::int64_t>(1, height * kFilled / kWhole),
                                  std::max<std::int64_t>(1, width * kFilled / kWhole));
  double sum = 0;
  double down = 0;
  double right = 0;
  for (std::int64_t y = 0; y < small.sizes()[0]; ++y) {
    for (std::int64_t x = 0; x < small.sizes()[1]; ++x) {
      const double pixel = small.data<std::uint8_t>()[static_cast<std::size_t>(y * small.sizes()[1] + x)];
      sum += pixel;
      down += pixel * (static_cast<double>(y) + 0.5);
      right += pixel * (static_cast<double>(x) + 0.5);
    }
  }
  const auto place = [](std::int64_t size, std::int64_t small_size, double center) {
    const std::int64_t wanted = std::lround(static_cast<double>(size) / 2 - center);
    return std::clamp<std::int64_t>(wanted, 0, size - small_size);
  };
  paste(small, result, place(height, small.sizes()[0], down / sum), place(width, small.sizes()[1], right / sum));
  return result;
}

Array inverted(const Array& pictures) {
  Array result = pictures.clone();
  for (std::uint8_t& pixel : result.data<std::uint8_t>()) pixel = static_cast<std::uint8_t>(255 - pixel);
  return result;
}

double border_brightness(const Array& picture) {
  check_picture(picture);
  const std::int64_t height = picture.sizes()[0];
  const std::int64_t width = picture.sizes()[1];
  double sum = 0;
  double count = 0;
  for (std::int64_t y = 0; y < height; ++y) {
    const bool whole_row = y == 0 || y == height - 1;
    for (std::int64_t x = 0; x < width; x += whole_row || width == 1 ? 1 : width - 1) {
      sum += picture.data<std::uint8_t>()[static_cast<std::size_t>(y * width + x)];
      ++count;
    }
  }
  return sum / count;
}

}  // namespace sluice

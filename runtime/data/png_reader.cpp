#include "runtime/data/png_reader.h"

#include <png.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <cstring>
#include <vector>

#include "sluice/error.h"

namespace sluice {

namespace {

/// libpng on a file in memory. Does not use its simplified interface, which garbles interlaced 16-bit files in the
/// versions that Debian ships, and treats 16-bit samples as linear.
class PngReader {
 public:
  PngReader(const std::string& file, std::string_view bytes) : file_(file), rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
    if (info_ == nullptr) fail("{}: libpng cannot be used", file);
    png_set_read_fn(png_, this, on_read);
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  void read_header() { run(read_info); }
  /// Expands to gray or colors, each with or without alpha, in 8 or 16 bits.
  void expand() { run(set_expand); }
  void read_rows(std::vector<png_bytep>& rows) {
    rows_ = rows.data();
    run(read_image);
  }

  std::int64_t height() const { return png_get_image_height(png_, info_); }
  std::int64_t width() const { return png_get_image_width(png_, info_); }
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  std::size_t channels() const { return png_get_channels(png_, info_); }
  int depth() const { return png_get_bit_depth(png_, info_); }
  /// Returns the exponent of a gAMA chunk; 0 if the samples use sRGB's curve.
  double gamma() const {
    int intent = 0;
    double gamma = 0;
    if (png_get_sRGB(png_, info_, &intent) != 0 || png_get_gAMA(png_, info_, &gamma) == 0) return 0;
    constexpr double kOfSrgb = 0.45455;
    return std::abs(gamma - kOfSrgb) < 1e-3 || !(gamma > 0.01 && gamma < 100) ? 0 : gamma;
  }

 private:
  using Step = void (*)(PngReader&);

  static void read_info(PngReader& r) { png_read_info(r.png_, r.info_); }
  static void set_expand(PngReader& r) {
    png_set_expand(r.png_);
    png_set_interlace_handling(r.png_);
    png_read_update_info(r.png_, r.info_);
  }
  static void read_image(PngReader& r) {
    png_read_image(r.png_, r.rows_);
    png_read_end(r.png_, nullptr);
  }

  /// libpng jumps out of errors, so there may be no objects with destructors between here and there.
  static bool succeeds(PngReader& reader, Step step) {
    if (setjmp(png_jmpbuf(reader.png_)) != 0) return false;
    step(reader);
    return true;
  }
  void run(Step step) {
    if (!succeeds(*this, step)) fail("{}: the png file cannot be read: {}", file_, error_.data());
  }

  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
    std::strncpy(reader.error_.data(), message, reader.error_.size() - 1);
    png_longjmp(png, 1);
  }
  static void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}
  static void on_read(png_structp png, png_bytep to, png_size_t count) {
    auto& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (count > reader.rest_.size()) png_error(png, "it is cut off");
    std::memcpy(to, reader.rest_.data(), count);
    reader.rest_.remove_prefix(count);
  }

  const std::string& file_;
  std::string_view rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  png_bytepp rows_ = nullptr;
  std::array<char, 256> error_{};
};

double srgb_to_linear(double v) { return v <= 0.04045 ? v / 12.92 : std::pow((v + 0.055) / 1.055, 2.4); }
double linear_to_srgb(double v) { return v <= 0.0031308 ? v * 12.92 : 1.055 * std::pow(v, 1 / 2.4) - 0.055; }

/// Converts a row's samples to gray bytes.
class GreyOf {
 public:
  GreyOf(std::size_t channels, int depth, double gamma)
      : colors_(channels >= 3 ? 3 : 1), has_alpha_(channels % 2 == 0), wide_(depth == 16), gamma_(gamma) {}

  std::uint8_t operator()(const png_byte* pixel) const {
    const double alpha = has_alpha_ ? sample(pixel, colors_) : 1;
    const bool grey = colors_ == 1 || (sample(pixel, 0) == sample(pixel, 1) && sample(pixel, 1) == sample(pixel, 2));
    if (grey && alpha == 1 && gamma_ == 0) return to_byte(sample(pixel, 0));  // without intermediate rounding
    constexpr std::array kWeights{0.2126, 0.7152, 0.0722};                    // of sRGB's primaries
    double light = 0;
    if (grey) {
      light = linear(sample(pixel, 0));
    } else {
      for (std::size_t i = 0; i < kWeights.size(); ++i) light += kWeights[i] * linear(sample(pixel, i));
    }
    constexpr double kWhite = 1;
    return to_byte(linear_to_srgb(alpha * light + (1 - alpha) * kWhite));
  }

 private:
  double sample(const png_byte* pixel, std::size_t i) const {
    return wide_ ? (pixel[2 * i] * 256 + pixel[2 * i + 1]) / 65535.0 : pixel[i] / 255.0;
  }
  double linear(double v) const { return gamma_ == 0 ? srgb_to_linear(v) : std::pow(v, 1 / gamma_); }
  static std::uint8_t to_byte(double v) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0, 1.0) * 255));
  }

  std::size_t colors_;
  bool has_alpha_;
  bool wide_;
  double gamma_;
};

}  // namespace

Array read_png(const std::string& file, std::string_view bytes,
               void (*check_size)(const std::string& file, std::int64_t height, std::int64_t width)) {
  PngReader reader(file, bytes);
  reader.read_header();
  check_size(file, reader.height(), reader.width());
  const double gamma = reader.gamma();
  reader.expand();
  const std::size_t row_bytes = reader.row_bytes();
  std::vector<png_byte> samples(static_cast<std::size_t>(reader.height()) * row_bytes);
  std::vector<png_bytep> rows;
  for (std::size_t begin = 0; begin < samples.size(); begin += row_bytes) rows.push_back(&samples[begin]);
  reader.read_rows(rows);

  const GreyOf grey_of(reader.channels(), reader.depth(), gamma);
  const std::size_t pixel_bytes = reader.channels() * static_cast<std::size_t>(reader.depth() / 8);
  Array picture(DType::kU8, {reader.height(), reader.width()});
  auto to = picture.data<std::uint8_t>().begin();
  for (const png_byte* const row : rows) {
    for (std::size_t at = 0; at < row_bytes; at += pixel_bytes) *to++ = grey_of(row + at);
  }
  return picture;
}

}  // namespace sluice

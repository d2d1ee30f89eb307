#include "sluice/image.h"

#include <doctest/doctest.h>
#include <png.h>

#include <functional>
#include <random>
#include <string>

#include "sluice/idx.h"
#include "sluice/npy.h"
#include "sluice/picture.h"
#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

Array picture(std::vector<std::uint8_t> pixels, std::int64_t height, std::int64_t width) {
  return {pixels, {height, width}};
}

/// A PNG file of one of libpng's formats.
Bytes png(png_uint_32 format, const void* pixels, png_uint_32 width, png_uint_32 height) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.format = format;
  image.width = width;
  image.height = height;
  Bytes file(PNG_IMAGE_PNG_SIZE_MAX(image));
  png_alloc_size_t size = file.size();
  REQUIRE(png_image_write_to_memory(&image, file.data(), &size, 0, pixels, 0, nullptr) != 0);
  file.resize(size);
  return file;
}

/// Writes rows of bytes, as stored in the file, through libpng's row interface, which keeps type and depth.
Bytes write_rows(png_uint_32 width, int depth, int color_type, bool interlaced, const std::vector<Bytes>& rows,
                 const std::function<void(png_structp, png_infop)>& add_chunks) {
  Bytes file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto append = [](png_structp writer, png_bytep data, png_size_t size) {
    auto& to = *static_cast<Bytes*>(png_get_io_ptr(writer));
    to.insert(to.end(), data, data + size);
  };
  png_set_write_fn(png, &file, append, nullptr);
  png_set_IHDR(png, info, width, static_cast<png_uint_32>(rows.size()), depth, color_type,
               interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  add_chunks(png, info);
  png_write_info(png, info);
  std::vector<Bytes> copy = rows;
  std::vector<png_bytep> pointers;
  for (Bytes& row : copy) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return file;
}

/// One row of gray 16-bit samples; `gamma` 0 writes no gAMA chunk.
Bytes grey_16(const std::vector<std::uint16_t>& samples, double gamma) {
  Bytes row;
  for (const std::uint16_t sample : samples) {
    row.push_back(static_cast<std::uint8_t>(sample >> 8));
    row.push_back(static_cast<std::uint8_t>(sample));
  }
  return write_rows(static_cast<png_uint_32>(samples.size()), 16, PNG_COLOR_TYPE_GRAY, false, {row},
                    [&](png_structp png, png_infop info) {
                      if (gamma > 0) png_set_gAMA(png, info, gamma);
                    });
}

/// A square of gray levels in one of PNG's types and depths: all levels of the depth, at most 256, repeated.
struct PngOfLevels {
  static constexpr int kSide = 17;
  int color_type;
  int depth;
  bool interlaced;
  bool transparent;  ///< level 1 is transparent, by tRNS or by an alpha of 0

  int levels() const { return depth >= 8 ? 256 : 1 << depth; }
  int level_at(int i) const { return i % levels(); }
  std::uint8_t byte_of(int level) const { return static_cast<std::uint8_t>(level * 255 / (levels() - 1)); }
  bool has_alpha() const { return (color_type & PNG_COLOR_MASK_ALPHA) != 0; }

  Array expected() const {
    Array all(DType::kU8, {kSide * kSide});
    for (int i = 0; i < kSide * kSide; ++i) {
      const bool clear = transparent && level_at(i) == 1;  // shows the white behind it
      all.data<std::uint8_t>()[static_cast<std::size_t>(i)] = clear ? 255 : byte_of(level_at(i));
    }
    return all;
  }

  Bytes bytes() const {
    std::vector<Bytes> rows;
    for (int y = 0; y < kSide; ++y) {
      std::vector<int> samples;
      for (int x = 0; x < kSide; ++x) add_pixel(level_at(y * kSide + x), samples);
      rows.push_back(packed(samples));
    }
    return write_rows(kSide, depth, color_type, interlaced, rows,
                      [&](png_structp png, png_infop info) { add_chunks(png, info); });
  }

 private:
  /// A sample of the file for a level.
  int sample_of(int level) const { return depth == 16 ? level * 257 : level; }

  void add_pixel(int level, std::vector<int>& samples) const {
    const int colors = color_type == PNG_COLOR_TYPE_RGB || color_type == PNG_COLOR_TYPE_RGB_ALPHA ? 3 : 1;
    samples.insert(samples.end(), static_cast<std::size_t>(colors), sample_of(level));
    if (has_alpha()) samples.push_back(transparent && level == 1 ? 0 : sample_of(255));
  }

  Bytes packed(const std::vector<int>& samples) const {
    Bytes row;
    if (depth == 16) {
      for (const int sample : samples) {
        row.push_back(static_cast<std::uint8_t>(sample >> 8));
        row.push_back(static_cast<std::uint8_t>(sample));
      }
      return row;
    }
    row.resize((samples.size() * static_cast<std::size_t>(depth) + 7) / 8);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      const std::size_t bit = i * static_cast<std::size_t>(depth);
      row[bit / 8] |= static_cast<std::uint8_t>(samples[i] << (8 - depth - static_cast<int>(bit % 8)));
    }
    return row;
  }

  void add_chunks(png_structp png, png_infop info) const {
    if (color_type == PNG_COLOR_TYPE_PALETTE) {
      std::vector<png_color> palette;
      for (int level = 0; level < levels(); ++level)
        palette.push_back({byte_of(level), byte_of(level), byte_of(level)});
      png_set_PLTE(png, info, palette.data(), levels());
    }
    if (!transparent || has_alpha()) return;
    Bytes alphas{255, 0};
    const auto sample = static_cast<png_uint_16>(sample_of(1));
    png_color_16 clear{0, sample, sample, sample, sample};
    if (color_type == PNG_COLOR_TYPE_PALETTE) {
      png_set_tRNS(png, info, alphas.data(), 2, nullptr);
    } else {
      png_set_tRNS(png, info, nullptr, 1, &clear);
    }
  }
};

std::string message_of(const std::filesystem::path& path) {
  return test::refusal([&] { read_pictures(path); });
}

}  // namespace

TEST_CASE("png files of every kind become gray") {
  const TemporaryFolder folder;
  const Array grey = picture({0, 50, 100, 150, 200, 255}, 2, 3);
  CHECK(read_pictures(folder.file("grey", encode_png(grey))) == grey.reshaped({1, 2, 3}));

  const Bytes colors{0, 0, 0, 255, 255, 255, 120, 120, 120, 255, 0, 0, 0, 255, 0, 0, 0, 255};
  const Array rgb = read_pictures(folder.file("rgb", png(PNG_FORMAT_RGB, colors.data(), 3, 2)));
  CHECK(rgb.sizes() == std::vector<std::int64_t>{1, 2, 3});
  const auto pixels = rgb.data<std::uint8_t>();
  CHECK(pixels[0] == 0);
  CHECK(pixels[1] == 255);
  CHECK(pixels[2] == 120);
  // Green looks brighter than red, and red than blue.
  CHECK(pixels[4] > pixels[3]);
  CHECK(pixels[3] > pixels[5]);
  CHECK(pixels[3] == 127);  // 1.055 * 0.2126^(1/2.4) - 0.055
  CHECK(pixels[4] == 220);
  CHECK(pixels[5] == 76);

  // Half transparent light on white: 188 is half the light of 255.
  const Bytes half{0, 128};
  CHECK(read_pictures(folder.file("half", png(PNG_FORMAT_GA, half.data(), 1, 1))).data<std::uint8_t>()[0] == 187);
  const Bytes transparent{0, 255, 0, 0, 200, 255};
  CHECK(read_pictures(folder.file("alpha", png(PNG_FORMAT_GA, transparent.data(), 3, 1))) ==
        Array{{std::uint8_t{0}, std::uint8_t{255}, std::uint8_t{200}}, {1, 1, 3}});
}

TEST_CASE("png files of every color type and depth, interlaced or not, decode exactly") {
  const TemporaryFolder folder;
  struct Kind {
    int color_type;
    int depth;
  };
  constexpr Kind kKinds[] = {
      {PNG_COLOR_TYPE_GRAY, 1},        {PNG_COLOR_TYPE_GRAY, 2},      {PNG_COLOR_TYPE_GRAY, 4},
      {PNG_COLOR_TYPE_GRAY, 8},        {PNG_COLOR_TYPE_GRAY, 16},     {PNG_COLOR_TYPE_RGB, 8},
      {PNG_COLOR_TYPE_RGB, 16},        {PNG_COLOR_TYPE_PALETTE, 1},   {PNG_COLOR_TYPE_PALETTE, 2},
      {PNG_COLOR_TYPE_PALETTE, 4},     {PNG_COLOR_TYPE_PALETTE, 8},   {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
      {PNG_COLOR_TYPE_GRAY_ALPHA, 16}, {PNG_COLOR_TYPE_RGB_ALPHA, 8}, {PNG_COLOR_TYPE_RGB_ALPHA, 16}};
  for (const auto [color_type, depth] : kKinds) {
    for (const bool interlaced : {false, true}) {
      for (const bool transparent : {false, true}) {  // as marked by a level or by an alpha of 0
        const PngOfLevels file{color_type, depth, interlaced, transparent};
        CAPTURE(color_type);
        CAPTURE(depth);
        CAPTURE(interlaced);
        CAPTURE(transparent);
        const Array read = read_pictures(folder.file("a.png", file.bytes()));
        REQUIRE(read.sizes() == std::vector<std::int64_t>{1, PngOfLevels::kSide, PngOfLevels::kSide});
        CHECK(read.reshaped({PngOfLevels::kSide * PngOfLevels::kSide}) == file.expected());
      }
    }
  }
}

TEST_CASE("16 bits are rounded to the nearest byte, and chunks may say that they are linear") {
  const TemporaryFolder folder;
  std::vector<std::uint16_t> samples;
  for (unsigned i = 0; i < 65536; i += 37) samples.push_back(static_cast<std::uint16_t>(i));
  const Array read = read_pictures(folder.file("a.png", grey_16(samples, 0)));
  for (std::size_t i = 0; i < samples.size(); ++i) {
    CAPTURE(samples[i]);
    CHECK(int{read.data<std::uint8_t>()[i]} == (samples[i] * 255 + 32767) / 65535);
  }
  // A gAMA chunk of 1 makes samples linear: half the light is the sRGB byte 188.
  const Array linear = read_pictures(folder.file("b.png", grey_16({0, 32768, 65535}, 1)));
  CHECK(linear == Array{{std::uint8_t{0}, std::uint8_t{188}, std::uint8_t{255}}, {1, 1, 3}});
}

TEST_CASE("pgm files, plain and binary, with comments and any largest value") {
  const TemporaryFolder folder;
  const Array expected{{std::uint8_t{0}, std::uint8_t{128}, std::uint8_t{255}, std::uint8_t{3}}, {1, 2, 2}};
  CHECK(read_pictures(folder.file("a", bytes_of("P2 2 2 255 0 128 255 3"))) == expected);
  CHECK(read_pictures(folder.file("b", bytes_of("P2\n# by hand\n2 #wide\n2\n255\n0 128\n255 3\n# end"))) == expected);
  CHECK(read_pictures(folder.file("c", bytes_of(std::string("P5\n2 2\n255\n\0\x80\xff\3", 15)))) == expected);
  CHECK(read_pictures(folder.file("d", bytes_of("P2 3 1 100 0 50 100"))) ==
        Array{{std::uint8_t{0}, std::uint8_t{128}, std::uint8_t{255}}, {1, 1, 3}});
  CHECK(read_pictures(folder.file("e", bytes_of(std::string("P5 2 1 65535\n\xff\xff\x80\0", 17)))) ==
        Array{{std::uint8_t{255}, std::uint8_t{128}}, {1, 1, 2}});
}

TEST_CASE("idx and npy files hold one picture or many") {
  const TemporaryFolder folder;
  const Array many = Array{{std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}, std::uint8_t{4}}, {2, 1, 2}};
  write_idx(folder.path() / "many", many);
  CHECK(read_pictures(folder.path() / "many") == many);
  write_npy(folder.path() / "channel.npy", many.reshaped({2, 1, 2, 1}));
  CHECK(read_pictures(folder.path() / "channel.npy") == many);
  write_npy(folder.path() / "one.npy", many.reshaped({2, 2}));
  CHECK(read_pictures(folder.path() / "one.npy") == many.reshaped({1, 2, 2}));
  write_npy(folder.path() / "floats.npy", Array(DType::kF32, {2, 2}));
  CHECK(message_of(folder.path() / "floats.npy").ends_with("expected pictures u8[N,height,width], got f32[1,2,2]"));
  write_npy(folder.path() / "labels.npy", Array(DType::kU8, {5}));
  CHECK(message_of(folder.path() / "labels.npy").ends_with("expected pictures u8[N,height,width], got u8[5]"));
}

TEST_CASE("a file that is not a picture is an error that says why") {
  const TemporaryFolder folder;
  struct Wrong {
    Bytes bytes;
    std::string message;
  };
  Bytes huge = encode_png(picture({1}, 1, 1));
  huge[16] = 0x7f;  // the width; its checksum is wrong now
  const std::vector<Wrong> cases{
      {{}, "expected a picture as png, pgm (P2 or P5), idx or npy file"},
      {bytes_of("GIF89a"), "expected a picture as png, pgm (P2 or P5), idx or npy file"},
      {bytes_of("P6 1 1 255\nabc"), "expected a picture as png, pgm (P2 or P5), idx or npy file"},
      {huge, "the png file cannot be read: "},
      {bytes_of("P5 2 2 255 abc"), "expected 4 bytes of pixels in the pgm file, got 3"},
      {bytes_of("P5 2 2 255 abcde"), "expected 4 bytes of pixels in the pgm file, got 5"},
      {bytes_of("P5 2 2 255"), "expected pixels after the pgm header"},
      {bytes_of("P5 2"), "expected a height in the pgm file, which has none"},
      {bytes_of("P2 2 -2 255 "), "expected a height in the pgm file, which has none"},
      {bytes_of("P2 0 2 255 "), "expected a picture of 1 to 8192 pixels a side, got 0 by 2"},
      {bytes_of("P5 99999 99999 255 "), "expected a picture of 1 to 8192 pixels a side, got 99999 by 99999"},
      {bytes_of("P2 99999999999999999999 1 255 "), "expected a width in the pgm file, which has none"},
      {bytes_of("P2 1 1 70000 1"), "expected a largest value of 1 to 65535 in the pgm header, got 70000"},
      {bytes_of("P2 1 1 0 0"), "expected a largest value of 1 to 65535 in the pgm header, got 0"},
      {bytes_of("P2 1 1 9 10"), "expected pixels of the pgm file up to 9, got 10"},
      {bytes_of("P2 2 1 9 1"), "expected a pixel in the pgm file, which has none"},
      {bytes_of("P2 1 1 9 1 1"), "the pgm file continues after 1 pixels"},
  };
  for (const Wrong& wrong : cases) {
    const auto path = folder.file("wrong", wrong.bytes);
    const std::string message = message_of(path);
    INFO(message);
    CHECK(message.starts_with(path.string() + ": " + wrong.message));
  }
  CHECK(message_of(folder.path() / "none").ends_with("none: cannot be read: No such file or directory"));
}

TEST_CASE("truncated or damaged pictures are read or rejected") {
  const TemporaryFolder folder;
  std::mt19937 random(1);
  Array noise(DType::kU8, {20, 10});
  for (auto& pixel : noise.data<std::uint8_t>()) pixel = static_cast<std::uint8_t>(random());
  const Bytes whole = encode_png(noise);
  for (std::size_t size = 0; size + 12 < whole.size(); ++size) {  // the last 12 bytes only mark the end
    const auto path = folder.file("cut", {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    CHECK(message_of(path).starts_with(path.string() + ": "));
  }
  int read = 0;
  for (int round = 0; round < 2000; ++round) {
    Bytes bytes = round % 2 == 0 ? whole : bytes_of("P2 3 2 255 0 50 100 150 200 250 #");
    bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    const auto path = folder.file("damaged", bytes);
    const std::string message = message_of(path);
    read += message == "accepted" ? 1 : 0;
    CHECK((message == "accepted" || message.starts_with(path.string() + ": ")));
  }
  CHECK(read > 50);
  CHECK(read < 1900);
}

TEST_CASE("a picture is fitted whole into another size") {
  const Array same = picture({1, 2, 3, 4}, 2, 2);
  CHECK(fitted(same, 2, 2) == same);
  CHECK(fitted(picture({0, 100, 50, 50, 10, 10, 255, 255}, 2, 4), 1, 2) == picture({30, 153}, 1, 2));
  // Twice as large: each pixel is repeated four times. By 3 / 2, the middle one is the mean.
  CHECK(fitted(same, 4, 4) == picture({1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}, 4, 4));
  CHECK(fitted(picture({0, 100, 0, 100}, 2, 2), 3, 3) == picture({0, 50, 100, 0, 50, 100, 0, 50, 100}, 3, 3));
  // Keeps the aspect ratio; the rest is like the border.
  CHECK(fitted(picture({9, 9}, 1, 2), 4, 4) == picture(Bytes(16, 9), 4, 4));
  CHECK(fitted(picture({0, 20}, 2, 1), 2, 4) == picture({10, 0, 10, 10, 10, 20, 10, 10}, 2, 4));
  CHECK(fitted(picture(Bytes(1000, 7), 1, 1000), 28, 28).sizes() == std::vector<std::int64_t>{28, 28});
  CHECK_THROWS_WITH_AS(fitted(Array(DType::kU8, {0, 4}), 28, 28),
                       "picture: expected u8[height,width] with at least one pixel, got u8[0,4]", Error);
}

TEST_CASE("the foreground is cropped and centered") {
  // Light grey, 20 by 10, in a corner of dark grey with some noise.
  Array wide(DType::kU8, {200, 100});
  const auto pixels = wide.data<std::uint8_t>();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const bool inside = i / 100 >= 150 && i / 100 < 190 && i % 100 >= 10 && i % 100 < 30;
    pixels[i] = inside ? 180 : i % 7 == 3 ? 36 : 30;
  }
  const Array digit = centered(wide, 28, 28);
  Array expected(DType::kU8, {28, 28});
  for (std::size_t y = 4; y < 24; ++y) {
    for (std::size_t x = 9; x < 19; ++x) expected.data<std::uint8_t>()[y * 28 + x] = 255;
  }
  CHECK(digit == expected);
  CHECK(centered(digit, 28, 28) == digit);
  // The center of mass is in the middle, not the center of the frame.
  const Array heavy = centered(
      picture({0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 100, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0}, 5, 5), 7, 7);
  double down = 0;
  double sum = 0;
  for (std::size_t i = 0; i < 49; ++i) {
    down += heavy.data<std::uint8_t>()[i] * (static_cast<double>(i / 7) + 0.5);
    sum += heavy.data<std::uint8_t>()[i];
  }
  CHECK(std::abs(down / sum - 3.5) <= 0.5);
  CHECK(centered(picture(Bytes(100, 77), 10, 10), 28, 28) == Array(DType::kU8, {28, 28}));
  CHECK(centered(picture({0, 0, 0, 0, 255, 0, 0, 0, 0}, 3, 3), 1, 1) == picture({255}, 1, 1));
}

TEST_CASE("light and dark are swapped, and the border shows the background") {
  CHECK(inverted(picture({0, 255, 100}, 1, 3)) == picture({255, 0, 155}, 1, 3));
  Bytes ring(9, 200);
  ring[4] = 0;
  CHECK(border_brightness(picture(ring, 3, 3)) == 200);
  CHECK(border_brightness(picture({1, 2, 3}, 3, 1)) == 2);
  CHECK(border_brightness(picture({7}, 1, 1)) == 7);
}

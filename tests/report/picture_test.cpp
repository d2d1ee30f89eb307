#include "sluice/picture.h"

#include <doctest/doctest.h>
#include <png.h>

#include "sluice/error.h"
#include "sluice/image.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

/// Brightness 0 to 255 over 3 rows of 4.
Array ramp() {
  std::vector<std::uint8_t> greys;
  for (int i = 0; i < 12; ++i) greys.push_back(static_cast<std::uint8_t>(i * 255 / 11));
  return {greys, {3, 4}};
}

}  // namespace

TEST_CASE("a picture as plain text") {
  // Upper and lower row of each line; below the last row it is black.
  CHECK(picture_text(ramp(), TextStyle::kPlain) == ".:-=\n-===\n");
  CHECK(picture_text(Array(std::vector<std::uint8_t>{0, 255, 0, 255, 0, 0}, {2, 3}), TextStyle::kPlain) == "==\n");
}

TEST_CASE("a picture in half blocks, upper row before lower") {
  const Array picture(std::vector<std::uint8_t>{0, 255, 128, 60}, {2, 2});
  CHECK(picture_text(picture, TextStyle::kColor) == "\033[38;5;16;48;5;244m▀\033[38;5;231;48;5;237m▀\033[0m\n");
}

TEST_CASE("a contact sheet has captions and breaks at the width") {
  Array pictures(DType::kU8, {3, 2, 4});
  for (std::uint8_t& grey : pictures.data<std::uint8_t>()) grey = 255;
  CHECK(contact_sheet_text(pictures, {"7", "wide one", "2"}, 9, TextStyle::kPlain) ==
        "@@@@ @@@@\n 7   wide\n@@@@\n 2\n");
  CHECK_THROWS_WITH(contact_sheet_text(pictures, {"7"}, 80, TextStyle::kPlain),
                    "contact sheet: expected a caption for each picture, got 1 for u8[3,2,4]");
}

TEST_CASE("large pictures become thumbnails by means") {
  Array pictures(DType::kU8, {1, 20, 20});
  for (std::uint8_t& grey : pictures.data<std::uint8_t>()) grey = 255;
  const std::string text = contact_sheet_text(pictures, {""}, 80, TextStyle::kPlain);
  CHECK(text == "@@@@@@@@@@\n@@@@@@@@@@\n@@@@@@@@@@\n@@@@@@@@@@\n@@@@@@@@@@\n\n");
}

TEST_CASE("a png file decodes to the same picture") {
  const std::vector<std::uint8_t> file = encode_png(ramp());
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  REQUIRE(png_image_begin_read_from_memory(&image, file.data(), file.size()) != 0);
  CHECK(image.width == 4);
  CHECK(image.height == 3);
  image.format = PNG_FORMAT_GRAY;
  Array decoded(DType::kU8, {3, 4});
  REQUIRE(png_image_finish_read(&image, nullptr, decoded.bytes(), 0, nullptr) != 0);
  CHECK(decoded == ramp());
  CHECK(png_data_uri(ramp()).starts_with("data:image/png;base64,iVBORw0KGgo"));
}

TEST_CASE("write_png writes what encode_png returns") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "ramp.png";
  write_png(file, ramp());
  CHECK(read_pictures(file) == ramp().reshaped({1, 3, 4}));
  CHECK_THROWS_AS(write_png(folder.path() / "none" / "ramp.png", ramp()), Error);
  CHECK_THROWS_AS(write_png(file, Array(DType::kU8, {0, 3})), Error);
  CHECK(read_pictures(file) == ramp().reshaped({1, 3, 4}));
}

TEST_CASE("a grid has the pictures in rows, and black after the last") {
  const Array pictures(std::vector<std::uint8_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {3, 2, 2});
  CHECK(picture_grid(pictures, 2) ==
        Array(std::vector<std::uint8_t>{1, 2, 5, 6, 3, 4, 7, 8, 9, 10, 0, 0, 11, 12, 0, 0}, {4, 4}));
  CHECK(picture_grid(pictures, 1) == pictures.reshaped({6, 2}));
  CHECK(picture_grid(pictures, 4).sizes() == std::vector<std::int64_t>{2, 8});
  CHECK_THROWS_WITH(picture_grid(pictures, 0), "picture grid: expected at least 1 column, got 0");
  CHECK_THROWS_WITH(picture_grid(Array(DType::kU8, {0, 2, 2}), 2),
                    "picture grid: expected at least one picture, got u8[0,2,2]");
}

TEST_CASE("pictures are picked in the order asked for") {
  const Array pictures(std::vector<std::uint8_t>{1, 2, 3}, {3, 1, 1});
  CHECK(select_pictures(pictures, {2, 0}) == Array(std::vector<std::uint8_t>{3, 1}, {2, 1, 1}));
  CHECK_THROWS_WITH(select_pictures(pictures, {3}), "picture: there is no picture 3 in u8[3,1,1]");
  CHECK_THROWS_WITH(picture_text(pictures, TextStyle::kPlain), "picture: expected u8[height,width], got u8[3,1,1]");
  CHECK_THROWS_WITH(encode_png(Array(DType::kU8, {0, 3})), "picture: expected at least one pixel, got u8[0,3]");
}

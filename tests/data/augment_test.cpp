#include "sluice/augment.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>

#include "sluice/error.h"
#include "tests/frontend/thrown.h"

namespace sluice {
namespace {

const Array kImage{{1, 2, 3}, {4, 5, 6}};

/// Returns a generator for each of `count` images, as map_batches does.
std::vector<RandomStream> generators(std::size_t count) {
  std::vector<RandomStream> made;
  for (std::size_t i = 0; i < count; ++i) made.emplace_back(5, i);
  return made;
}

/// Returns image i of a batch.
Array image_at(const Array& images, std::int64_t i) {
  const std::vector<std::int64_t> sizes(images.sizes().begin() + 1, images.sizes().end());
  Array image(images.dtype(), sizes);
  std::memcpy(image.bytes(), images.bytes() + static_cast<std::size_t>(i) * image.byte_count(), image.byte_count());
  return image;
}

TEST_CASE("shift moves an image and fills what comes in") {
  CHECK(shift(kImage, 0, 0) == kImage);
  CHECK(shift(kImage, 1, 0) == Array{{0, 0, 0}, {1, 2, 3}});
  CHECK(shift(kImage, -1, 0, 9) == Array{{4, 5, 6}, {9, 9, 9}});
  CHECK(shift(kImage, 0, 2, -1) == Array{{-1, -1, 1}, {-1, -1, 4}});
  CHECK(shift(kImage, 1, -1) == Array{{0, 0, 0}, {2, 3, 0}});
  CHECK(shift(kImage, 2, 0) == Array(DType::kI32, {2, 3}));
  CHECK(shift(kImage, 0, -3) == Array(DType::kI32, {2, 3}));
  CHECK(shift(kImage, std::numeric_limits<std::int64_t>::min(), 0) == Array(DType::kI32, {2, 3}));
  const Array colors{{{1.F, 2.F}, {3.F, 4.F}}};
  CHECK(shift(colors, 0, 1, 0.5) == Array{{{0.5F, 0.5F}, {1.F, 2.F}}});
  CHECK(shift(Array(std::vector<bool>{true, false}, {1, 2}), 0, 1) == Array(std::vector<bool>{false, true}, {1, 2}));
  CHECK(shift(Array(DType::kU8, {0, 4}), 1, 1).sizes() == std::vector<std::int64_t>{0, 4});
  CHECK(shift(Array(DType::kU8, {4, 4, 0}), 1, 1).element_count() == 0);

  CHECK(thrown([] { shift(Array(DType::kU8, {4}), 0, 0); }) ==
        "shift: expected an image [height,width] or [height,width,channels], got u8[4]");
  CHECK(thrown([] { shift(Array(DType::kU8, {4, 4}), 0, 0, 256); }) == "shift: expected a fill of type u8, got 256");
  CHECK(thrown([] { shift(Array(DType::kI32, {4, 4}), 0, 0, 0.5); }) == "shift: expected a fill of type i32, got 0.5");
}

TEST_CASE("flip and crop") {
  CHECK(flip_left_right(kImage) == Array{{3, 2, 1}, {6, 5, 4}});
  CHECK(flip_left_right(Array{{{1, 2}, {3, 4}, {5, 6}}}) == Array{{{5, 6}, {3, 4}, {1, 2}}});
  CHECK(flip_left_right(flip_left_right(kImage)) == kImage);
  CHECK(flip_left_right(Array(DType::kF32, {3, 0})).element_count() == 0);
  CHECK(kImage == Array{{1, 2, 3}, {4, 5, 6}});
  CHECK(crop(kImage, 0, 1, 2, 2) == Array{{2, 3}, {5, 6}});
  CHECK(crop(kImage, 1, 0, 1, 3) == Array{{4, 5, 6}});
  CHECK(crop(kImage, 2, 3, 0, 0).sizes() == std::vector<std::int64_t>{0, 0});
  CHECK(crop(Array{{{1, 2}, {3, 4}, {5, 6}}}, 0, 1, 1, 2) == Array{{{3, 4}, {5, 6}}});
  for (const auto& [top, left, height, width] :
       std::vector<std::array<std::int64_t, 4>>{{0, 0, 3, 3},
                                                {-1, 0, 1, 1},
                                                {0, 2, 1, 2},
                                                {0, 0, -1, 1},
                                                {std::numeric_limits<std::int64_t>::max(), 0, 1, 1}}) {
    CHECK(thrown([&] { crop(kImage, top, left, height, width); }) ==
          fmt::format("crop: expected a part of 2 by 3 pixels, got {} by {} from row {} and column {}", height, width,
                      top, left));
  }
}

TEST_CASE("random shifts, flips and crops are equally likely") {
  RandomStream random(1);
  std::map<std::string, int> shifts;
  std::map<std::string, int> crops;
  int flips = 0;
  const Array dot{{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}, {0, 0, 1, 0, 0}, {0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}};
  for (int i = 0; i < 6000; ++i) {
    ++shifts[to_string(random_shift(dot, 1, 2, random))];
    ++crops[to_string(random_crop(kImage, 1, 2, random))];
    const Array flipped = random_flip_left_right(kImage, random);
    REQUIRE((flipped == kImage || flipped == flip_left_right(kImage)));
    flips += flipped == kImage ? 0 : 1;
  }
  CHECK(shifts.size() == 15);
  for (const auto& [image, count] : shifts) CHECK(std::abs(count - 400) < 90);
  CHECK(crops.size() == 4);
  for (const auto& [image, count] : crops) CHECK(std::abs(count - 1500) < 170);
  CHECK(std::abs(flips - 3000) < 200);
  CHECK(thrown([&] { random_shift(dot, -1, 0, random); }) ==
        "random_shift: expected at least 0 rows and columns and at most 2^30, got -1 and 0");
  CHECK(thrown([&] { random_crop(kImage, 3, 1, random); }) ==
        "random_crop: expected a part of 2 by 3 pixels, got 3 by 1");
}

TEST_CASE("noise has the deviation that it should, and is rounded and clipped for bytes") {
  RandomStream random(2);
  Array noisy = random_noise(Array(DType::kF64, {100, 100}), 0.5, random);
  double sum = 0;
  double squares = 0;
  for (const double x : noisy.data<double>()) {
    sum += x;
    squares += x * x;
  }
  CHECK(std::abs(sum / 10000) < 0.02);
  CHECK(std::sqrt(squares / 10000) == doctest::Approx(0.5).epsilon(0.03));
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Array special = random_noise(Array{{nan, INFINITY, 1.F}}, 0.25, random);
  CHECK(std::isnan(special(0, 0)));
  CHECK(special(0, 1) == INFINITY);
  CHECK(std::abs(special(0, 2) - 1) < 2);
}

TEST_CASE("images of a batch change as each of them does alone") {
  for (const bool channels : {false, true}) {
    Array images(DType::kU8, channels ? std::vector<std::int64_t>{7, 5, 6, 3} : std::vector<std::int64_t>{7, 5, 6});
    std::uint8_t next = 0;
    for (std::uint8_t& pixel : images.data<std::uint8_t>()) pixel = next += 7;
    std::vector<RandomStream> alone = generators(7);
    std::vector<RandomStream> together = generators(7);
    const Array shifted = random_shift(images, 2, 1, together, 9);
    const Array flipped = random_flip_left_right(images, together);
    const Array cropped = random_crop(images, 3, 2, together);
    const Array noisy = random_noise(images, 20, together);
    CHECK(cropped.sizes()[1] == 3);
    CHECK(cropped.sizes()[2] == 2);
    for (std::int64_t i = 0; i < 7; ++i) {
      RandomStream& random = alone[static_cast<std::size_t>(i)];
      const Array image = image_at(images, i);
      CHECK(image_at(shifted, i) == random_shift(image, 2, 1, random, 9));
      CHECK(image_at(flipped, i) == random_flip_left_right(image, random));
      CHECK(image_at(cropped, i) == random_crop(image, 3, 2, random));
      CHECK(image_at(noisy, i) == random_noise(image, 20, random));
    }
    CHECK(noisy != images);
  }
  std::vector<RandomStream> two = generators(2);
  CHECK(thrown([&] {
          random_flip_left_right(Array(DType::kU8, {3, 4, 4}), two);
        }) == "random_flip_left_right: expected a generator for each of 3 images, got 2");
  CHECK(thrown([&] {
          random_noise(Array(DType::kF32, {2, 4}), 1, two);
        }) == "random_noise: expected images [N,height,width] or [N,height,width,channels], got f32[2,4]");
  CHECK(thrown([&] {
          random_noise(Array(DType::kI64, {2, 4, 4}), 1, two);
        }) == "random_noise: expected images of f32, f64 or u8, got i64[2,4,4]");
  CHECK(thrown([&] {
          random_noise(Array(DType::kF32, {2, 4, 4}), -1, two);
        }) == "random_noise: expected a deviation of at least 0, got -1");
}

}  // namespace
}  // namespace sluice

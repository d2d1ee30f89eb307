#pragma once

#include <cstdint>
#include <span>

#include "sluice/array.h"
#include "sluice/random_stream.h"

// Random changes of images, for the functions of Pipeline::map and map_batches. An image is [height,width] or
// [height,width,channels] of any dtype; images are a batch of them, [N,height,width] or [N,height,width,channels], with
// a generator for each, whose results are those of the same functions of single images. All return new arrays and throw
// Error for arrays of another rank and unless there are N generators.
namespace sluice {

/// Moves the image down and to the right, or up and to the left if negative. Pixels that come in are `fill`. Throws
/// Error if the dtype cannot hold `fill`.
Array shift(const Array& image, std::int64_t down, std::int64_t right, double fill = 0);
/// Moves the image by up to `rows` and `columns` pixels in each direction, all equally likely. Throws Error as shift
/// does, and for negative or huge numbers.
Array random_shift(const Array& image, std::int64_t rows, std::int64_t columns, RandomStream& random, double fill = 0);
Array random_shift(const Array& images, std::int64_t rows, std::int64_t columns, std::span<RandomStream> randoms,
                   double fill = 0);

/// Mirrors the image: the left column becomes the right one.
Array flip_left_right(const Array& image);
/// The same for every other image, at random.
Array random_flip_left_right(const Array& image, RandomStream& random);
Array random_flip_left_right(const Array& images, std::span<RandomStream> randoms);

/// Returns the part of `height` by `width` pixels whose first row and column are `top` and `left`. Throws Error if it
/// is not inside the image.
Array crop(const Array& image, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width);
/// Returns one of the parts of this size, all equally likely. Throws Error if it is larger than the image.
Array random_crop(const Array& image, std::int64_t height, std::int64_t width, RandomStream& random);
Array random_crop(const Array& images, std::int64_t height, std::int64_t width, std::span<RandomStream> randoms);

/// Adds a normally distributed number with this standard deviation to each element: f32, f64, or u8, which is rounded
/// and clipped to 0 to 255. NaN stays NaN. Throws Error for other dtypes and a deviation that is negative or not
/// finite.
Array random_noise(const Array& image, double deviation, RandomStream& random);
Array random_noise(const Array& images, double deviation, std::span<RandomStream> randoms);

}  // namespace sluice

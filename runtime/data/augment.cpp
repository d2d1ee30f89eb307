#include "sluice/augment.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sluice/error.h"

namespace sluice {

namespace {

/// Images of one size, one after the other in an array.
struct Images {
  std::string_view function;
  std::int64_t count;
  std::int64_t height;
  std::int64_t width;
  std::int64_t pixel;  ///< bytes

  std::size_t row() const { return static_cast<std::size_t>(width * pixel); }
  std::size_t bytes() const { return static_cast<std::size_t>(height) * row(); }
};

Images image_of(const Array& image, std::string_view function) {
  const auto& sizes = image.sizes();
  if (image.rank() != 2 && image.rank() != 3) {
    fail("{}: expected an image [height,width] or [height,width,channels], got {}", function, to_string(image.type()));
  }
  const std::int64_t channels = image.rank() == 3 ? sizes[2] : 1;
  return {function, 1, sizes[0], sizes[1], channels * static_cast<std::int64_t>(size_of(image.dtype()))};
}

Images images_of(const Array& images, std::span<const RandomStream> randoms, std::string_view function) {
  const auto& sizes = images.sizes();
  if (images.rank() != 3 && images.rank() != 4) {
    fail("{}: expected images [N,height,width] or [N,height,width,channels], got {}", function,
         to_string(images.type()));
  }
  if (static_cast<std::int64_t>(randoms.size()) != sizes[0]) {
    fail("{}: expected a generator for each of {} images, got {}", function, sizes[0], randoms.size());
  }
  const std::int64_t channels = images.rank() == 4 ? sizes[3] : 1;
  return {function, sizes[0], sizes[1], sizes[2], channels * static_cast<std::int64_t>(size_of(images.dtype()))};
}

/// Copies a rectangle; the offsets of its first pixel are in pixels.
void copy_rectangle(const Images& from, const std::byte* source, std::int64_t top, std::int64_t left, const Images& to,
                    std::byte* target, std::int64_t to_top, std::int64_t to_left, std::int64_t height,
                    std::int64_t width) {
  if (width <= 0 || from.pixel == 0) return;
  for (std::int64_t y = 0; y < height; ++y) {
    std::memcpy(target + ((to_top + y) * to.width + to_left) * to.pixel,
                source + ((top + y) * from.width + left) * from.pixel, static_cast<std::size_t>(width * from.pixel));
  }
}

/// Returns an array like `array` with all elements `fill`.
Array filled(const Array& array, double fill, std::string_view function) {
  Array result(array.dtype(), array.sizes());
  if (fill == 0) return result;
  visit_dtype(array.dtype(), [&]<typename T>(T) {
    if constexpr (std::is_integral_v<T>) {
      if (!detail::fits<T>(fill) || static_cast<double>(static_cast<T>(fill)) != fill) {
        fail("{}: expected a fill of type {}, got {}", function, to_string(array.dtype()), fill);
      }
    }
    std::ranges::fill(result.data<T>(), static_cast<T>(fill));
  });
  return result;
}

void shift_into(const Images& all, const std::byte* source, std::int64_t down, std::int64_t right, std::byte* target) {
  const std::int64_t height = std::max<std::int64_t>(all.height - std::abs(down), 0);
  const std::int64_t width = std::max<std::int64_t>(all.width - std::abs(right), 0);
  if (height == 0) return;
  copy_rectangle(all, source, std::max<std::int64_t>(-down, 0), std::max<std::int64_t>(-right, 0), all, target,
                 std::max<std::int64_t>(down, 0), std::max<std::int64_t>(right, 0), height, width);
}

void flip_in_place(const Images& all, std::byte* image) {
  const auto pixel = static_cast<std::size_t>(all.pixel);
  for (std::int64_t y = 0; y < all.height; ++y) {
    std::byte* const row = image + static_cast<std::size_t>(y) * all.row();
    for (std::int64_t left = 0, right = all.width - 1; left < right; ++left, --right) {
      std::byte* const a = row + static_cast<std::size_t>(left) * pixel;
      std::swap_ranges(a, a + pixel, row + static_cast<std::size_t>(right) * pixel);
    }
  }
}

/// Returns low <= x < low + count, all equally likely.
std::int64_t draw(RandomStream& random, std::int64_t low, std::int64_t count) {
  return low + static_cast<std::int64_t>(random.below(static_cast<std::uint32_t>(count)));
}

Array random_shift_of(const Images& all, const Array& images, std::int64_t rows, std::int64_t columns,
                      std::span<RandomStream> randoms, double fill) {
  constexpr std::int64_t kMost = std::int64_t{1} << 30;
  if (rows < 0 || columns < 0 || rows > kMost || columns > kMost) {
    fail("random_shift: expected at least 0 rows and columns and at most 2^30, got {} and {}", rows, columns);
  }
  Array result = filled(images, fill, all.function);
  for (std::size_t i = 0; i < randoms.size(); ++i) {
    const std::int64_t down = draw(randoms[i], -rows, 2 * rows + 1);
    const std::int64_t right = draw(randoms[i], -columns, 2 * columns + 1);
    shift_into(all, images.bytes() + i * all.bytes(), down, right, result.bytes() + i * all.bytes());
  }
  return result;
}

Array random_flip_of(const Images& all, const Array& images, std::span<RandomStream> randoms) {
  Array result = images.clone();
  for (std::size_t i = 0; i < randoms.size(); ++i) {
    if (randoms[i].below(2) == 1) flip_in_place(all, result.bytes() + i * all.bytes());
  }
  return result;
}

/// `axis` is that of the height.
Array random_crop_of(const Images& all, const Array& images, std::size_t axis, std::int64_t height, std::int64_t width,
                     std::span<RandomStream> randoms) {
  if (height < 0 || width < 0 || height > all.height || width > all.width) {
    fail("random_crop: expected a part of {} by {} pixels, got {} by {}", all.height, all.width, height, width);
  }
  std::vector<std::int64_t> sizes = images.sizes();
  sizes[axis] = height;
  sizes[axis + 1] = width;
  Array result(images.dtype(), sizes);
  const Images parts{all.function, all.count, height, width, all.pixel};
  for (std::size_t i = 0; i < randoms.size(); ++i) {
    const std::int64_t top = draw(randoms[i], 0, all.height - height + 1);
    const std::int64_t left = draw(randoms[i], 0, all.width - width + 1);
    copy_rectangle(all, images.bytes() + i * all.bytes(), top, left, parts, result.bytes() + i * parts.bytes(), 0, 0,
                   height, width);
  }
  return result;
}

Array random_noise_of(const Images& all, const Array& images, double deviation, std::span<RandomStream> randoms) {
  if (!(deviation >= 0) || std::isinf(deviation)) {
    fail("random_noise: expected a deviation of at least 0, got {}", deviation);
  }
  if (!is_float(images.dtype()) && images.dtype() != DType::kU8) {
    fail("random_noise: expected images of f32, f64 or u8, got {}", to_string(images.type()));
  }
  Array result = images.clone();
  visit_dtype(images.dtype(), [&]<typename T>(T) {
    const auto elements = result.data<T>();
    const std::size_t each = all.bytes() / sizeof(T);
    for (std::size_t i = 0; i < randoms.size(); ++i) {
      for (T& element : elements.subspan(i * each, each)) {
        const double noisy = static_cast<double>(element) + deviation * static_cast<double>(randoms[i].normal());
        if constexpr (std::is_same_v<T, std::uint8_t>) {
          element = static_cast<T>(std::clamp(std::nearbyint(noisy), 0.0, 255.0));
        } else {
          element = static_cast<T>(noisy);
        }
      }
    }
  });
  return result;
}

}  // namespace

Array shift(const Array& image, std::int64_t down, std::int64_t right, double fill) {
  const Images all = image_of(image, "shift");
  Array result = filled(image, fill, all.function);
  shift_into(all, image.bytes(), std::clamp(down, -all.height, all.height), std::clamp(right, -all.width, all.width),
             result.bytes());
  return result;
}

Array random_shift(const Array& image, std::int64_t rows, std::int64_t columns, RandomStream& random, double fill) {
  return random_shift_of(image_of(image, "random_shift"), image, rows, columns, {&random, 1}, fill);
}

Array random_shift(const Array& images, std::int64_t rows, std::int64_t columns, std::span<RandomStream> randoms,
                   double fill) {
  return random_shift_of(images_of(images, randoms, "random_shift"), images, rows, columns, randoms, fill);
}

Array flip_left_right(const Array& image) {
  const Images all = image_of(image, "flip_left_right");
  Array result = image.clone();
  flip_in_place(all, result.bytes());
  return result;
}

Array random_flip_left_right(const Array& image, RandomStream& random) {
  return random_flip_of(image_of(image, "random_flip_left_right"), image, {&random, 1});
}

Array random_flip_left_right(const Array& images, std::span<RandomStream> randoms) {
  return random_flip_of(images_of(images, randoms, "random_flip_left_right"), images, randoms);
}

Array crop(const Array& image, std::int64_t top, std::int64_t left, std::int64_t height, std::int64_t width) {
  const Images all = image_of(image, "crop");
  if (top < 0 || left < 0 || height < 0 || width < 0 || top > all.height || left > all.width ||
      height > all.height - top || width > all.width - left) {
    fail("crop: expected a part of {} by {} pixels, got {} by {} from row {} and column {}", all.height, all.width,
         height, width, top, left);
  }
  std::vector<std::int64_t> sizes = image.sizes();
  sizes[0] = height;
  sizes[1] = width;
  Array result(image.dtype(), sizes);
  copy_rectangle(all, image.bytes(), top, left, {all.function, 1, height, width, all.pixel}, result.bytes(), 0, 0,
                 height, width);
  return result;
}

Array random_crop(const Array& image, std::int64_t height, std::int64_t width, RandomStream& random) {
  return random_crop_of(image_of(image, "random_crop"), image, 0, height, width, {&random, 1});
}

Array random_crop(const Array& images, std::int64_t height, std::int64_t width, std::span<RandomStream> randoms) {
  return random_crop_of(images_of(images, randoms, "random_crop"), images, 1, height, width, randoms);
}

Array random_noise(const Array& image, double deviation, RandomStream& random) {
  return random_noise_of(image_of(image, "random_noise"), image, deviation, {&random, 1});
}

Array random_noise(const Array& images, double deviation, std::span<RandomStream> randoms) {
  return random_noise_of(images_of(images, randoms, "random_noise"), images, deviation, randoms);
}

}  // namespace sluice

#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>

#include "sluice/type.h"

namespace sluice {

/// Returns the bytes that an array takes, or nothing if no Array can be that large. For file headers, which may say
/// anything; no size is negative.
inline std::optional<std::uint64_t> byte_size(DType dtype, std::span<const std::int64_t> sizes) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max() / 2;
  std::uint64_t bytes = size_of(dtype);
  for (const std::int64_t size : sizes) {
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes) || bytes > kLargest)
      return std::nullopt;
  }
  return bytes;
}

}  // namespace sluice

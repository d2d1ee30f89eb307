#include <zlib.h>

#include <algorithm>
#include <vector>

#include "sluice/image.h"
#include "sluice/picture.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

namespace {

std::uint32_t load(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

/// Corrects the checksums of a PNG file's chunks, without which no mutation would get through.
void correct_checksums(std::vector<std::uint8_t>& png) {
  constexpr std::size_t kSignature = 8;
  constexpr std::size_t kAround = 12;  // size, type and checksum
  for (std::size_t at = kSignature; at + kAround <= png.size();) {
    const std::size_t size = load(&png[at]);
    if (size > png.size() - at - kAround) return;
    const uLong crc = crc32(crc32(0, nullptr, 0), &png[at + 4], static_cast<uInt>(size + 4));
    for (std::size_t i = 0; i < 4; ++i) png[at + 8 + size + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
    at += kAround + size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::uint8_t> bytes(data, data + size);
  if (size > 8 && data[0] == 0x89) {
    correct_checksums(bytes);
    // Large pictures take time and reveal nothing that small ones do not.
    constexpr std::uint32_t kSide = 256;
    if (size > 24 && (load(&bytes[16]) > kSide || load(&bytes[20]) > kSide)) return 0;
  }
  const fuzz::MemoryFile file(bytes.data(), bytes.size());
  return fuzz::read_or_refuse([&] {
    const Array pictures = read_pictures(file.path());
    if (pictures.sizes()[0] == 0 || pictures.sizes()[1] > 1000 || pictures.sizes()[2] > 1000) return;
    const Array first = picture_at(pictures, 0);
    fitted(first, 28, 28);
    centered(inverted(first), 28, 28);
  });
}

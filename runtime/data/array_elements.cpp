#include "runtime/data/array_elements.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "runtime/io/byte_size.h"
#include "sluice/error.h"

namespace sluice {

Array read_elements(ByteInput& input, DType dtype, std::vector<std::int64_t> sizes) {
  const std::string name = input.path().string();
  const std::string type = to_string(Type{dtype, Shape::of(sizes)});
  const std::optional<std::uint64_t> expected = byte_size(dtype, sizes);
  const std::optional<std::uint64_t> most = input.most_bytes();
  if (!expected || (input.gzipped() && most && *expected > *most)) {
    fail("{}: its header says {}, which does not fit {}", name, type,
         input.file_size() ? fmt::format("a file of {} bytes", *input.file_size()) : "any file");
  }
  const auto to_bytes = [](Array& array) {
    return std::span(reinterpret_cast<std::uint8_t*>(array.bytes()), array.byte_count());
  };
  std::optional<Array> array;
  std::uint64_t came = 0;
  if (most && *expected <= *most) {
    array.emplace(dtype, sizes);
    came = input.read(to_bytes(*array));
  } else {
    const std::vector<std::uint8_t> bytes = input.read_up_to(*expected);
    came = bytes.size();
    if (came == *expected) {
      array.emplace(dtype, sizes);
      std::ranges::copy(bytes, to_bytes(*array).begin());
    }
  }
  constexpr std::uint64_t kCounted = 1 << 20;  // a pipe may never end
  const std::uint64_t more = input.read_up_to(kCounted).size();
  if (came + more != *expected) {
    fail("{}: expected {} bytes of data for {}, got {}{}", name, *expected, type, more == kCounted ? "at least " : "",
         came + more);
  }
  const auto is_bool = [](std::uint8_t byte) { return byte <= 1; };
  if (dtype == DType::kBool && !std::ranges::all_of(to_bytes(*array), is_bool))
    fail("{}: expected bools, which are bytes 0 and 1", name);
  return *std::move(array);
}

}  // namespace sluice

#include "sluice/array_file.h"

#include <string>

#include "runtime/io/byte_input.h"
#include "sluice/error.h"
#include "sluice/idx.h"
#include "sluice/npy.h"

namespace sluice {

Array read_array(const std::filesystem::path& path) {
  ByteInput input(path);
  return read_array(input);
}

Array read_array(ByteInput& input) {
  constexpr std::uint8_t kFirstOfNpy = 0x93;
  const auto first = input.peek(1);
  if (!first.empty() && first[0] == kFirstOfNpy) return read_npy(input);
  if (first.empty() || first[0] != 0) fail("{}: expected a file of NumPy (.npy) or an idx file", input.path().string());
  return read_idx(input);
}

Dataset read_dataset(const std::filesystem::path& images, const std::filesystem::path& labels) {
  Array examples = read_array(images);
  Array known = read_array(labels);
  if (examples.rank() < 1 || known.rank() < 1 || examples.sizes()[0] != known.sizes()[0]) {
    fail("{}: expected a label for each row of {}, got {} and {}", labels.string(), images.string(),
         to_string(known.type()), to_string(examples.type()));
  }
  if (examples.rank() == 1 && is_integer(examples.dtype()) && known.rank() > 1) {
    fail(
        "{}: expected examples, got {}, and {} in {} for its labels: are the two files exchanged? (if this is meant, "
        "make a Dataset of two read_array)",
        images.string(), to_string(examples.type()), to_string(known.type()), labels.string());
  }
  return {std::move(examples), std::move(known)};
}

}  // namespace sluice

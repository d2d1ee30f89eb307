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

Dataset read_dataset(const std::filesystem::path& inputs, const std::filesystem::path& targets) {
  Array input = read_array(inputs);
  Array target = read_array(targets);
  if (input.rank() < 1 || target.rank() < 1 || input.sizes()[0] != target.sizes()[0]) {
    fail("{}: expected a target for each row of {}, got {} and {}", targets.string(), inputs.string(),
         to_string(target.type()), to_string(input.type()));
  }
  if (input.rank() == 1 && is_integer(input.dtype()) && target.rank() > 1) {
    fail(
        "{}: expected inputs, got {}, and {} in {} for their targets: are the two files exchanged? (if this is meant, "
        "make a Dataset of two read_array)",
        inputs.string(), to_string(input.type()), to_string(target.type()), targets.string());
  }
  return {std::move(input), std::move(target)};
}

}  // namespace sluice

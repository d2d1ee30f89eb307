#pragma once

#include <cstdint>
#include <vector>

#include "runtime/io/byte_input.h"
#include "sluice/type.h"

namespace sluice {

/// What precedes the elements in a npy file.
struct NpyHeader {
  DType dtype;
  std::vector<std::int64_t> sizes;
  std::uint64_t bytes;  ///< of the file before the elements
};

/// Reads it, and checks what read_npy checks.
NpyHeader read_npy_header(ByteInput& input);

}  // namespace sluice

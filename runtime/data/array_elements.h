#pragma once

#include <vector>

#include "runtime/io/byte_input.h"
#include "sluice/array.h"

namespace sluice {

/// Reads the elements of an array, which are the rest of `input`. Allocates only what the file can contain or has
/// delivered, whatever sizes its header claims. Throws Error for fewer or more bytes, and for bools other than 0 and 1.
Array read_elements(ByteInput& input, DType dtype, std::vector<std::int64_t> sizes);

}  // namespace sluice

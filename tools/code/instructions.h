#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backend/codegen/codegen.h"
#include "backend/target.h"
#include "tools/code/kernel_code.h"

namespace sluice::tools {

/// Where the instructions of an object's code are.
struct Instructions {
  /// For each line of the assembly, the bytes from the function `symbol` to it; for a label, to what follows it.
  std::vector<std::int64_t> offsets;
  std::int64_t end = 0;  ///< of the code
};

/// Finds the lines of `assembly`, as traced_assembly returns them, in the machine code that is made of the same module,
/// by decoding it. Empty if the two do not match or the code has several sections.
std::optional<Instructions> instructions_of(const backend::ObjectCode& object, const std::string& symbol,
                                            const std::vector<TracedLine>& assembly, const backend::Target& target);

}  // namespace sluice::tools

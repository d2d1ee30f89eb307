#pragma once

#include <string>
#include <vector>

#include "backend/codegen/codegen.h"

namespace sluice::backend::aot {

/// Returns the names that an object needs others to define, sorted.
std::vector<std::string> undefined_symbols(const ObjectCode& object);

/// Throws Error if an object needs a function that is neither one of libc's for memory nor one of libm.
void check_undefined_symbols(const ObjectCode& object, const std::string& graph);

}  // namespace sluice::backend::aot

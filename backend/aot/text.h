#pragma once

#include <string>

#include "backend/aot/entry.h"
#include "backend/aot/names.h"

namespace sluice::backend::aot {

/// The facts that the header and the page state.
struct Described {
  const Specification& specification;
  const MemoryMap& memory;
  const Levels& levels;
  const Names& names;
};

std::string header_text(const Described& described);
std::string page_text(const Described& described, const ObjectCode& object);

/// Returns the declaration of a function of the header, without its prefix: "init", "run", "memory_bytes".
std::string declaration(const Described& described, std::string_view function);
std::string_view c_type(DType dtype);  ///< "float"
/// Returns the CPUs in words: "x86-64-v3 or later".
std::string cpus_text(const Described& described);
/// Returns the bytes of memory for `threads` threads, where the export knows all sizes.
std::int64_t static_bytes(const Described& described, int threads);

}  // namespace sluice::backend::aot

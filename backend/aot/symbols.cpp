#include "backend/aot/symbols.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <llvm/Object/ObjectFile.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "sluice/error.h"

namespace sluice::backend::aot {

namespace {

/// Functions of libc for memory, and of libm, each also with the suffix f.
constexpr std::array kMemory = std::to_array<std::string_view>({"memcpy", "memmove", "memset"});
constexpr std::array kMath = std::to_array<std::string_view>(
    {"acos",      "asin", "atan",  "atan2", "ceil",      "cos",  "cosh", "erf",  "erfc",  "exp",   "exp2",
     "expm1",     "fabs", "floor", "fma",   "fmax",      "fmin", "fmod", "log",  "log10", "log1p", "log2",
     "nearbyint", "pow",  "rint",  "round", "roundeven", "sin",  "sinh", "sqrt", "tan",   "tanh",  "trunc"});

bool is_allowed(std::string_view name) {
  const auto in = [&](const auto& list, std::string_view one) { return std::ranges::find(list, one) != list.end(); };
  return in(kMemory, name) || in(kMath, name) || (name.ends_with('f') && in(kMath, name.substr(0, name.size() - 1)));
}

}  // namespace

std::vector<std::string> undefined_symbols(const ObjectCode& object) {
  const llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), "export");
  auto file = llvm::object::ObjectFile::createObjectFile(buffer);
  if (!file) fail("export: the object cannot be read: {}", llvm::toString(file.takeError()));
  std::vector<std::string> names;
  for (const llvm::object::SymbolRef& symbol : (*file)->symbols()) {
    auto flags = symbol.getFlags();
    auto name = symbol.getName();
    if (!flags || !name) fail("export: the object has a damaged symbol");
    if ((*flags & llvm::object::BasicSymbolRef::SF_Undefined) != 0 && !name->empty()) names.push_back(name->str());
  }
  std::ranges::sort(names);
  return names;
}

void check_undefined_symbols(const ObjectCode& object, const std::string& graph) {
  std::vector<std::string> wrong;
  for (const std::string& name : undefined_symbols(object)) {
    if (!is_allowed(name)) wrong.push_back(name);
  }
  if (wrong.empty()) return;
  fail(
      "export: the code of @{} for this CPU calls {}, which neither libc nor libm has: select a CPU with the "
      "instructions for it",
      graph, fmt::join(wrong, ", "));
}

}  // namespace sluice::backend::aot

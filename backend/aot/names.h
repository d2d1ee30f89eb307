#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "backend/aot/memory_map.h"

namespace sluice::backend::aot {

/// Identifiers of C, each once.
class Identifiers {
 public:
  /// Returns `name` with other characters than letters and digits replaced by underscores, and a number behind it if it
  /// is taken.
  std::string of(std::string_view name);

 private:
  std::set<std::string, std::less<>> taken_;
};

bool is_identifier(std::string_view name);
std::string upper_case(std::string_view name);
/// Returns `text` for a comment of C.
std::string for_comment(std::string_view text);

/// The names in C of the arguments of run, and of the enumerators of variables.
struct Names {
  std::vector<std::string> symbols;
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  std::vector<std::string> variables;
};
Names names_of(const Specification& specification, const MemoryMap& memory);

}  // namespace sluice::backend::aot

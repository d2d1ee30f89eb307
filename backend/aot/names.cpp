#include "backend/aot/names.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sluice/printable.h"

namespace sluice::backend::aot {

namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Keywords of C and C++, and the names of types that headers of C define.
constexpr std::array kReserved = std::to_array<std::string_view>(
    {"alignas",   "alignof",   "and",      "asm",      "auto",      "bool",     "break",   "case",     "catch",
     "char",      "class",     "concept",  "const",    "constexpr", "continue", "default", "delete",   "do",
     "double",    "else",      "enum",     "explicit", "export",    "extern",   "false",   "final",    "float",
     "for",       "friend",    "goto",     "if",       "inline",    "int",      "int32_t", "int64_t",  "long",
     "mutable",   "namespace", "new",      "not",      "nullptr",   "operator", "or",      "override", "private",
     "protected", "public",    "register", "requires", "restrict",  "return",   "short",   "signed",   "sizeof",
     "static",    "struct",    "switch",   "template", "this",      "throw",    "true",    "try",      "typedef",
     "typename",  "uint8_t",   "union",    "unsigned", "using",     "virtual",  "void",    "volatile", "while",
     "xor",       "context",   "uint64_t", "uint32_t", "int8_t",    "compl",    "bitand",  "bitor",    "typeof",
     "unix",      "linux",     "errno",    "NULL",     "EOF",       "I",        "and_eq",  "or_eq",    "not_eq"});

}  // namespace

std::string Identifiers::of(std::string_view name) {
  std::string identifier(name.empty() || !is_letter(name[0]) ? 1 : 0, 'x');
  for (const char c : name) {
    const bool fits = is_letter(c) || is_digit(c);
    if (fits || !identifier.ends_with('_')) identifier += fits ? c : '_';
  }
  if (std::ranges::find(kReserved, identifier) != kReserved.end()) identifier += '_';
  std::string unique = identifier;
  for (int i = 2; !taken_.insert(unique).second; ++i) unique = fmt::format("{}_{}", identifier, i);
  return unique;
}

bool is_identifier(std::string_view name) {
  const auto is_word = [](char c) { return is_letter(c) || is_digit(c) || c == '_'; };
  return !name.empty() && is_letter(name[0]) && std::ranges::all_of(name, is_word) &&
         std::ranges::find(kReserved, name) == kReserved.end();
}

std::string upper_case(std::string_view name) {
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return upper;
}

std::string for_comment(std::string_view text) {
  std::string safe = printable(text);
  for (std::size_t end = safe.find("*/"); end != std::string::npos; end = safe.find("*/", end)) safe[end + 1] = '_';
  return safe;
}

Names names_of(const Specification& specification, const MemoryMap& memory) {
  Names names;
  Identifiers arguments;
  for (const Symbol symbol : memory.symbols) names.symbols.push_back(arguments.of(symbol.name()));
  for (const ir::Parameter& parameter : specification.graph.parameters())
    names.inputs.push_back(arguments.of(parameter.name));
  for (std::size_t i = 0; i < specification.graph.results().size(); ++i) {
    const bool named = i < specification.result_names.size();
    names.outputs.push_back(arguments.of(named ? specification.result_names[i] : fmt::format("result_{}", i)));
  }
  Identifiers enumerators;
  enumerators.of("VARIABLES");
  enumerators.of("MEMORY_BYTES");
  for (const Variable& variable : specification.variables)
    names.variables.push_back(
        fmt::format("{}_{}", upper_case(specification.prefix), enumerators.of(upper_case(variable.name))));
  return names;
}

}  // namespace sluice::backend::aot

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backend/aot/c_sources.h"
#include "backend/aot/text.h"
#include "sluice/size.h"

namespace sluice::backend::aot {

namespace {

/// Returns the part of sluice_export.h that all headers repeat, so that each can be used alone.
std::string_view shared_text() {
  const std::string_view text = c::kSluiceExportH;
  return text.substr(text.find("#ifndef SLUICE_EXPORT_1"));
}

std::string initial_text(const Variable& variable) {
  if (!variable.initial) return "to be set before run";
  if (variable.initial->rank() > 0 || variable.type.shape.rank() == 0) return "its initial value is in the object";
  const std::string value = to_string(*variable.initial);  // "0 f32[]"
  return fmt::format("initially {}", value.substr(0, value.find(' ')));
}

std::string variables_text(const Described& described) {
  const std::vector<Variable>& variables = described.specification.variables;
  const std::string prefix = upper_case(described.specification.prefix);
  if (variables.empty()) return fmt::format("enum {{ {}_VARIABLES = 0 }};\n", prefix);
  std::string text = "/* Variables, by number. */\nenum {\n";
  for (std::size_t i = 0; i < variables.size(); ++i) {
    text += fmt::format("  {} = {}, /* \"{}\", {}; {} */\n", described.names.variables[i], i,
                        for_comment(variables[i].name), to_string(variables[i].type), initial_text(variables[i]));
  }
  return text + fmt::format("  {}_VARIABLES = {}\n}};\n", prefix, variables.size());
}

std::string sizes_text(const Described& described) {
  if (described.memory.symbols.empty()) return "All sizes are fixed.";
  std::string text;
  for (std::size_t i = 0; i < described.memory.symbols.size(); ++i) {
    if (i > 0) text += ", ";
    text += fmt::format("{}", described.names.symbols[i]);
    if (described.specification.largest)
      text += fmt::format(" (1 to {})", *described.specification.largest->find(described.memory.symbols[i]));
  }
  return fmt::format("The sizes {} differ from call to call.", text);
}

std::string arrays_text(const Described& described) {
  const ir::Graph& graph = described.specification.graph;
  std::string text;
  for (std::size_t i = 0; i < graph.parameters().size(); ++i)
    text += fmt::format("     {}: input, {}\n", described.names.inputs[i],
                        to_string(graph.type(graph.parameters()[i].value)));
  for (std::size_t i = 0; i < graph.results().size(); ++i)
    text += fmt::format("     {}: result, {}\n", described.names.outputs[i], to_string(graph.type(graph.results()[i])));
  return text;
}

std::string parameters_of(const Described& described, std::string_view function) {
  const ir::Graph& graph = described.specification.graph;
  const bool takes_largest = !described.specification.largest;
  std::vector<std::string> list;
  const auto add_sizes = [&](std::string_view before) {
    for (const std::string& symbol : described.names.symbols)
      list.push_back(fmt::format("int64_t {}{}", before, symbol));
  };
  if (function == "memory_bytes") {
    if (takes_largest) add_sizes("most_");
    list.emplace_back("int32_t threads");
  } else if (function == "init" || function == "init_zeroed") {
    list = {"sluice_context* context", "void* memory", "int64_t bytes"};
    if (takes_largest) add_sizes("most_");
    list.emplace_back("const sluice_team* team");
  } else {
    list = {"sluice_context* context"};
    add_sizes("");
    for (std::size_t i = 0; i < graph.parameters().size(); ++i)
      list.push_back(fmt::format("const {}* {}", c_type(graph.type(graph.parameters()[i].value).dtype),
                                 described.names.inputs[i]));
    for (std::size_t i = 0; i < graph.results().size(); ++i)
      list.push_back(fmt::format("{}* {}", c_type(graph.type(graph.results()[i]).dtype), described.names.outputs[i]));
  }
  return fmt::format("{}", fmt::join(list, ", "));
}

/// Returns the functions, with the placeholder PREFIX_ for their names.
std::string functions_text(const Described& described) {
  std::string text = fmt::format(
      R"(/* Returns the bytes of memory that a context needs{}, or, if that cannot be, one of the codes
   above. */
{};

/* Makes a context of `memory`, of which the caller hands over `bytes` and which must be aligned to PREFIX_ALIGNMENT and
   stay, unused by others, as long as the context is used. There is nothing to free afterwards. All variables get their
   initial values. `team` is copied; null: one thread. */
{};

/* Does what init does, for memory whose bytes are all 0, such as fresh memory of calloc or mmap, or a static array that
   nothing has used: variables that are initially 0 are not written, so that their pages are first touched when they are
   used. If the memory is not 0 after all, these variables have what it holds, and nothing else differs. */
{};

/* Runs the function once. {}
{}   Arrays lie row by row, are aligned to their elements and must not overlap. A result is complete when run returns. */
{};

/* Copies the elements of a variable to or from `values`, an array of exactly `bytes` bytes. */
int32_t PREFIX_get(const sluice_context* context, int32_t variable, void* values, int64_t bytes);
int32_t PREFIX_set(sluice_context* context, int32_t variable, const void* values, int64_t bytes);

/* Describes a variable. The name stays as long as the program. */
int32_t PREFIX_describe(int32_t variable, sluice_variable* description);
)",
      described.memory.symbols.empty()  ? std::string_view(" with this many threads")
      : described.specification.largest ? " with this many threads, for all sizes up to the largest"
                                        : " for sizes up to these, with this many threads",
      declaration(described, "memory_bytes"), declaration(described, "init"), declaration(described, "init_zeroed"),
      sizes_text(described), arrays_text(described), declaration(described, "run"));
  const std::string name = "PREFIX";
  for (std::size_t found = text.find(name); found != std::string::npos; found = text.find(name, found)) {
    const bool upper = text.compare(found + name.size(), 10, "_ALIGNMENT") == 0;
    text.replace(found, name.size(),
                 upper ? upper_case(described.specification.prefix) : described.specification.prefix);
  }
  return text;
}

}  // namespace

std::string_view c_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "float";
    case DType::kF64:
      return "double";
    case DType::kI32:
      return "int32_t";
    case DType::kI64:
      return "int64_t";
    case DType::kU8:
    case DType::kBool:
      break;
  }
  return "uint8_t";
}

std::string cpus_text(const Described& described) {
  std::vector<std::string> cpus;
  for (const auto& level : described.levels) {
    const std::string& cpu = level->target().cpu;
    cpus.push_back(cpu == "x86-64" ? "any x86-64 CPU" : cpu);
  }
  if (cpus.size() == 1) return cpus[0];
  return fmt::format("{}; init selects the last one that the CPU can run", fmt::join(cpus, ", "));
}

std::int64_t static_bytes(const Described& described, int threads) {
  std::int64_t bytes = 0;
  const Bindings sizes = described.specification.largest.value_or(Bindings());
  for (const auto& level : described.levels) bytes = std::max(bytes, level->memory_bytes(sizes, threads));
  return bytes;
}

std::string declaration(const Described& described, std::string_view function) {
  return fmt::format("{} {}_{}({})", function == "memory_bytes" ? "int64_t" : "int32_t", described.specification.prefix,
                     function, parameters_of(described, function));
}

std::string header_text(const Described& described) {
  const std::string& prefix = described.specification.prefix;
  const std::string upper = upper_case(prefix);
  std::string text = fmt::format(
      "/* The function @{} as native code, made by Sluice for {}.\n   C99, C++, or anything that calls C. */\n"
      "#ifndef {}_H\n#define {}_H\n\n#include <stdint.h>\n\n#ifdef __cplusplus\nextern \"C\" {{\n#endif\n\n",
      for_comment(described.specification.graph.name()), for_comment(cpus_text(described)), upper, upper);
  text += shared_text();
  text += fmt::format("\n#define {}_ALIGNMENT 64\n", upper);
  if (described.specification.largest || described.memory.symbols.empty()) {
    // Shares of threads are rounded up to a cache line.
    const std::int64_t one = static_bytes(described, 1);
    const std::int64_t two = static_bytes(described, 2);
    const std::int64_t more = (two - one) + kLine;
    text += fmt::format(
        "/* At least what {}_memory_bytes returns, for static memory: _Alignas(64) static char "
        "memory[{}_MEMORY_BYTES(1)]. "
        "*/\n#define {}_MEMORY_BYTES(threads) (INT64_C({}) + ((threads) - 1) * INT64_C({}))\n",
        prefix, upper, upper, one, more);
  }
  text += fmt::format("\n{}\n{}", variables_text(described), functions_text(described));
  text += fmt::format(
      "\n/* All of these for code that works with any export. */\n"
      "static inline sluice_variables {}_variables(void) {{\n"
      "  sluice_variables all = {{{}_VARIABLES, {}_describe, {}_get, {}_set}};\n  return all;\n}}\n",
      prefix, upper, prefix, prefix, prefix);
  text += "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
  return text;
}

}  // namespace sluice::backend::aot

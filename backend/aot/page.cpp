#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backend/aot/symbols.h"
#include "backend/aot/text.h"

namespace sluice::backend::aot {

namespace {

std::string memory_text(const Described& described) {
  if (described.specification.largest || described.memory.symbols.empty())
    return fmt::format("{} bytes of memory for one thread, {} for two", static_bytes(described, 1),
                       static_bytes(described, 2));
  std::string text;
  for (const std::int64_t size : {1, 128}) {
    Bindings sizes;
    for (const Symbol symbol : described.memory.symbols) sizes.set(symbol, size);
    std::int64_t bytes = 0;
    for (const auto& level : described.levels) bytes = std::max(bytes, level->memory_bytes(sizes, 1));
    text += fmt::format("{}{} bytes with {}", text.empty() ? "" : ", ", bytes, to_string(sizes));
  }
  text += ", on one thread";
  return text;
}

std::string initial_word(const Variable& variable) {
  if (!variable.initial) return "to be set";
  return variable.initial->rank() == 0 ? "one value" : "in the object";
}

}  // namespace

std::string page_text(const Described& described, const ObjectCode& object) {
  const std::string& prefix = described.specification.prefix;
  const ir::Graph& graph = described.specification.graph;
  std::string text = fmt::format(
      "# {}\n\nThe function @{} as native code, for {}. {} bytes of object; {}.\n\n"
      "```c\n#include \"{}.h\"\n\n{};\n{};\n{};\n```\n\nThe header says what each function does. "
      "Link with `cc program.c {}.o -lm`.\n\n",
      prefix, graph.name(), cpus_text(described), object.size(), memory_text(described), prefix,
      declaration(described, "memory_bytes"), declaration(described, "init"), declaration(described, "run"), prefix);
  text += "| argument of run | | type |\n|---|---|---|\n";
  for (std::size_t i = 0; i < described.names.symbols.size(); ++i)
    text +=
        fmt::format("| `{}` | size | {} |\n", described.names.symbols[i],
                    described.specification.largest
                        ? fmt::format("1 to {}", *described.specification.largest->find(described.memory.symbols[i]))
                        : "1 to what init was given");
  for (std::size_t i = 0; i < graph.parameters().size(); ++i)
    text += fmt::format("| `{}` | input | {} |\n", described.names.inputs[i],
                        to_string(graph.type(graph.parameters()[i].value)));
  for (std::size_t i = 0; i < graph.results().size(); ++i)
    text +=
        fmt::format("| `{}` | result | {} |\n", described.names.outputs[i], to_string(graph.type(graph.results()[i])));
  if (!described.specification.variables.empty()) {
    text += "\n| variable | name | type | initial value | |\n|---|---|---|---|---|\n";
    for (std::size_t i = 0; i < described.specification.variables.size(); ++i) {
      const Variable& variable = described.specification.variables[i];
      text += fmt::format("| `{}` | {} | {} | {} | {} |\n", described.names.variables[i], variable.name,
                          to_string(variable.type), initial_word(variable), variable.changes ? "updated" : "read");
    }
  }
  const std::vector<std::string> needs = undefined_symbols(object);
  text += fmt::format("\nThe object calls {}.\n",
                      needs.empty() ? "no other code" : fmt::format("{}", fmt::join(needs, ", ")));
  return text;
}

}  // namespace sluice::backend::aot

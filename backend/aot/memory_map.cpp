#include "backend/aot/memory_map.h"

#include "ir/solve_sizes.h"

namespace sluice::backend::aot {

std::int64_t bytes_in_memory(const Type& type) {
  return element_count(state_layout(type), type.shape).size * static_cast<std::int64_t>(size_of(type.dtype));
}

MemoryMap memory_map(const Specification& specification) {
  MemoryMap map;
  map.symbols = ir::symbols_of(specification.graph);
  std::int64_t end = kTablesAt;
  const auto place = [&](std::size_t bytes) {
    const std::int64_t begin = end;
    end += static_cast<std::int64_t>(bytes);
    return begin;
  };
  map.largest = place(8 * map.symbols.size());
  map.sizes = place(8 * map.symbols.size());
  map.inputs = place(8 * specification.graph.parameters().size());
  map.outputs = place(8 * specification.graph.results().size());
  map.given = place(specification.variables.size());
  map.tables_end = end;
  for (const Variable& variable : specification.variables) {
    end = (end + kLine - 1) / kLine * kLine;
    map.variables.push_back(end);
    end += bytes_in_memory(variable.type) + kLine;  // a vector past the end may be read
  }
  map.end = (end + kLine - 1) / kLine * kLine;
  return map;
}

}  // namespace sluice::backend::aot

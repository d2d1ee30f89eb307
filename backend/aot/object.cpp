#include "backend/aot/object.h"

#include <fmt/format.h>

#include <string_view>

#include "backend/aot/cpu.h"
#include "backend/aot/entry.h"
#include "backend/aot/names.h"
#include "backend/aot/symbols.h"
#include "backend/aot/text.h"
#include "backend/codegen/module.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"

namespace sluice::backend::aot {

namespace {

/// Returns a number that contexts of other exports do not begin with (FNV-1a).
std::uint64_t magic_of(const Specification& specification) {
  std::string text = specification.prefix + ir::print(specification.graph);
  for (const std::string& cpu : specification.cpus) text += cpu;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001b3;
  return hash | 1;  // never that of memory that is 0
}

/// Returns the oldest CPU of the architecture, which runs what all levels share.
Target baseline() {
  const Target native = named_target("native");
  return native.triple.starts_with("x86_64") ? named_target("x86-64") : native;
}

void check(const Specification& specification) {
  if (!is_identifier(specification.prefix))
    fail("export: expected a prefix that is an identifier of C, got \"{}\"", specification.prefix);
  if (specification.cpus.empty()) fail("export: expected at least one CPU");
  SLUICE_CHECK(specification.variables.size() == specification.graph.states().size(), "{} variables for {} states",
               specification.variables.size(), specification.graph.states().size());
}

}  // namespace

ObjectFiles make_object(const Specification& specification) {
  check(specification);
  const MemoryMap memory = memory_map(specification);
  if (specification.largest) {
    for (const Symbol symbol : memory.symbols) {
      if (!specification.largest->find(symbol))
        fail("export: @{} has sizes of {}, so its memory is only known with the largest {}, too",
             specification.graph.name(), symbol.name(), symbol.name());
    }
  }
  Levels levels;
  for (const std::string& cpu : specification.cpus) {
    std::string name = specification.prefix;
    if (specification.cpus.size() > 1) name += fmt::format("_level{}", levels.size());
    levels.push_back(std::make_unique<Level>(specification, memory, checkable(named_target(cpu)), std::move(name)));
  }
  if (specification.largest) {
    for (const auto& level : levels) level->memory_bytes(*specification.largest, 1);  // throws if it is too much
  }
  const Target common = baseline();
  const Target& machine = levels.size() == 1 ? levels[0]->target() : common;
  const auto emit = [&](llvm::Module& module) {
    Constants constants;
    Emitter e(module, common);
    const Team team = emit_team(e, specification.prefix);
    for (const auto& level : levels) level->emit(module, constants, team);
    EntryCode(e, specification, memory, levels, magic_of(specification)).emit(constants);
  };
  ObjectFiles files;
  files.object = generate_module(specification.prefix, machine, {}, emit).object;
  check_undefined_symbols(files.object, specification.graph.name());
  const Names names = names_of(specification, memory);
  const Described described{specification, memory, levels, names};
  files.header = header_text(described);
  files.page = page_text(described, files.object);
  return files;
}

}  // namespace sluice::backend::aot

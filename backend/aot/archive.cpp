#include <llvm/Object/ArchiveWriter.h>

#include "backend/aot/c_sources.h"
#include "backend/aot/object.h"
#include "sluice/error.h"

namespace sluice::backend::aot {

std::vector<char> make_archive(const std::string& member, const ObjectCode& object) {
  const llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), member);
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(buffer);
  auto archive = llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU, true, false);
  if (!archive) fail("export: the library cannot be made: {}", llvm::toString(archive.takeError()));
  return {(*archive)->getBufferStart(), (*archive)->getBufferEnd()};
}

std::vector<SourceFile> c_sources() {
  return {{"sluice_export.h", c::kSluiceExportH},   {"sluice_memory.h", c::kSluiceMemoryH},
          {"sluice_memory.c", c::kSluiceMemoryC},   {"sluice_threads.h", c::kSluiceThreadsH},
          {"sluice_threads.c", c::kSluiceThreadsC}, {"sluice_weights.h", c::kSluiceWeightsH},
          {"sluice_weights.c", c::kSluiceWeightsC}};
}

}  // namespace sluice::backend::aot

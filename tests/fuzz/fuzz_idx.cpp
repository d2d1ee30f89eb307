#include "sluice/idx.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(data, size);
  return fuzz::read_or_refuse([&] { read_idx(file.path()); });
}

#include "sluice/array_file.h"
#include "sluice/memmap.h"
#include "sluice/npy.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(data, size);
  fuzz::read_or_refuse([&] { read_array(file.path()); });
  fuzz::read_or_refuse([&] { (void)fmt::format("{}", memmap_npy(file.path())); });
  return fuzz::read_or_refuse([&] { (void)fmt::format("{}", read_npy(file.path())); });
}

#include <cstdlib>

#include "sluice/memmap_safetensors.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(data, size);
  fuzz::read_or_refuse([&] {
    for (const auto& [name, array] : memmap_safetensors(file.path()).arrays) (void)fmt::format("{}", array);
  });
  return fuzz::read_or_refuse([&] {
    const SafeTensors tensors = read_safetensors(file.path());
    const fuzz::MemoryFile copy(nullptr, 0);
    write_safetensors(copy.path(), tensors);
    const SafeTensors again = read_safetensors(copy.path());
    if (again.arrays.size() != tensors.arrays.size() || again.metadata != tensors.metadata) std::abort();
  });
}

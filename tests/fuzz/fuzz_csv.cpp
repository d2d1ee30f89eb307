#include "sluice/csv.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(data, size);
  return fuzz::read_or_refuse([&] {
    const Table table = read_csv(file.path());
    for (const DType dtype : {DType::kF32, DType::kI64, DType::kU8})
      fuzz::read_or_refuse([&] { table.with_target(table.columns.back(), dtype); });
  });
}

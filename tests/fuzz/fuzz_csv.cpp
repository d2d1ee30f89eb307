#include "sluice/csv.h"
#include "sluice/frame.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::MemoryFile file(data, size);
  fuzz::read_or_refuse([&] {
    const Frame frame = read_frame(file.path(), {.header = CsvOptions::Header::kGuess});
    for (const std::string& column : frame.columns()) {
      fuzz::read_or_refuse([&] { frame.numbers({column}); });
      fuzz::read_or_refuse([&] { frame.text(column); });
    }
  });
  return fuzz::read_or_refuse([&] {
    const Table table = read_csv(file.path());
    for (const DType dtype : {DType::kF32, DType::kI64, DType::kU8})
      fuzz::read_or_refuse([&] { table.with_target(table.columns.back(), dtype); });
  });
}

#include "runtime/execution/flags.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  runtime::Flags flags;
  fuzz::read_or_refuse([&] { runtime::parse_log(text, "fuzz", flags); });
  return fuzz::read_or_refuse([&] { runtime::parse_flags(text, "fuzz", flags); });
}

#include <array>

#include "sluice/split.h"
#include "tests/fuzz/fuzz_file.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array<NamedDataset, 3> kParts{{{"train", {Array(DType::kU8, {10, 2}), Array(DType::kU8, {10})}},
                                                   {"test", {Array(DType::kU8, {3, 2}), Array(DType::kU8, {3})}},
                                                   {"none", {Array(DType::kU8, {0, 2}), Array(DType::kU8, {0})}}}};
  return fuzz::read_or_refuse([&] { split(kParts, {reinterpret_cast<const char*>(data), size}); });
}

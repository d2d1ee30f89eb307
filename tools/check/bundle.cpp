#include "tools/check/bundle.h"

#include <fmt/format.h>

#include <array>
#include <fstream>
#include <string>
#include <string_view>

#include "ir/error.h"
#include "ir/text.h"

namespace sluice::tools {

namespace {

void write(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream stream(file, std::ios::binary);
  stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!stream.flush()) fail("{}: cannot be written", file.string());
}

/// NumPy's format 1.0: a magic number, the length of the header, the header as a Python dictionary padded to a multiple
/// of 64 bytes in all, then the elements.
std::string npy(const Array& array) {
  constexpr std::array<std::string_view, kDTypeCount> kNames{"<f4", "<f8", "<i4", "<i8", "|u1", "|b1"};
  std::string sizes;
  for (const std::int64_t size : array.sizes()) sizes += fmt::format("{},", size);
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}",
                                   kNames[static_cast<std::size_t>(array.dtype())], sizes);
  constexpr std::size_t kPrefix = 10;
  header.append(63 - (kPrefix + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  bytes += header;
  bytes.append(reinterpret_cast<const char*>(array.bytes()), array.byte_count());
  return bytes;
}

}  // namespace

void write_bundle(const std::filesystem::path& folder, const ir::Graph& traced, const passes::Difference& difference) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) fail("{}: cannot be made: {}", folder.string(), error.message());
  write(folder / "graph.ir", ir::print(traced));
  const passes::Sample& sample = difference.sample;
  for (std::size_t i = 0; i < sample.inputs.size(); ++i)
    write(folder / fmt::format("input-{}-{}.npy", i, traced.parameters()[i].name), npy(sample.inputs[i]));
  for (std::size_t i = 0; i < sample.states.size(); ++i)
    write(folder / fmt::format("state-{}-{}.npy", i, traced.states()[i].name), npy(sample.states[i]));
  write(folder / "replay.txt",
        fmt::format("{}\n\nsluice check graph.ir --batches {} --seed {}\n\nsluice {}, text version {}, built by {}\n",
                    passes::to_string(difference), sample.batch_size, sample.seed, SLUICE_VERSION, ir::kTextVersion,
                    __VERSION__));
}

}  // namespace sluice::tools

#include "sluice/memmap.h"

#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/data/npy_header.h"
#include "runtime/data/rows.h"
#include "runtime/io/byte_input.h"
#include "runtime/io/byte_size.h"
#include "runtime/io/mapped_file.h"
#include "sluice/error.h"

namespace sluice {

Array memmap_npy(const std::filesystem::path& path) {
  const std::string name = path.string();
  ByteInput input(path);
  if (input.gzipped()) fail("{}: expected a plain npy file, which can be mapped, got a gzipped file", name);
  const NpyHeader header = read_npy_header(input);
  const std::optional<std::uint64_t> file_size = input.file_size();
  if (!file_size) fail("{}: expected a regular file, which can be mapped", name);
  const std::string type = to_string(Type{header.dtype, Shape::of(header.sizes)});
  const std::optional<std::uint64_t> bytes = byte_size(header.dtype, header.sizes);
  if (!bytes || *file_size != header.bytes + *bytes) {
    fail("{}: its header says {}, which does not fit a file of {} bytes", name, type, *file_size);
  }
  if (*bytes == 0) return {header.dtype, header.sizes};
  const auto mapped = std::make_shared<const MappedFile>(path, *file_size);
  return array_in(mapped, header.bytes, header.dtype, header.sizes, name);
}

Pipeline memmap_dataset(std::span<const std::filesystem::path> inputs, std::span<const std::filesystem::path> targets,
                        std::source_location where) {
  const Location location = detail::location_of(where);
  if (inputs.empty() || inputs.size() != targets.size()) {
    throw Error(fmt::format("memmap_dataset: expected a file of targets for each file of inputs, got {} and {} files",
                            targets.size(), inputs.size()),
                location);
  }
  std::vector<Pipeline> parts;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Array input = memmap_npy(inputs[i]);
    Array target = memmap_npy(targets[i]);
    if (input.rank() < 1 || target.rank() < 1 || input.sizes()[0] != target.sizes()[0]) {
      throw Error(fmt::format("{}: expected a target for each row of {}, got {} and {}", targets[i].string(),
                              inputs[i].string(), to_string(target.type()), to_string(input.type())),
                  location);
    }
    parts.emplace_back(Dataset(std::move(input), std::move(target)));
  }
  return parts.size() == 1 ? parts.front() : concat(parts, where);
}

}  // namespace sluice

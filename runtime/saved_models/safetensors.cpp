#include "sluice/safetensors.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <optional>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include "runtime/io/atomic_file.h"
#include "runtime/io/byte_size.h"
#include "runtime/io/json.h"
#include "runtime/io/mapped_file.h"
#include "sluice/error.h"
#include "sluice/memmap_safetensors.h"

namespace sluice {

namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they lie");

constexpr std::uint64_t kLongestHeader = 100'000'000;
constexpr std::size_t kAlignment = 8;
constexpr std::size_t kLargestRank = 64;
constexpr int kDeepest = 3;  // the header, an entry, its list of sizes
constexpr std::string_view kMetadata = "__metadata__";
constexpr std::string_view kChecksum = "crc32";  // the name in the metadata
constexpr std::string_view kNames[kDTypeCount] = {"F32", "F64", "I32", "I64", "U8", "BOOL"};

std::string_view name_of(DType dtype) { return kNames[static_cast<std::size_t>(dtype)]; }

/// The header's entry for one array.
struct Entry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> sizes;
  std::uint64_t begin = 0;  ///< from the end of the header
  std::uint64_t end = 0;
};

/// Reads the header's JSON. Every error starts with the file's name.
class HeaderReader {
 public:
  explicit HeaderReader(std::string file) : file_(std::move(file)) {}

  /// Returns the entries in the order of their data.
  std::vector<Entry> read(std::string_view text, SafeTensors& tensors) const {
    if (!text.starts_with('{')) fail("{}: expected a safetensors header, which starts with '{{'", file_);
    const nlohmann::json header = parse_json(text, file_, kDeepest);
    std::vector<Entry> entries;
    for (const auto& [name, value] : header.items()) {
      if (name == kMetadata) {
        read_metadata(value, tensors);
      } else {
        entries.push_back(read_entry(name, value));
      }
    }
    std::ranges::sort(entries, {}, [](const Entry& e) { return std::tie(e.begin, e.end); });
    return entries;
  }

 private:
  void read_metadata(const nlohmann::json& value, SafeTensors& tensors) const {
    if (!value.is_object()) fail("{}: expected {} to be an object of strings", file_, kMetadata);
    for (const auto& [key, text] : value.items()) {
      if (!text.is_string())
        fail("{}: expected {} to be an object of strings, {} is not", file_, kMetadata, shown(key));
      tensors.metadata.emplace(key, text.get<std::string>());
    }
  }

  Entry read_entry(const std::string& name, const nlohmann::json& value) const {
    const bool complete = value.is_object() && value.size() == 3 && value.contains("dtype") &&
                          value.contains("shape") && value.contains("data_offsets");
    if (!complete) fail("{}: {}: expected an object of dtype, shape and data_offsets", file_, shown(name));
    Entry entry{name, read_dtype(name, value["dtype"]), {}, 0, 0};
    for (const std::uint64_t size : read_numbers(name, "shape", value["shape"]))
      entry.sizes.push_back(static_cast<std::int64_t>(size));
    if (entry.sizes.size() > kLargestRank)
      fail("{}: {}: expected a rank of at most {}, got {}", file_, shown(name), kLargestRank, entry.sizes.size());
    const std::vector<std::uint64_t> offsets = read_numbers(name, "data_offsets", value["data_offsets"]);
    if (offsets.size() != 2 || offsets[0] > offsets[1])
      fail("{}: {}: expected two data_offsets, begin and end, in order", file_, shown(name));
    entry.begin = offsets[0];
    entry.end = offsets[1];
    const std::string type = to_string(Type{entry.dtype, Shape::of(entry.sizes)});
    const std::optional<std::uint64_t> bytes = byte_size(entry.dtype, entry.sizes);
    if (!bytes) fail("{}: {}: {} is too large", file_, shown(name), type);
    if (*bytes != entry.end - entry.begin) {
      fail("{}: {}: {} takes {} bytes, its data_offsets [{}, {}] hold {}", file_, shown(name), type, *bytes,
           entry.begin, entry.end, entry.end - entry.begin);
    }
    return entry;
  }

  DType read_dtype(const std::string& name, const nlohmann::json& value) const {
    for (int i = 0; i < kDTypeCount; ++i) {
      if (value == name_of(static_cast<DType>(i))) return static_cast<DType>(i);
    }
    fail("{}: {}: expected the dtype F32, F64, I32, I64, U8 or BOOL, got {}", file_, shown(name), shown(value));
  }

  std::vector<std::uint64_t> read_numbers(const std::string& name, std::string_view key,
                                          const nlohmann::json& value) const {
    std::vector<std::uint64_t> numbers;
    const auto is_size = [](const nlohmann::json& number) {
      return number.is_number_unsigned() &&
             number.get<std::uint64_t>() <= std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    };
    if (!value.is_array() || !std::ranges::all_of(value, is_size))
      fail("{}: {}: expected {} to be a list of whole numbers from 0 to 2^63-1", file_, shown(name), key);
    for (const nlohmann::json& number : value) numbers.push_back(number.get<std::uint64_t>());
    return numbers;
  }

  std::string file_;
};

/// Throws Error unless the arrays are contiguous and fill the data to its end.
void check_offsets(const std::string& file, const std::vector<Entry>& entries, std::uint64_t data_size) {
  std::uint64_t end = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != end) {
      fail("{}: {}: expected data that begin at offset {}, where those before end, got {}", file, shown(entry.name),
           end, entry.begin);
    }
    end = entry.end;
  }
  if (end != data_size) fail("{}: expected {} bytes of data, as the header says, got {}", file, end, data_size);
}

/// Returns the CRC-32 (zlib's) of all names, types, elements and metadata except itself, in the order of the names, so
/// it does not depend on how the contents are arranged.
std::string checksum(const SafeTensors& tensors) {
  uLong crc = crc32_z(0, nullptr, 0);
  const auto add = [&](const void* bytes, std::size_t count) {
    if (count > 0) crc = crc32_z(crc, static_cast<const Bytef*>(bytes), count);
  };
  const auto add_text = [&](const std::string& text) { add(text.c_str(), text.size() + 1); };
  for (const auto& [name, array] : tensors.arrays) {
    add_text(name);
    add_text(to_string(array.type()));
    add(array.bytes(), array.byte_count());
  }
  for (const auto& [key, text] : tensors.metadata) {
    add_text(key);
    add_text(text);
  }
  return fmt::format("{:08x}", crc);
}

/// Throws Error if the checksum of the contents differs from the one in their metadata, which it removes.
void check_checksum(const std::string& file, SafeTensors& tensors) {
  const auto found = tensors.metadata.find(kChecksum);
  if (found == tensors.metadata.end()) return;
  const std::string expected = std::move(found->second);
  tensors.metadata.erase(found);
  const std::string actual = checksum(tensors);
  if (actual != expected)
    fail("{}: is damaged: its contents have the {} {}, its header says {}", file, kChecksum, actual, shown(expected));
}

/// What precedes the data, and the stream after it.
struct OpenFile {
  std::string name;
  std::uint64_t size = 0;
  std::uint64_t data = 0;  ///< where the data begin
  std::vector<Entry> entries = {};
  SafeTensors tensors = {};  ///< with the metadata
  std::ifstream stream = {};

  void read(void* to, std::uint64_t bytes) {
    if (!stream.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes))) fail("{}: cannot be read", name);
  }
};

OpenFile open_safetensors(const std::filesystem::path& path) {
  OpenFile file{.name = path.string()};
  std::error_code code;
  file.size = std::filesystem::file_size(path, code);
  if (code) fail("{}: cannot be read: {}", file.name, code.message());
  file.stream.open(path, std::ios::binary);
  std::uint64_t header_size = 0;
  if (file.size < sizeof header_size)
    fail("{}: expected a safetensors file of at least {} bytes, got {}", file.name, sizeof header_size, file.size);
  file.read(&header_size, sizeof header_size);
  if (header_size > kLongestHeader)
    fail("{}: expected a safetensors header of at most {} bytes, got {}", file.name, kLongestHeader, header_size);
  const std::uint64_t rest = file.size - sizeof header_size;
  if (header_size > rest) fail("{}: expected a safetensors header of {} bytes, got {}", file.name, header_size, rest);
  std::string header(header_size, '\0');
  file.read(header.data(), header_size);
  file.entries = HeaderReader(file.name).read(header, file.tensors);
  check_offsets(file.name, file.entries, rest - header_size);
  file.data = sizeof header_size + header_size;
  return file;
}

}  // namespace

SafeTensors read_safetensors(const std::filesystem::path& path) {
  OpenFile file = open_safetensors(path);
  for (const Entry& entry : file.entries) {
    Array array(entry.dtype, entry.sizes);
    if (array.byte_count() > 0) file.read(array.bytes(), array.byte_count());
    const auto is_bool = [](std::byte b) { return b <= std::byte{1}; };
    if (entry.dtype == DType::kBool && !std::all_of(array.bytes(), array.bytes() + array.byte_count(), is_bool))
      fail("{}: {}: expected bools, which are bytes 0 and 1", file.name, shown(entry.name));
    file.tensors.arrays.emplace(entry.name, std::move(array));
  }
  check_checksum(file.name, file.tensors);
  return std::move(file.tensors);
}

SafeTensors memmap_safetensors(const std::filesystem::path& path) {
  OpenFile file = open_safetensors(path);
  const auto mapped = std::make_shared<const MappedFile>(path, file.size);
  for (const Entry& entry : file.entries) {
    const std::string name = fmt::format("{}: {}", file.name, shown(entry.name));
    Array array = entry.begin == entry.end ? Array(entry.dtype, entry.sizes)
                                           : array_in(mapped, file.data + entry.begin, entry.dtype, entry.sizes, name);
    file.tensors.arrays.emplace(entry.name, std::move(array));
  }
  file.tensors.metadata.erase(std::string(kChecksum));
  return std::move(file.tensors);
}

void write_safetensors(const std::filesystem::path& path, const SafeTensors& tensors) {
  // Wide elements first, so that all are aligned without padding.
  std::vector<std::pair<std::string_view, const Array*>> order;
  for (const auto& [name, array] : tensors.arrays) order.emplace_back(name, &array);
  std::ranges::stable_sort(order, std::greater<>(), [](const auto& entry) { return size_of(entry.second->dtype()); });

  auto metadata = tensors.metadata;
  metadata[std::string(kChecksum)] = checksum(tensors);
  std::string text = "{";
  // Not one JSON object: it would search linearly for keys in the order of the data.
  const auto add = [&](std::string_view key, const nlohmann::ordered_json& value) {
    if (text.size() > 1) text += ',';
    text += nlohmann::ordered_json(key).dump() + ':' + value.dump();
  };
  try {
    add(kMetadata, metadata);
    std::uint64_t offset = 0;
    for (const auto& [name, array] : order) {
      if (name == kMetadata) fail("{}: no array can be called '{}' in a safetensors file", path.string(), kMetadata);
      const std::uint64_t end = offset + array->byte_count();
      add(name, {{"dtype", name_of(array->dtype())}, {"shape", array->sizes()}, {"data_offsets", {offset, end}}});
      offset = end;
    }
  } catch (const nlohmann::json::type_error&) {
    fail("{}: expected the names of arrays and the metadata in UTF-8", path.string());
  }
  text += '}';
  while (text.size() % kAlignment != 0) text += ' ';
  if (text.size() > kLongestHeader)
    fail("{}: expected a safetensors header of at most {} bytes, got {}", path.string(), kLongestHeader, text.size());

  AtomicFile file(path);
  const std::uint64_t header_size = text.size();
  file.write(std::as_bytes(std::span(&header_size, 1)));
  file.write(text);
  for (const auto& [name, array] : order) file.write(std::span(array->bytes(), array->byte_count()));
  file.commit();
}

}  // namespace sluice

#include "backend/object_cache.h"

#include <fmt/format.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/Support/SHA256.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>

#include "backend/sources_hash.h"
#include "ir/text.h"

namespace sluice::backend {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t kDefaultLimit = 256U << 20U;
constexpr std::string_view kMagic = "sluice-objects 1\n";
constexpr std::size_t kHashBytes = 32;

std::string sha256(std::string_view bytes) {
  const auto* const first = reinterpret_cast<const std::uint8_t*>(bytes.data());
  const std::array<std::uint8_t, kHashBytes> hash =
      llvm::SHA256::hash(llvm::ArrayRef<std::uint8_t>(first, bytes.size()));
  return {hash.begin(), hash.end()};
}

void append_number(std::string& out, std::uint64_t number) {
  for (int i = 0; i < 8; ++i) out += static_cast<char>(number >> (8 * i));
}

std::optional<std::uint64_t> take_number(std::string_view& bytes) {
  if (bytes.size() < 8) return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i)
    number |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  bytes.remove_prefix(8);
  return number;
}

/// The objects behind each other, each after its size.
std::string pack(const std::vector<ObjectCode>& objects) {
  std::string out;
  for (const ObjectCode& object : objects) {
    append_number(out, object.size());
    out.append(object.data(), object.size());
  }
  return out;
}

std::optional<std::vector<ObjectCode>> unpack(std::string_view bytes) {
  std::vector<ObjectCode> objects;
  while (!bytes.empty()) {
    const std::optional<std::uint64_t> size = take_number(bytes);
    if (!size || *size > bytes.size()) return std::nullopt;
    objects.emplace_back(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(*size));
    bytes.remove_prefix(*size);
  }
  return objects;
}

std::optional<fs::path> folder_of(const char* variable, const char* below) {
  const char* const value = std::getenv(variable);
  if (value == nullptr || *value == 0) return std::nullopt;
  return fs::path(value) / below;
}

/// A file of this process and moment, beside the one that it becomes.
fs::path temporary_beside(const fs::path& file) {
  static std::atomic<int> count{0};
  return file.parent_path() / fmt::format("{}.{}.{}.tmp", file.filename().string(), ::getpid(), count.fetch_add(1));
}

/// Whether a file is named as entries and what becomes one are: by a hash, which is in hexadecimal.
bool is_entry(const fs::path& file) {
  const std::string name = file.filename().string();
  const std::size_t digits = std::min(name.find_first_not_of("0123456789abcdef"), name.size());
  return digits == 2 * kHashBytes && (digits == name.size() || name.ends_with(".tmp"));
}

}  // namespace

std::optional<ObjectCache> ObjectCache::from_environment() {
  const char* const chosen = std::getenv("SLUICE_CACHE_DIR");
  if (chosen != nullptr && *chosen == 0) return std::nullopt;
  std::optional<fs::path> folder = folder_of("SLUICE_CACHE_DIR", "");
  if (!folder) folder = folder_of("XDG_CACHE_HOME", "sluice/objects");
  if (!folder) folder = folder_of("HOME", ".cache/sluice/objects");
  if (!folder) return std::nullopt;
  return ObjectCache(*folder, kDefaultLimit);
}

std::optional<std::vector<ObjectCode>> ObjectCache::load(const std::string& key) const {
  const fs::path file = folder_ / key;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  std::string_view rest = content;
  if (!rest.starts_with(kMagic)) return std::nullopt;
  rest.remove_prefix(kMagic.size());
  if (rest.size() < kHashBytes || rest.substr(0, kHashBytes) != sha256(rest.substr(kHashBytes))) return std::nullopt;
  rest.remove_prefix(kHashBytes);
  // The key stands inside too: a file under another's name is not taken for it.
  if (!rest.starts_with(key)) return std::nullopt;
  rest.remove_prefix(key.size());
  std::error_code ignored;
  fs::last_write_time(file, fs::file_time_type::clock::now(), ignored);  // used just now
  return unpack(rest);
}

void ObjectCache::store(const std::string& key, const std::vector<ObjectCode>& objects) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) return;
  const std::string content = key + pack(objects);
  const fs::path file = folder_ / key;
  const fs::path temporary = temporary_beside(file);
  std::ofstream stream(temporary, std::ios::binary);
  stream << kMagic << sha256(content) << content;
  stream.close();
  if (stream) fs::rename(temporary, file, error);
  if (!stream || error) {
    fs::remove(temporary, error);
    return;
  }
  shrink_to(limit_bytes_);
}

void ObjectCache::clear() const { shrink_to(0); }

void ObjectCache::shrink_to(std::uintmax_t bytes) const {
  struct Entry {
    fs::file_time_type used;
    fs::path file;
    std::uintmax_t bytes;
  };
  std::vector<Entry> entries;
  std::uintmax_t total = 0;
  std::error_code error;
  for (fs::directory_iterator i(folder_, error); !error && i != fs::directory_iterator(); i.increment(error)) {
    if (!is_entry(i->path())) continue;  // the folder may be anyone's
    std::error_code gone;                // another process may remove files at the same time
    const Entry entry{i->last_write_time(gone), i->path(), i->file_size(gone)};
    if (gone) continue;
    entries.push_back(entry);
    total += entry.bytes;
  }
  std::ranges::sort(entries, {}, &Entry::used);
  for (const Entry& entry : entries) {
    if (total <= bytes) break;
    std::error_code ignored;
    fs::remove(entry.file, ignored);
    total -= entry.bytes;
  }
}

std::string object_key(const ir::Graph& fused, const Target& target, const PlanOptions& options) {
  const std::string all =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", kSourcesHash, LLVM_VERSION_STRING, target.triple, target.cpu,
                  target.features, target.second_cache_bytes, options.skip_zeros, ir::print(fused, {.hints = false}));
  return llvm::toHex(sha256(all), true);
}

}  // namespace sluice::backend

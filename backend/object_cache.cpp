#include "backend/object_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <llvm/ADT/StringExtras.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/Support/SHA256.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "backend/sources_hash.h"
#include "sluice/ir/text.h"

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

/// Concatenates the objects, each after its size.
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

/// An owned file descriptor, or none.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  explicit operator bool() const { return number_ >= 0; }
  int number() const { return number_; }

  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t count = ::write(number_, bytes.data(), bytes.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }
  /// Returns the next `size` bytes, or fewer at the end of the file.
  std::string read(std::size_t size) const {
    std::string bytes(size, 0);
    std::size_t have = 0;
    while (have < size) {
      const ssize_t count = ::read(number_, bytes.data() + have, size - have);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) break;
      have += static_cast<std::size_t>(count);
    }
    bytes.resize(have);
    return bytes;
  }

 private:
  int number_;
};

/// Returns whether only this user and root can have written to it.
bool is_private(const struct stat& status) {
  return status.st_uid == ::geteuid() && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Opens the cache's folder. Returns none if it does not exist, or if others may write to it: their code would be
/// executed.
Descriptor open_folder(const fs::path& folder) {
  const int number = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct stat status {};
  if (number < 0 || (::fstat(number, &status) == 0 && is_private(status))) return Descriptor(number);
  ::close(number);
  static std::atomic<bool> told{false};
  if (!told.exchange(true)) {
    std::fprintf(stderr, "sluice: the object cache %s is not used: it is not yours, or others may write to it\n",
                 folder.c_str());
  }
  return Descriptor(-1);
}

/// Creates it for this user alone, whatever the umask.
void make_folder(fs::path folder) {
  if (!folder.has_filename()) folder = folder.parent_path();  // of "cache/"
  std::error_code ignored;
  fs::create_directories(folder.parent_path(), ignored);
  ::mkdir(folder.c_str(), S_IRWXU);
}

/// Returns the contents of `name`, if that is a file of at most `limit_bytes` that only this user can have written.
/// Neither follows links nor waits for or reads pipes and devices.
std::string read_entry(const Descriptor& folder, const std::string& name, std::uintmax_t limit_bytes) {
  const Descriptor file(::openat(folder.number(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.number(), &status) != 0 || !S_ISREG(status.st_mode) || !is_private(status)) return {};
  if (static_cast<std::uintmax_t>(status.st_size) > limit_bytes) return {};
  ::futimens(file.number(), nullptr);  // marks it as recently used
  return file.read(static_cast<std::size_t>(status.st_size));
}

/// Returns a name unique to this process and moment, for a file that will become the entry `name`.
std::string temporary_name(const std::string& name) {
  static std::atomic<int> count{0};
  return fmt::format("{}.{}.{}.tmp", name, ::getpid(), count.fetch_add(1));
}

/// Appends all lines that the nodes of a graph and of the bodies in it come from.
void append_lines(std::string& out, const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) {
    for (const ir::Origin& origin : node.origins) {
      out += origin.gradient ? 'g' : 'o';
      if (origin.stack == nullptr) continue;
      append_number(out, origin.stack->user_frame);
      for (const Location& frame : origin.stack->frames)
        out += fmt::format("{}:{}:{}\n", frame.file, frame.line, frame.column);
    }
    out += '\n';
    if (node.op == ir::Op::kFused) append_lines(out, node.attributes.body());
  }
}

/// Returns whether a file is named like an entry or a future one: by a hash in hexadecimal.
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
  const Descriptor folder = open_folder(folder_);
  if (!folder) return std::nullopt;
  const std::string content = read_entry(folder, key, limit_bytes_);
  std::string_view rest = content;
  if (!rest.starts_with(kMagic)) return std::nullopt;
  rest.remove_prefix(kMagic.size());
  if (rest.size() < kHashBytes || rest.substr(0, kHashBytes) != sha256(rest.substr(kHashBytes))) return std::nullopt;
  rest.remove_prefix(kHashBytes);
  // The contents include the key, so a renamed file is not mistaken for another entry.
  if (!rest.starts_with(key)) return std::nullopt;
  rest.remove_prefix(key.size());
  return unpack(rest);
}

void ObjectCache::store(const std::string& key, const std::vector<ObjectCode>& objects) const {
  make_folder(folder_);
  const Descriptor folder = open_folder(folder_);
  if (!folder) return;
  const std::string content = key + pack(objects);
  const std::string temporary = temporary_name(key);
  const Descriptor file(::openat(folder.number(), temporary.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!file) return;
  const bool whole = file.write(kMagic) && file.write(sha256(content)) && file.write(content);
  if (!whole || ::renameat(folder.number(), temporary.c_str(), folder.number(), key.c_str()) != 0) {
    ::unlinkat(folder.number(), temporary.c_str(), 0);
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
    if (!is_entry(i->path())) continue;  // the folder may contain other files
    std::error_code gone;                // another process may be removing files
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

std::string object_key(const ir::Graph& fused, const Target& target, const PlanOptions& options, bool debug_info) {
  std::string all =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", kSourcesHash, LLVM_VERSION_STRING, target.triple, target.cpu,
                  target.features, target.second_cache_bytes, options.skip_zeros, ir::print(fused, {.hints = false}));
  if (debug_info) {
    std::error_code error;  // the folder is in the code, too
    all += fmt::format("debug {}\n", fs::current_path(error).string());
    append_lines(all, fused);
  }
  return llvm::toHex(sha256(all), true);
}

}  // namespace sluice::backend

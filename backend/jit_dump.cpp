#include "backend/jit_dump.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>

#include "sluice/error.h"

namespace sluice::backend {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kDumpMagic = 0x4A695444;  // in the byte order of the machine, which it tells
constexpr std::uint32_t kDumpVersion = 1;
constexpr std::uint32_t kDumpHeaderBytes = 40;
constexpr std::size_t kRecordHeaderBytes = 16;
enum RecordKind : std::uint32_t { kCodeLoad = 0, kDebugInfo = 2 };

#if defined(__x86_64__)
constexpr std::uint32_t kElfMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kElfMachine = EM_AARCH64;
#else
constexpr std::uint32_t kElfMachine = EM_NONE;
#endif

/// The clock of `perf record -k 1`.
std::uint64_t now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

template <typename T>
void append(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void append_name(std::string& out, std::string_view name) {
  out += name;
  out += '\0';
}

std::string record(RecordKind kind, std::string_view body) {
  std::string out;
  append(out, static_cast<std::uint32_t>(kind));
  append(out, static_cast<std::uint32_t>(kRecordHeaderBytes + body.size()));
  append(out, now());
  out += body;
  return out;
}

}  // namespace

JitDump::JitDump(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  const fs::path name = folder / fmt::format("jit-{}.dump", ::getpid());
  file_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (file_ < 0) fail("cannot write {}: {}", name.string(), std::strerror(errno));
  std::string header;
  for (const std::uint32_t number : {kDumpMagic, kDumpVersion, kDumpHeaderBytes, kElfMachine, std::uint32_t{0},
                                     static_cast<std::uint32_t>(::getpid())})
    append(header, number);
  append(header, now());
  append(header, std::uint64_t{0});
  write(header);
  marker_bytes_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  marker_ = ::mmap(nullptr, marker_bytes_, PROT_READ | PROT_EXEC, MAP_PRIVATE, file_, 0);
  if (marker_ != MAP_FAILED) return;
  const int why = errno;
  ::close(file_);
  fail("cannot map {} as code, by which perf would find it: {}", name.string(), std::strerror(why));
}

JitDump::~JitDump() {
  ::munmap(marker_, marker_bytes_);
  ::close(file_);
}

JitDump& JitDump::of_process(const fs::path& folder) {
  static std::mutex mutex;
  static auto* const dumps = new std::map<pid_t, std::unique_ptr<JitDump>>;  // code is compiled by static destructors
  const std::scoped_lock lock(mutex);
  std::unique_ptr<JitDump>& own = (*dumps)[::getpid()];  // after fork() a new one
  if (own == nullptr) own = std::make_unique<JitDump>(folder);
  return *own;
}

void JitDump::add(std::string_view name, std::uint64_t address, std::span<const char> code,
                  std::span<const Line> lines) {
  std::string debug;
  append(debug, address);
  append(debug, std::uint64_t{lines.size()});
  for (const Line& line : lines) {
    append(debug, line.address);
    append(debug, line.line);
    append(debug, std::uint32_t{0});
    append_name(debug, line.file);
  }
  const std::scoped_lock lock(mutex_);
  std::string load;
  append(load, static_cast<std::uint32_t>(::getpid()));
  append(load, static_cast<std::uint32_t>(::syscall(SYS_gettid)));
  append(load, address);
  append(load, address);
  append(load, std::uint64_t{code.size()});
  append(load, count_++);
  append_name(load, name);
  load.append(code.data(), code.size());
  // The lines stand before the code that they describe.
  write((lines.empty() ? std::string() : record(kDebugInfo, debug)) + record(kCodeLoad, load));
}

/// A full disk leaves the profile incomplete, and the program running.
void JitDump::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(file_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

}  // namespace sluice::backend

#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::backend {

/// The file `jit-PID.dump` of this process, in which `perf inject -j` finds its generated code: machine code, names and
/// lines. The format is that of jitdump-specification.txt in the Linux kernel's tools/perf/Documentation. Any thread
/// may add code.
class JitDump {
 public:
  /// The line that code comes from, up to the next address.
  struct Line {
    std::uint64_t address;
    std::uint32_t line;
    std::string file;
  };

  /// The file in `folder`, which is created if necessary. Throws Error if it cannot be written.
  explicit JitDump(const std::filesystem::path& folder);
  ~JitDump();
  JitDump(const JitDump&) = delete;
  JitDump& operator=(const JitDump&) = delete;

  /// Returns the file of this process; a process has one, in the folder that was named first. Never destroyed.
  static JitDump& of_process(const std::filesystem::path& folder);

  /// Adds a function: its machine code, which lies at `address`, and the lines it comes from, by address.
  void add(std::string_view name, std::uint64_t address, std::span<const char> code, std::span<const Line> lines);

 private:
  void write(std::string_view bytes) const;

  std::mutex mutex_;
  int file_ = -1;
  void* marker_ = nullptr;  ///< a page of the file, whose mapping tells perf its name
  std::size_t marker_bytes_ = 0;
  std::uint64_t count_ = 0;  ///< of functions
};

}  // namespace sluice::backend

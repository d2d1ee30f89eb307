// Files when the disk is full: the old one stays, nothing is left next to it, and the error names the file and the
// reason.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <functional>
#include <iterator>
#include <optional>

#include "runtime/io/atomic_file.h"
#include "sluice/idx.h"
#include "sluice/npy.h"
#include "sluice/report.h"
#include "sluice/safetensors.h"
#include "tests/frontend/thrown.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy.h"

using namespace sluice;
using test::FileSizeLimit;

namespace {

int error_of_fsync = 0;  ///< 0: it works as it should

}  // namespace

/// Replaces the C library's function in this program: data reaches the disk only here, so a full disk may not show
/// earlier.
extern "C" int fsync(int descriptor) {
  errno = error_of_fsync;
  return error_of_fsync != 0 ? -1 : static_cast<int>(syscall(SYS_fsync, descriptor));
}

namespace {

/// During its lifetime, written data does not reach the disk.
struct BrokenSync {
  explicit BrokenSync(int error) { error_of_fsync = error; }
  ~BrokenSync() { error_of_fsync = 0; }
  BrokenSync(const BrokenSync&) = delete;
  BrokenSync& operator=(const BrokenSync&) = delete;
};

std::ptrdiff_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

/// Writes the file `name`; each call writes different bytes.
struct Writer {
  const char* name;
  std::function<void(const std::filesystem::path& file, int call)> write;
};

void write_page(const std::filesystem::path& file, int call) {
  report::Page(fmt::format("page {}", call), "").write(file);
}

void write_checkpoint(const std::filesystem::path& file, int call) {
  ToyModel toy;
  toy.trainer.fit(toy_examples(20),
                  {.epochs = call, .batch = 8, .checkpoint = {.folder = file.parent_path(), .resume = true}});
}

void write_trace(const std::filesystem::path& file, int) {
  setenv("SLUICE_FLAGS", fmt::format("--trace='{}' --trace-steps=1-1", file.string()).c_str(), 1);
  const auto twice = function("twice", {f32(batch)}, [](Tensor x) { return x * 2; });
  twice(Array({1.F}, {1}));
  unsetenv("SLUICE_FLAGS");
  twice(Array({1.F}, {1}));  // the second call writes the other array
}

const Writer kWriters[] = {
    {"report.html", write_page},
    {"checkpoint.safetensors", write_checkpoint},
    {"trace.json", write_trace},
    {"a.npy",
     [](const auto& file, int call) {
       write_npy(file, Array(DType::kF32, {1000, call}));
     }},
    {"a-idx1-ubyte", [](const auto& file, int call) { write_idx(file, Array(DType::kU8, {4000 + call})); }},
    {"a.safetensors",
     [](const auto& file, int call) {
       write_safetensors(file, {{{"a", Array(DType::kF32, {1000, call})}}, {}});
     }},
};

}  // namespace

TEST_CASE("a file that does not fit or cannot be flushed leaves the old one") {
  for (const Writer& writer : kWriters) {
    INFO(writer.name);
    const TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / writer.name;
    writer.write(file, 1);
    const std::vector<std::uint8_t> before = read_bytes(file);
    REQUIRE(before.size() > 200);

    const auto check_kept = [&](const std::string& message, const std::string& reason) {
      CHECK(message == fmt::format("{}: cannot be written: {}", file.string(), reason));
      CHECK(read_bytes(file) == before);
      CHECK(files_in(folder.path()) == 1);
    };
    for (const rlim_t bytes : {0U, 200U}) {
      const FileSizeLimit limit(bytes);
      check_kept(thrown([&] { writer.write(file, 2); }), "File too large");
    }
    for (const auto& [error, reason] : {std::pair{ENOSPC, "No space left on device"}, {EIO, "Input/output error"}}) {
      const BrokenSync broken(error);
      check_kept(thrown([&] { writer.write(file, 2); }), reason);
    }
    writer.write(file, 2);
    CHECK(files_in(folder.path()) == 1);
    if (std::string_view(writer.name) != "trace.json") CHECK(read_bytes(file) != before);
  }
}

TEST_CASE("a model that cannot be flushed leaves the old one") {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "model";
  const auto twice = function("twice", {f32(batch)}, [](Tensor x) { return x * 2; });
  const auto thrice = function("thrice", {f32(batch)}, [](Tensor x) { return x * 3; });
  save(twice, path, {"y"});
  {
    const BrokenSync broken(ENOSPC);
    const std::string message = thrown([&] { save(thrice, path, {"y"}); });
    CHECK(message.starts_with(path.string()));
    CHECK(message.ends_with(": cannot be written: No space left on device"));
  }
  CHECK(files_in(folder.path()) == 1);
  CHECK(load(path).run({Array({1.F}, {1})})[0] == Array({2.F}, {1}));
}

TEST_CASE("event files keep the earlier epochs, and training reports why it ends") {
  const TemporaryFolder folder;
  ToyModel toy;
  std::optional<FileSizeLimit> limit;
  std::int64_t epochs = 0;
  const Callback fill{.on_epoch = [&](const History&) {
    if (++epochs == 2) limit.emplace(300);
  }};
  const std::string message = thrown([&] {
    toy.trainer.fit(toy_examples(20), {.epochs = 9, .batch = 8, .callbacks = {tensorboard(folder.path()), fill}});
  });
  limit.reset();
  CHECK(epochs < 9);
  CHECK(message.starts_with(folder.path().string()));
  CHECK(message.find("/events.out.tfevents.") != std::string::npos);
  CHECK(message.ends_with(": cannot be written: File too large"));
}

TEST_CASE("a device is written directly, and a full one is reported") {
  CHECK(thrown([] { write_file("/dev/full", "text"); }) == "/dev/full: cannot be written: No space left on device");
  CHECK(std::filesystem::is_character_file("/dev/full"));
  write_file("/dev/null", "text");
  CHECK(std::filesystem::is_character_file("/dev/null"));

  const TemporaryFolder folder;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  write_file(fmt::format("/dev/fd/{}", ends[1]), "text");
  char text[8] = {};
  CHECK(read(ends[0], text, sizeof text) == 4);
  CHECK(std::string_view(text) == "text");
  close(ends[0]);
  close(ends[1]);
}

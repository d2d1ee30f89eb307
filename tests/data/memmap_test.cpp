// Files that are mapped, not read.
#include "sluice/memmap.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <numeric>

#include "sluice/npy.h"
#include "tests/data/pipelines.h"
#include "tests/frontend/thrown.h"
#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

/// Returns a version 1.0 header of 128 bytes.
std::string header_128(const std::string& type, const std::string& shape) {
  std::string header = "{'descr': '" + type + "', 'fortran_order': False, 'shape': (" + shape + "), }";
  header.resize(117, ' ');
  return std::string("\x93NUMPY\1\0\x76\0", 10) + header + '\n';
}

std::string message_of(const std::filesystem::path& path) {
  return test::refusal([&] { memmap_npy(path); });
}

/// Writes examples first <= i < first + count as two files, and returns these.
std::pair<std::filesystem::path, std::filesystem::path> write_part(const TemporaryFolder& folder, std::int64_t first,
                                                                   std::int64_t count) {
  const Dataset part = test::counting(first + count).skip(first);
  const std::filesystem::path inputs = folder.path() / ("x" + std::to_string(first) + ".npy");
  const std::filesystem::path targets = folder.path() / ("y" + std::to_string(first) + ".npy");
  write_npy(inputs, part.input());
  write_npy(targets, part.target());
  return {inputs, targets};
}

/// Returns how many bytes of memory this process uses.
std::int64_t memory_in_use() {
  std::int64_t pages = 0;
  std::int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

TEST_CASE("a mapped array has the file's elements") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.npy";
  for (const Array& array : {Array{{1.5F, -0.F}, {3.F, 4.F}}, Array{{1e300, 2.}, {2, 1}}, Array({-7, 8}),
                             Array::scalar(std::int64_t{1} << 40), Array(std::vector<std::uint8_t>{255, 0}, {1, 1, 2}),
                             Array(std::vector<bool>{true, false, true}), Array(DType::kF32, {0, 5}),
                             Array(DType::kF32, {1024, 3}), Array(DType::kU8, {4096 - 128})}) {
    write_npy(path, array);
    const Array mapped = memmap_npy(path);
    CHECK(mapped == array);
    // Kernels load whole vectors at the end of an array.
    volatile std::byte last{};
    for (std::size_t i = 0; i < 64; ++i) last = mapped.bytes()[mapped.byte_count() + i];
    CHECK(last == std::byte{});
  }
}

TEST_CASE("what is written to a mapped array stays in memory") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.npy";
  write_npy(path, Array({1, 2, 3}));
  Array mapped = memmap_npy(path);
  mapped.at<std::int32_t>(1) = 7;
  CHECK(mapped == Array({1, 7, 3}));
  CHECK(read_npy(path) == Array({1, 2, 3}));
  CHECK(memmap_npy(path) == Array({1, 2, 3}));
  // The elements exist for as long as an array does.
  std::filesystem::remove(path);
  const Array copy = mapped;
  mapped = Array();
  CHECK(copy == Array({1, 7, 3}));
}

TEST_CASE("files that do not fit in memory are data sets") {
  constexpr std::int64_t kRows = 1 << 14;
  constexpr std::int64_t kColumns = 1 << 20;  // 64 GiB, of which the file system stores what is written
  const TemporaryFolder folder;
  const std::string header = header_128("<f4", std::to_string(kRows) + ", " + std::to_string(kColumns));
  const auto path = folder.file("large.npy", {header.begin(), header.end()});
  if (truncate(path.c_str(), static_cast<off_t>(header.size()) + kRows * kColumns * 4) != 0) {
    MESSAGE("skipped: the file system has no files of 64 GiB");
    return;
  }
  {
    const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(file >= 0);
    for (std::int64_t row = 0; row < kRows; ++row) {
      const auto number = static_cast<float>(row);
      REQUIRE(pwrite(file, &number, 4, static_cast<off_t>(header.size()) + row * kColumns * 4) == 4);
    }
    close(file);
  }
  Array numbers(DType::kI32, {kRows});
  std::iota(numbers.data<std::int32_t>().begin(), numbers.data<std::int32_t>().end(), 0);
  const std::int64_t before = memory_in_use();
  const Dataset large(memmap_npy(path), numbers);
  CHECK(large.size() == kRows);
  int steps = 0;
  for (const auto& [x, y] : large.shuffled(1).batches(2).prefetch(1)) {
    CHECK(x.sizes() == std::vector<std::int64_t>{2, kColumns});
    CHECK(x(0, 0) == y(0));
    CHECK(x(1, 0) == y(1));
    if (++steps == 5) break;
  }
  CHECK(large.input()(kRows - 1, 0) == kRows - 1);
  // Batches of 8 MiB and the pages of their rows.
  CHECK(memory_in_use() - before < (std::int64_t{1} << 28));
}

TEST_CASE("a list of files is one data set") {
  const TemporaryFolder folder;
  std::vector<std::filesystem::path> inputs;
  std::vector<std::filesystem::path> targets;
  for (const auto& [first, count] : {std::pair(0, 5), std::pair(5, 1), std::pair(6, 0), std::pair(6, 7)}) {
    const auto [x, y] = write_part(folder, first, count);
    // The empty part's files have the names of the next one's.
    if (count == 0) continue;
    inputs.push_back(x);
    targets.push_back(y);
  }
  const Pipeline all = memmap_dataset(inputs, targets);
  CHECK(all.size() == 13);
  CHECK(test::all_arrays(all.batches(4)) == test::all_arrays(test::counting(13).batches(4)));
  CHECK(test::all_arrays(all.shuffled(2).batches(4).prefetch(2, 2)) ==
        test::all_arrays(test::counting(13).shuffled(2).batches(4)));
  CHECK(memmap_dataset({inputs[0]}, {targets[0]}).dataset() != nullptr);
  const Pipeline both = zip({all, memmap_dataset(inputs, targets)});
  for (const Batch& b : both.batches(13)) CHECK(b.inputs[0] == b.inputs[1]);

  CHECK(thrown([&] { memmap_dataset({}, {}); }) ==
        "@memmap_test.cpp memmap_dataset: expected a file of targets for each file of inputs, got 0 and 0 files");
  CHECK(thrown([&] {
          memmap_dataset(inputs, {targets.data(), 1});
        }) == "@memmap_test.cpp memmap_dataset: expected a file of targets for each file of inputs, got 1 and 3 files");
  CHECK(thrown([&] { memmap_dataset({inputs[0]}, {targets[1]}); }) ==
        "@memmap_test.cpp " + targets[1].string() + ": expected a target for each row of " + inputs[0].string() +
            ", got i32[1] and f32[5,2]");
  CHECK(thrown([&] {
          memmap_dataset({inputs[0], targets[1]}, {targets[0], targets[1]});
        }) ==
        "@memmap_test.cpp concat: expected examples of one type, got f32[2] and i32[] in part 0 and i32[] and i32[] in "
        "part 1");
}

TEST_CASE("files that cannot be mapped are an error that says why") {
  const TemporaryFolder folder;
  const auto file = [&](const std::string& bytes) { return folder.file("a.npy", {bytes.begin(), bytes.end()}); };
  const std::string name = (folder.path() / "a.npy").string() + ": ";
  CHECK(message_of(file("no")) == name + "expected a npy file, which starts with \"\\x93NUMPY\"");
  CHECK(message_of(file(header_128("<f4", "2,") + "1234567")) ==
        name + "its header says f32[2], which does not fit a file of 135 bytes");
  CHECK(message_of(file(header_128("<f4", "2,") + "123456789")) ==
        name + "its header says f32[2], which does not fit a file of 137 bytes");
  CHECK(message_of(file(header_128("<f4", "9223372036854775807, 9223372036854775807"))) ==
        name + "its header says f32[9223372036854775807,9223372036854775807], which does not fit a file of 128 bytes");
  CHECK(message_of(file(header_128("|b1", "2,") + "\1\2")) == name + "expected bools, which are bytes 0 and 1");
  CHECK(message_of(file(header_128(">f4", "1,") + "1234")).starts_with(name + "expected elements of type '<f4'"));
  CHECK(message_of(file(std::string("\x93NUMPY\1\0\x76\0", 10).substr(0, 8) + std::string("\x77\0", 2) +
                        header_128("<f4", "1,").substr(10, 117) + " \n" + "1234")) ==
        name + "expected elements aligned to their type, f32[1], got them at byte 129 of the file");
  CHECK(message_of(folder.file("a.npy", {0x1f, 0x8b, 8, 0})) ==
        name + "expected a plain npy file, which can be mapped, got a gzipped file");
  CHECK(message_of(folder.path() / "none.npy").ends_with("none.npy: cannot be read: No such file or directory"));
}

#include "sluice/idx.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "sluice/error.h"
#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

namespace sluice {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Path = std::filesystem::path;

const Bytes kLabels{0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9};

Bytes gzip(const Bytes& plain) {
  Bytes packed(plain.size() + 1000);
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  Bytes input = plain;
  stream.next_in = input.data();
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

Bytes joined(Bytes first, std::size_t count, std::uint8_t value) {
  for (std::size_t i = 0; i < count; ++i) first.push_back(value);
  return first;
}

/// Checks that reading the file fails with exactly this message after the file's name.
void check_error(const Path& path, const std::string& message) {
  CAPTURE(message);
  CHECK_THROWS_WITH_AS(read_idx(path), (path.string() + ": " + message).c_str(), Error);
}

TEST_CASE("an idx file is read, plain and gzipped") {
  const TemporaryFolder folder;
  const Array expected(Bytes{7, 8, 9}, {3});
  CHECK(read_idx(folder.file("plain", kLabels)) == expected);
  CHECK(read_idx(folder.file("packed.gz", gzip(kLabels))) == expected);
  CHECK(read_idx(folder.file("rank 2", {0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 5, 6})) == Array(Bytes{5, 6}, {2, 1}));
  CHECK(read_idx(folder.file("empty", {0, 0, 8, 1, 0, 0, 0, 0})) == Array(DType::kU8, {0}));
}

TEST_CASE("written files are read back") {
  const TemporaryFolder folder;
  const Path path = folder.path() / "images";
  for (const std::vector<std::int64_t>& sizes :
       std::vector<std::vector<std::int64_t>>{{300}, {20, 15}, {5, 10, 6}, {3, 5, 2, 10}}) {
    Array array(DType::kU8, sizes);
    std::uint8_t next = 1;
    for (std::uint8_t& value : array.data<std::uint8_t>()) value = next++;
    write_idx(path, array);
    CHECK(read_idx(path) == array);
  }
  write_idx(path, Array(Bytes{7, 8, 9}, {3}));
  CHECK(read_bytes(path) == kLabels);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);  // no temporary file is left
}

TEST_CASE("a large gzip file is read in full") {
  const TemporaryFolder folder;
  Bytes file{0, 0, 8, 2, 0, 0, 0x10, 0, 0, 0, 1, 0};
  for (unsigned i = 0; i < 0x1000 * 0x100; ++i) file.push_back(static_cast<std::uint8_t>(i * i >> 7));
  const Array array = read_idx(folder.file("large.gz", gzip(file)));
  CHECK(array.sizes() == std::vector<std::int64_t>{0x1000, 0x100});
  CHECK(std::memcmp(array.bytes(), file.data() + 12, array.byte_count()) == 0);
}

TEST_CASE("a missing file is an error") {
  const TemporaryFolder folder;
  check_error(folder.path() / "none", "cannot be read: No such file or directory");
  CHECK_THROWS_WITH_AS(read_idx(folder.path()), (folder.path().string() + ": cannot be read: Is a directory").c_str(),
                       Error);
}

TEST_CASE("a header that does not fit is an error") {
  const TemporaryFolder folder;
  const auto file = [&](const Bytes& bytes) { return folder.file("file", bytes); };
  check_error(file({}), "expected an idx file, got a file of 0 bytes");
  check_error(file({0, 0, 8}), "expected an idx file, got a file of 3 bytes");
  check_error(file({'P', 'K', 8, 1, 0, 0, 0, 0}), "expected an idx file, which starts with the bytes 00 00, got 50 4b");
  check_error(file({0, 1, 8, 1, 0, 0, 0, 0}), "expected an idx file, which starts with the bytes 00 00, got 00 01");
  check_error(file({0, 0, 13, 1, 0, 0, 0, 0}), "expected the idx element type 08 (u8), got 0d");
  check_error(file({0, 0, 7, 1, 0, 0, 0, 0}), "expected the idx element type 08 (u8), got 07");
  check_error(file({0, 0, 8, 0, 0, 0, 0, 0}), "expected an idx file of rank 1 to 4, got 0");
  check_error(file({0, 0, 8, 5, 0, 0, 0, 0}), "expected an idx file of rank 1 to 4, got 5");
  check_error(file({0, 0, 8, 3, 0, 0, 0, 1, 0}), "expected an idx header of 16 bytes, got 9");
}

TEST_CASE("sizes that do not fit are an error before anything is allocated") {
  const TemporaryFolder folder;
  const Bytes huge = joined({0, 0, 8, 4}, 16, 0xff);
  check_error(folder.file("huge", huge),
              "its header says u8[4294967295,4294967295,4294967295,4294967295], which does not fit a file of 20 bytes");
  const Bytes large{0, 0, 8, 2, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 1};
  check_error(folder.file("large", large),
              "expected 4611686014132420609 bytes of data for u8[2147483647,2147483647], got 1");
  const Bytes packed = gzip(large);
  check_error(
      folder.file("large.gz", packed),
      fmt::format("its header says u8[2147483647,2147483647], which does not fit a file of {} bytes", packed.size()));
}

TEST_CASE("a truncated or too long file is an error") {
  const TemporaryFolder folder;
  Bytes shorter = kLabels;
  shorter.pop_back();
  check_error(folder.file("short", shorter), "expected 3 bytes of data for u8[3], got 2");
  check_error(folder.file("short.gz", gzip(shorter)), "expected 3 bytes of data for u8[3], got 2");
  const Bytes longer = joined(kLabels, 100000, 1);
  check_error(folder.file("long", longer), "expected 3 bytes of data for u8[3], got 100003");
  check_error(folder.file("long.gz", gzip(longer)), "expected 3 bytes of data for u8[3], got 100003");
}

TEST_CASE("a damaged gzip file is an error") {
  const TemporaryFolder folder;
  const Bytes whole = gzip(kLabels);
  for (std::size_t size = 2; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    check_error(folder.file("cut.gz", cut), fmt::format("the gzip file is truncated after {} bytes", size));
  }
  Bytes wrong_sum = whole;
  wrong_sum[whole.size() - 8] ^= 1;
  check_error(folder.file("sum.gz", wrong_sum), "the gzip file is damaged: incorrect data check");
  Bytes wrong_length = whole;
  wrong_length[whole.size() - 4] ^= 1;
  check_error(folder.file("length.gz", wrong_length), "the gzip file is damaged: incorrect length check");
  Bytes wrong_method = whole;
  wrong_method[2] = 7;
  check_error(folder.file("method.gz", wrong_method), "the gzip file is damaged: unknown compression method");
  const Bytes trailing = joined(whole, 3, 1);
  check_error(folder.file("trailing.gz", trailing), "its gzip data is followed by other bytes");
}

TEST_CASE("a gzip file of several members is read in full, and zeros may follow it") {
  const TemporaryFolder folder;
  Bytes file{0, 0, 8, 1, 0, 3, 0, 0};
  for (unsigned i = 0; i < 0x30000; ++i) file.push_back(static_cast<std::uint8_t>(i * i >> 7));
  const auto part = [&](std::size_t begin, std::size_t end) {
    return gzip(
        Bytes(file.begin() + static_cast<std::ptrdiff_t>(begin), file.begin() + static_cast<std::ptrdiff_t>(end)));
  };
  Bytes members;
  for (const auto& [begin, end] : std::vector<std::pair<std::size_t, std::size_t>>{
           {0, 5}, {5, 5}, {5, 100000}, {100000, 100001}, {100001, file.size()}}) {
    const Bytes member = part(begin, end);
    members.insert(members.end(), member.begin(), member.end());
  }
  for (const std::size_t zeros : {0U, 1U, 512U, 200000U}) {
    const Array array = read_idx(folder.file("members.gz", joined(members, zeros, 0)));
    CHECK(array.sizes() == std::vector<std::int64_t>{0x30000});
    CHECK(std::memcmp(array.bytes(), file.data() + 8, array.byte_count()) == 0);
  }
  check_error(folder.file("rest.gz", joined(joined(members, 9, 0), 1, 7)), "its gzip data is followed by other bytes");
  Bytes cut = members;
  cut.resize(cut.size() - 3);
  check_error(folder.file("cut.gz", cut), fmt::format("the gzip file is truncated after {} bytes", cut.size()));
}

TEST_CASE("a pipe is read, and one that never ends takes no memory") {
  const TemporaryFolder folder;
  const Path pipe = folder.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  Array array;
  const auto read_while = [&](const Bytes& bytes, std::size_t times) {
    std::signal(SIGPIPE, SIG_IGN);
    const auto write_all = [&] {
      std::ofstream stream(pipe, std::ios::binary);
      for (std::size_t i = 0; i < times && stream; ++i)
        stream.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    };
    std::jthread writer(write_all);
    return test::refusal([&] { array = read_idx(pipe); });
  };
  CHECK(read_while(kLabels, 1) == "accepted");
  CHECK(array == Array(Bytes{7, 8, 9}, {3}));
  array = Array();
  CHECK(read_while(gzip(kLabels), 1) == "accepted");
  CHECK(array == Array(Bytes{7, 8, 9}, {3}));
  constexpr std::size_t kEndless = 1'000'000'000;
  CHECK(read_while(joined(kLabels, 10000, 1), kEndless) ==
        pipe.string() + ": expected 3 bytes of data for u8[3], got at least 1048579");
  const Bytes huge{0, 0, 8, 2, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 1};
  CHECK(read_while(huge, 1) ==
        pipe.string() + ": expected 4611686014132420609 bytes of data for u8[2147483647,2147483647], got 1");
  check_error("/dev/zero", "expected the idx element type 08 (u8), got 00");
}

TEST_CASE("an array that does not fit the format is an error") {
  const TemporaryFolder folder;
  const Path path = folder.path() / "out";
  const std::string start = path.string() + ": expected u8 of rank 1 to 4 for an idx file, got ";
  CHECK_THROWS_WITH_AS(write_idx(path, Array(DType::kF32, {2})), (start + "f32[2]").c_str(), Error);
  CHECK_THROWS_WITH_AS(write_idx(path, Array(DType::kU8, {})), (start + "u8[]").c_str(), Error);
  CHECK_THROWS_WITH_AS(write_idx(path, Array(DType::kU8, {1, 1, 1, 1, 1})), (start + "u8[1,1,1,1,1]").c_str(), Error);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a file that cannot be written is an error and leaves nothing behind") {
  const TemporaryFolder folder;
  const Array labels(Bytes{1}, {1});
  const Path nowhere = folder.path() / "no folder" / "out";
  CHECK_THROWS_WITH_AS(write_idx(nowhere, labels),
                       (nowhere.string() + ": cannot be written: No such file or directory").c_str(), Error);
  const Path taken = folder.path() / "taken";
  std::filesystem::create_directory(taken);
  CHECK_THROWS_WITH_AS(write_idx(taken, labels), (taken.string() + ": cannot be written: Is a directory").c_str(),
                       Error);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

}  // namespace
}  // namespace sluice

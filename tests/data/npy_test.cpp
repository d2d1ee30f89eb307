#include "sluice/npy.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <limits>
#include <thread>

#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

/// Returns a file as NumPy 1.24 writes it: magic, version, header size, header padded to 64 bytes, elements.
std::vector<std::uint8_t> npy(std::string header, const std::string& elements, char major = 1) {
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  file += static_cast<char>(header.size());
  file += '\0';
  file += header + elements;
  return {file.begin(), file.end()};
}

std::string message_of(const std::filesystem::path& path) {
  return test::refusal([&] { read_npy(path); });
}

}  // namespace

TEST_CASE("an array of every type and rank is written and read back") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.npy";
  for (const Array& array :
       {Array{{1.5F, -0.F, std::numeric_limits<float>::infinity()}, {3}}, Array{{1e300, 2.}, {2, 1}},
        Array({std::int32_t{-7}, std::int32_t{8}}, {1, 2}), Array::scalar(std::int64_t{1} << 40),
        Array{{std::uint8_t{255}, std::uint8_t{0}}, {1, 1, 2}}, Array{{true, false, true}, {3}},
        Array(DType::kF32, {0, 5})}) {
    write_npy(path, array);
    CHECK(read_npy(path) == array);
    CHECK(read_bytes(path).size() % 64 == array.byte_count() % 64);
  }
}

TEST_CASE("files have NumPy's bytes") {
  const TemporaryFolder folder;
  write_npy(folder.path() / "a.npy", Array({std::int32_t{1}, std::int32_t{2}}, {2}));
  CHECK(read_bytes(folder.path() / "a.npy") ==
        npy("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }", std::string("\1\0\0\0\2\0\0\0", 8)));
  write_npy(folder.path() / "b.npy", Array{{std::uint8_t{7}, std::uint8_t{8}}, {2, 1}});
  CHECK(read_bytes(folder.path() / "b.npy") ==
        npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1), }", "\7\10"));
  write_npy(folder.path() / "c.npy", Array::scalar(true));
  CHECK(read_bytes(folder.path() / "c.npy") == npy("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", "\1"));
  // Other writers order the keys as they like.
  const auto other = folder.file("d.npy", npy("{'shape':(1,2),'fortran_order':False,'descr':'|u1'}", "ab"));
  CHECK(read_npy(other) == Array{{std::uint8_t{'a'}, std::uint8_t{'b'}}, {1, 2}});
}

TEST_CASE("other files are an error that says why") {
  const TemporaryFolder folder;
  const std::string good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }";
  struct Wrong {
    std::vector<std::uint8_t> bytes;
    std::string message;
  };
  const std::vector<Wrong> cases{
      {{}, "expected a npy file, which starts with \"\\x93NUMPY\""},
      {{'P', 'K', 3, 4, 0, 0, 0, 0, 0, 0, 0, 0}, "expected a npy file, which starts with \"\\x93NUMPY\""},
      {npy(good, "ab", 2), "expected version 1.0 of the npy format, got 2.0"},
      {npy(good, "abc"), "expected 2 bytes of data for u8[2], got 3"},
      {npy(good, ""), "expected 2 bytes of data for u8[2], got 0"},
      {npy("{'descr': '>f4', 'fortran_order': False, 'shape': (), }", "abcd"),
       "expected elements of type '<f4', '<f8', '<i4', '<i8', '|u1' or '|b1', got '>f4'"},
      {npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }", "abcd"),
       "expected elements in C order, got Fortran order"},
      {npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,), }", "\2"),
       "expected bools, which are bytes 0 and 1"},
      {npy("{'descr': '|u1', 'fortran_order': False, }", ""),
       "expected descr, fortran_order and shape in the npy header"},
      {npy("{'descr': '|u1', 'colour': 1}", ""), "the npy header has an unknown key 'colour'"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", ""),
       "the npy header cannot be read: expected one element type before \"[('a', '<f4')], 'for\""},
      {npy("{'descr': '|u1', 'fortran_order': False, 'shape': (-2,), }", ""),
       "the npy header cannot be read: expected a size before \"-2,), }"},
      {npy("{'descr': '|u1', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807)}", ""),
       "its header says u8[9223372036854775807,9223372036854775807], which does not fit a file of "},
  };
  for (const Wrong& wrong : cases) {
    const auto path = folder.file("wrong.npy", wrong.bytes);
    const std::string message = message_of(path);
    INFO(message);
    CHECK(message.starts_with(path.string() + ": " + wrong.message));
  }
  std::vector<std::uint8_t> cut = npy(good, "ab");
  cut.resize(40);
  CHECK(message_of(folder.file("cut.npy", cut)).ends_with("expected a npy header of 118 bytes, got 30"));
  CHECK(message_of(folder.path() / "none.npy").ends_with("none.npy: cannot be read: No such file or directory"));
  CHECK(message_of(folder.path()).ends_with(": cannot be read: Is a directory"));
  CHECK_THROWS_WITH_AS(write_npy("/dev/null/a.npy", Array()), "/dev/null/a.npy: cannot be written: Not a directory",
                       Error);
}

TEST_CASE("an empty array is read, whatever its other sizes") {
  const TemporaryFolder folder;
  const auto path = folder.file(
      "none.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4611686018427387904, 9), }", ""));
  const Array none = read_npy(path);
  CHECK(none.sizes() == std::vector<std::int64_t>{0, std::int64_t{1} << 62, 9});
  CHECK(none.element_count() == 0);
  CHECK(none.byte_count() == 0);
}

TEST_CASE("a device is rejected by its first bytes, and a pipe is read") {
  CHECK(message_of("/dev/zero") == "/dev/zero: expected a npy file, which starts with \"\\x93NUMPY\"");
  const TemporaryFolder folder;
  const auto pipe = folder.path() / "pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0600) == 0);
  const Array array{{1.5F, 2.5F}, {2, 1}};
  write_npy(folder.path() / "a.npy", array);
  const std::jthread writer([&] {
    std::ofstream stream(pipe, std::ios::binary);
    stream << std::ifstream(folder.path() / "a.npy", std::ios::binary).rdbuf();
  });
  CHECK(read_npy(pipe) == array);
}

#include "sluice/safetensors.h"

#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "sluice/memmap_safetensors.h"
#include "tests/support/cpu_time.h"
#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

/// Returns a file with this header and data; the header's size is correct unless it is given.
std::vector<std::uint8_t> file_of(const std::string& header, const std::string& data = "",
                                  std::optional<std::uint64_t> header_size = {}) {
  const std::uint64_t size = header_size.value_or(header.size());
  std::string file(sizeof size, '\0');
  std::memcpy(file.data(), &size, sizeof size);
  file += header + data;
  return {file.begin(), file.end()};
}

std::string message_of(const std::filesystem::path& path) {
  return test::refusal([&] { read_safetensors(path); });
}

SafeTensors an_array_of_each_type() {
  SafeTensors tensors;
  tensors.arrays = {{"dense_0/w", Array{{1.5F, -0.F, std::numeric_limits<float>::quiet_NaN()}, {3, 1}}},
                    {"double", Array{{1e300, 2.}, {2}}},
                    {"i32", Array{{-7, 8}, {1, 2}}},
                    {"i64", Array::scalar(std::int64_t{1} << 40)},
                    {"bytes \"\n\xc3\xa9", Array{{std::uint8_t{255}, std::uint8_t{0}, std::uint8_t{3}}, {1, 1, 3}}},
                    {"bool", Array{{true, false, true}, {3}}},
                    {"empty", Array(DType::kF32, {0, 5})}};
  tensors.metadata = {{"format", "sluice"}, {"epoch", "3"}};
  return tensors;
}

}  // namespace

TEST_CASE("arrays of every type, with metadata, are written and read back") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.safetensors";
  const SafeTensors written = an_array_of_each_type();
  write_safetensors(path, written);
  const SafeTensors read = read_safetensors(path);
  CHECK((read.arrays == written.arrays));
  CHECK((read.metadata == written.metadata));

  write_safetensors(path, {});
  CHECK(read_safetensors(path).arrays.empty());
  CHECK(read_safetensors(path).metadata.empty());
}

TEST_CASE("files have the bytes that the format requires") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.safetensors";
  write_safetensors(path, {{{"a", Array{{std::uint8_t{7}}, {1}}}, {"b", Array::scalar(1.F)}}, {{"k", "v"}}});
  // Wide elements come first; the header is padded with spaces to 8 bytes.
  std::string expected =
      R"({"__metadata__":{"crc32":"42f0c557","k":"v"},"b":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
      R"("a":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})";
  while (expected.size() % 8 != 0) expected += ' ';
  CHECK((read_bytes(path) == file_of(expected, std::string("\0\0\x80\x3f\7", 5))));
  write_safetensors(path, an_array_of_each_type());
  const auto bytes = read_bytes(path);
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  CHECK(header_size % 8 == 0);
  const auto begin = bytes.begin() + 8;
  const auto header = nlohmann::json::parse(begin, begin + static_cast<std::ptrdiff_t>(header_size));
  for (const auto& [name, array] : an_array_of_each_type().arrays) {
    REQUIRE(header.contains(name));
    CHECK(header[name]["data_offsets"][0].get<std::size_t>() % size_of(array.dtype()) == 0);
  }
  // Other writers order names and keys as they like.
  const auto other = folder.file("b", file_of(R"({"b":{"shape":[1],"data_offsets":[1,2],"dtype":"U8"},)"
                                              R"( "a":{"data_offsets":[0,1],"dtype":"BOOL","shape":[]}}  )",
                                              "\1\7"));
  CHECK(read_safetensors(other).arrays.at("a") == Array::scalar(true));
  CHECK(read_safetensors(other).arrays.at("b") == Array{{std::uint8_t{7}}, {1}});
}

TEST_CASE("a flipped bit anywhere in a file is detected or harmless") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "whole";
  SafeTensors written = an_array_of_each_type();
  written.metadata["empty"] = "";
  write_safetensors(path, written);
  const auto whole = read_bytes(path);
  int unnoticed = 0;
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    auto flipped = whole;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    const auto file = folder.file("flipped", flipped);
    if (message_of(file) != "accepted") continue;
    ++unnoticed;
    INFO("byte " << bit / 8);
    CHECK((read_safetensors(file).arrays == written.arrays));
  }
  CHECK(unnoticed < 8 * 5 + 8 * 8);  // in the name of the checksum, and in the padding
  CHECK(message_of(path) == "accepted");
}

TEST_CASE("everything that the format forbids is an error that says why") {
  const TemporaryFolder folder;
  const std::string two = R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],)";
  const auto one = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  const std::string sizes = R"("a": expected shape to be a list of whole numbers from 0 to 2^63-1)";
  const std::string places = R"("a": expected two data_offsets, begin and end, in order)";
  std::string many_sizes = "1";
  for (int i = 0; i < 64; ++i) many_sizes += ",1";
  struct Wrong {
    std::vector<std::uint8_t> bytes;
    std::string message;
  };
  const std::vector<Wrong> cases{
      {{}, "expected a safetensors file of at least 8 bytes, got 0"},
      {file_of("{}", "", 3), "expected a safetensors header of 3 bytes, got 2"},
      {file_of("{}", "", 100'000'001), "expected a safetensors header of at most 100000000 bytes, got 100000001"},
      {file_of("{}", "", ~std::uint64_t{0}),
       "expected a safetensors header of at most 100000000 bytes, got 18446744073709551615"},
      {file_of(""), "expected a safetensors header, which starts with '{'"},
      {file_of(" {}"), "expected a safetensors header, which starts with '{'"},
      {file_of("[]"), "expected a safetensors header, which starts with '{'"},
      {file_of("{\"a\":"), "cannot be read as JSON: parse error at line 1, column 6: "},
      {file_of("{} {}"), "cannot be read as JSON: parse error at line 1, column 4: "},
      {file_of("{\"\xff\":{}}"), "cannot be read as JSON: parse error at line 1, column 3: "},
      {file_of("{\"\\ud800\":{}}"), "cannot be read as JSON: parse error at line 1, column 9: "},
      {file_of(R"({"a":1e999})"), "cannot be read as JSON: number overflow"},
      {file_of(R"({"a":{},"a":{}})"), "the key \"a\" occurs twice in one JSON object"},
      {file_of(R"({"a":{"dtype":"U8","shape":[],"dtype":"U8"}})"), "the key \"dtype\" occurs twice"},
      {file_of("{\"a\":" + std::string(1'000'000, '[')), "expected at most 3 levels of nested JSON"},
      {file_of(R"({"a":{"dtype":{"x":{}}}})"), "expected at most 3 levels of nested JSON"},
      {file_of(R"({"__metadata__":[]})"), "expected __metadata__ to be an object of strings"},
      {file_of(R"({"__metadata__":{"k":1}})"), "expected __metadata__ to be an object of strings, \"k\" is not"},
      {file_of(R"({"a":1})"), R"("a": expected an object of dtype, shape and data_offsets)"},
      {file_of(R"({"a\n":{"dtype":"U8","shape":[]}})"), R"("a\n": expected an object of dtype, shape and)"},
      {file_of(one("\"F16\"", "[]", "[0,2]"), "ab"),
       R"("a": expected the dtype F32, F64, I32, I64, U8 or BOOL, got "F16")"},
      {file_of(one("8", "[]", "[0,1]"), "a"), R"("a": expected the dtype F32, F64, I32, I64, U8 or BOOL, got 8)"},
      {file_of(one("\"U8\"", "1", "[0,1]"), "a"), sizes},
      {file_of(one("\"U8\"", "[-1]", "[0,1]"), "a"), sizes},
      {file_of(one("\"U8\"", "[1.0]", "[0,1]"), "a"), sizes},
      {file_of(one("\"U8\"", "[9223372036854775808]", "[0,1]"), "a"), sizes},
      {file_of(one("\"F32\"", "[4611686018427387904,4]", "[0,0]")), R"("a": f32[4611686018427387904,4] is too large)"},
      {file_of(one("\"U8\"", "[9223372036854775807]", "[0,9223372036854775807]")),
       R"("a": u8[9223372036854775807] is too large)"},
      {file_of(one("\"U8\"", "[" + many_sizes + "]", "[0,1]"), "a"), R"("a": expected a rank of at most 64, got 65)"},
      {file_of(one("\"U8\"", "[2]", "[0]"), "ab"), places},
      {file_of(one("\"U8\"", "[2]", "[2,0]"), "ab"), places},
      {file_of(one("\"U8\"", "[2]", "[0,2,2]"), "ab"), places},
      {file_of(one("\"F32\"", "[2]", "[0,4]"), "abcd"), R"("a": f32[2] takes 8 bytes, its data_offsets [0, 4] hold 4)"},
      {file_of(two + R"("data_offsets":[1,3]}})", "abc"),
       R"("b": expected data that begin at offset 2, where those before end, got 1)"},
      {file_of(two + R"("data_offsets":[0,2]}})", "ab"),
       R"("b": expected data that begin at offset 2, where those before end, got 0)"},
      {file_of(two + R"("data_offsets":[3,5]}})", "abcde"),
       R"("b": expected data that begin at offset 2, where those before end, got 3)"},
      {file_of(two + R"("data_offsets":[2,4]}})", "abc"), "expected 4 bytes of data, as the header says, got 3"},
      {file_of(two + R"("data_offsets":[2,4]}})", "abcde"), "expected 4 bytes of data, as the header says, got 5"},
      {file_of(one("\"U8\"", "[100000000000]", "[0,100000000000]"), "a"),
       "expected 100000000000 bytes of data, as the header says, got 1"},
      {file_of(one("\"BOOL\"", "[2]", "[0,2]"), "\1\2"), R"("a": expected bools, which are bytes 0 and 1)"},
  };
  for (const Wrong& wrong : cases) {
    const auto path = folder.file("wrong", wrong.bytes);
    const std::string message = message_of(path);
    INFO(message);
    CHECK(message.starts_with(path.string() + ": " + wrong.message));
    CHECK(message.size() < 500);
  }
  CHECK(message_of(folder.path() / "none").ends_with("none: cannot be read: No such file or directory"));
  CHECK(message_of(folder.path()).ends_with(": cannot be read: Is a directory"));
}

TEST_CASE("a file that is truncated anywhere, or too long, is an error") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "whole";
  write_safetensors(path, an_array_of_each_type());
  const auto whole = read_bytes(path);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = folder.file("cut", {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    INFO(size);
    CHECK(message_of(cut).starts_with(cut.string() + ": expected "));
  }
  auto longer = whole;
  longer.push_back(0);
  CHECK(message_of(folder.file("longer", longer)).find(" bytes of data, as the header says, got ") !=
        std::string::npos);
}

TEST_CASE("a failed write leaves the old file") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a";
  write_safetensors(path, {{{"a", Array::scalar(1.F)}}, {}});
  CHECK_THROWS_WITH_AS(write_safetensors(path, {{{"__metadata__", Array()}}, {}}),
                       (path.string() + ": no array can be called '__metadata__' in a safetensors file").c_str(),
                       Error);
  CHECK_THROWS_WITH_AS(write_safetensors(path, {{{"\xff", Array()}}, {}}),
                       (path.string() + ": expected the names of arrays and the metadata in UTF-8").c_str(), Error);
  CHECK_THROWS_AS(write_safetensors(path, {{}, {{"k", "\xff"}}}), Error);
  CHECK(read_safetensors(path).arrays.at("a") == Array::scalar(1.F));
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a header with many arrays takes linear time") {
  const TemporaryFolder folder;
  const auto seconds = [&](std::size_t count) {
    SafeTensors tensors;
    for (std::size_t i = 0; i < count; ++i) tensors.arrays.emplace(fmt::format("{}", i), Array(DType::kU8, {0}));
    const auto path = folder.path() / "many.safetensors";
    return test::least_cpu_time([&] {
      write_safetensors(path, tensors);
      CHECK(read_safetensors(path).arrays.size() == count);
    });
  };
  CHECK(seconds(80'000) < 9 * seconds(20'000));  // quadratic would be 16 times
}

TEST_CASE("an empty array is read, whatever its other sizes") {
  const TemporaryFolder folder;
  const std::string header = R"({"a":{"dtype":"F64","shape":[0,4611686018427387904,9],"data_offsets":[0,0]}})";
  std::string text(8, '\0');
  text[0] = static_cast<char>(header.size());
  text += header;
  const Array none = read_safetensors(folder.file("a", {text.begin(), text.end()})).arrays.at("a");
  CHECK(none.sizes() == std::vector<std::int64_t>{0, std::int64_t{1} << 62, 9});
  CHECK(none.element_count() == 0);
}

TEST_CASE("mapped arrays are those that are read") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "a.safetensors";
  const SafeTensors written = an_array_of_each_type();
  write_safetensors(path, written);
  SafeTensors mapped = memmap_safetensors(path);
  CHECK((mapped.arrays == written.arrays));
  CHECK((mapped.metadata == written.metadata));
  // The elements exist for as long as one of the arrays does; what is written stays in memory.
  Array kept = mapped.arrays.at("i32");
  mapped = {};
  kept.at<std::int32_t>(0, 1) = 9;
  CHECK(kept == Array{{-7, 9}, {1, 2}});
  CHECK(read_safetensors(path).arrays.at("i32") == Array{{-7, 8}, {1, 2}});
  write_safetensors(path, {});
  CHECK(memmap_safetensors(path).arrays.empty());

  const auto refused = [](const std::filesystem::path& wrong) {
    return test::refusal([&] { memmap_safetensors(wrong); });
  };
  const auto cut = folder.file("cut.safetensors", {1, 2, 3});
  CHECK(refused(cut) == message_of(cut));
  const auto unaligned =
      folder.file("u.safetensors", file_of(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                           R"("f":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                           "12345"));
  CHECK(read_safetensors(unaligned).arrays.size() == 2);
  CHECK(refused(unaligned).find(
            "u.safetensors: \"f\": expected elements aligned to their type, f32[1], got them at byte ") !=
        std::string::npos);
  const auto bools =
      folder.file("b.safetensors", file_of(R"({"b":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", "\2"));
  CHECK(refused(bools) == message_of(bools));
}

#include "sluice/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/data/array_elements.h"
#include "runtime/data/npy_header.h"
#include "runtime/io/atomic_file.h"
#include "sluice/error.h"

namespace sluice {

namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they lie");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kPreamble = 10;  // magic, two bytes of version, two of the header's size
constexpr std::size_t kAlignment = 64;

bool same_byte(char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; }

std::string_view descr(DType dtype) {
  constexpr std::string_view kNames[kDTypeCount] = {"<f4", "<f8", "<i4", "<i8", "|u1", "|b1"};
  return kNames[static_cast<std::size_t>(dtype)];
}

struct Header {
  std::optional<DType> dtype;
  std::optional<bool> fortran_order;
  std::optional<std::vector<std::int64_t>> sizes;
};

/// Reads the header, a literal of a Python dictionary.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, std::string name) : rest_(text), name_(std::move(name)) {}

  Header read() {
    Header header;
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        header.dtype = dtype();
      } else if (key == "fortran_order") {
        header.fortran_order = truth();
      } else if (key == "shape") {
        header.sizes = sizes();
      } else {
        fail("{}: the npy header has an unknown key '{}'", name_, key);
      }
      if (take(',')) continue;
      expect('}');
      break;
    }
    skip_space();
    if (!rest_.empty()) wrong("its end");
    if (!header.dtype || !header.fortran_order || !header.sizes)
      fail("{}: expected descr, fortran_order and shape in the npy header", name_);
    return header;
  }

 private:
  [[noreturn]] void wrong(std::string_view expected) const {
    fail("{}: the npy header cannot be read: expected {} before \"{}\"", name_, expected, rest_.substr(0, 20));
  }
  void skip_space() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \n"), rest_.size())); }
  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) wrong(fmt::format("'{}'", c));
  }
  std::string_view quoted() {
    expect('\'');
    const std::size_t end = rest_.find('\'');
    if (end == std::string_view::npos) wrong("a string");
    const std::string_view text = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return text;
  }
  DType dtype() {
    skip_space();
    // Records have a list here.
    if (!rest_.starts_with('\'')) wrong("one element type");
    const std::string_view text = quoted();
    for (int i = 0; i < kDTypeCount; ++i) {
      if (descr(static_cast<DType>(i)) == text) return static_cast<DType>(i);
    }
    fail("{}: expected elements of type '<f4', '<f8', '<i4', '<i8', '|u1' or '|b1', got '{}'", name_, text);
  }
  bool truth() {
    skip_space();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (!rest_.starts_with(word)) continue;
      rest_.remove_prefix(word.size());
      return value;
    }
    wrong("True or False");
  }
  std::vector<std::int64_t> sizes() {
    std::vector<std::int64_t> sizes;
    expect('(');
    while (!take(')')) {
      skip_space();
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), size);
      if (error != std::errc{} || size < 0) wrong("a size");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      sizes.push_back(size);
      if (take(',')) continue;
      expect(')');
      break;
    }
    return sizes;
  }

  std::string_view rest_;
  std::string name_;
};

}  // namespace

Array read_npy(const std::filesystem::path& path) {
  ByteInput input(path);
  return read_npy(input);
}

NpyHeader read_npy_header(ByteInput& input) {
  const std::string name = input.path().string();
  std::array<std::uint8_t, kPreamble> preamble{};
  const std::size_t came = input.read(preamble);
  if (came < kPreamble || !std::equal(kMagic.begin(), kMagic.end(), preamble.begin(), same_byte))
    fail("{}: expected a npy file, which starts with \"\\x93NUMPY\"", name);
  const int major = preamble[6];
  const int minor = preamble[7];
  if (major != 1 || minor != 0) fail("{}: expected version 1.0 of the npy format, got {}.{}", name, major, minor);
  const std::size_t header_size = preamble[8] | std::size_t{preamble[9]} << 8;
  const std::vector<std::uint8_t> text = input.read_up_to(header_size);
  if (text.size() < header_size) fail("{}: expected a npy header of {} bytes, got {}", name, header_size, text.size());
  Header header = HeaderReader({reinterpret_cast<const char*>(text.data()), text.size()}, name).read();
  if (*header.fortran_order) fail("{}: expected elements in C order, got Fortran order", name);
  return {*header.dtype, *std::move(header.sizes), kPreamble + header_size};
}

Array read_npy(ByteInput& input) {
  NpyHeader header = read_npy_header(input);
  return read_elements(input, header.dtype, std::move(header.sizes));
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  std::string shape;
  for (const std::int64_t size : array.sizes()) shape += fmt::format("{}, ", size);
  if (array.rank() > 1) shape.resize(shape.size() - 2);
  if (array.rank() == 1) shape.pop_back();  // a tuple of one keeps its comma
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr(array.dtype()), shape);
  while ((kPreamble + header.size() + 1) % kAlignment != 0) header += ' ';
  header += '\n';

  AtomicFile file(path);
  file.write(fmt::format("{}{}{}{}{}{}", kMagic, '\1', '\0', static_cast<char>(header.size() & 0xff),
                         static_cast<char>(header.size() >> 8), header));
  file.write(std::span(array.bytes(), array.byte_count()));
  file.commit();
}

}  // namespace sluice

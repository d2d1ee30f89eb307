#include "runtime/npy.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/error.h"
#include "runtime/atomic_file.h"
#include "runtime/byte_size.h"

namespace sluice {

namespace {

static_assert(std::endian::native == std::endian::little, "elements are copied as they lie");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kPreamble = 10;  // magic, two bytes of version, two of the header's size
constexpr std::size_t kAlignment = 64;

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
        fail("{}: the npy header has a key '{}' that is not known", name_, key);
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
  const std::string name = path.string();
  std::ifstream stream(path, std::ios::binary);
  if (!stream || std::filesystem::is_directory(path)) fail("{}: cannot be opened", name);
  const std::string file{std::istreambuf_iterator<char>(stream), {}};
  const std::string_view view = file;
  if (!view.starts_with(kMagic) || file.size() < kPreamble)
    fail("{}: expected a npy file, which begins with \"\\x93NUMPY\"", name);
  const int major = static_cast<unsigned char>(file[6]);
  const int minor = static_cast<unsigned char>(file[7]);
  if (major != 1 || minor != 0) fail("{}: expected version 1.0 of the npy format, got {}.{}", name, major, minor);
  const std::size_t header_size = static_cast<unsigned char>(file[8]) | std::size_t{static_cast<unsigned char>(file[9])}
                                                                            << 8;
  if (file.size() < kPreamble + header_size) {
    fail("{}: expected a npy header of {} bytes, got {}", name, header_size, file.size() - kPreamble);
  }
  const Header header = HeaderReader(view.substr(kPreamble, header_size), name).read();
  if (*header.fortran_order) fail("{}: expected elements in C order, got Fortran order", name);
  const std::string_view elements = view.substr(kPreamble + header_size);
  if (byte_size(*header.dtype, *header.sizes) != elements.size()) {
    fail("{}: {} bytes of elements do not make {}", name, elements.size(),
         to_string(Type{*header.dtype, Shape::of(*header.sizes)}));
  }
  if (header.dtype == DType::kBool && elements.find_first_not_of(std::string_view("\0\1", 2)) != elements.npos)
    fail("{}: expected bools, which are bytes 0 and 1", name);
  Array array(*header.dtype, *header.sizes);
  if (!elements.empty()) std::memcpy(array.bytes(), elements.data(), elements.size());
  return array;
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

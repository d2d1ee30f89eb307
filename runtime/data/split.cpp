#include "sluice/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <optional>
#include <vector>

#include "ir/suggest.h"
#include "sluice/error.h"

namespace sluice {

namespace {

class SplitReader {
 public:
  SplitReader(std::span<const NamedDataset> parts, std::string_view text) : parts_(parts), text_(text) {}

  /// Returns the slices of the sum.
  std::vector<Dataset> read() {
    std::vector<Dataset> slices;
    do {
      slices.push_back(slice());
    } while (take('+'));
    if (at_ < text_.size()) wrong(at_, "'+' or the end");
    return slices;
  }

 private:
  [[noreturn]] void refuse(std::size_t at, std::string_view what) const {
    fail("split: {}\n  {}\n  {}^", what, text_, std::string(at, ' '));
  }
  [[noreturn]] void wrong(std::size_t at, std::string_view expected) const {
    const std::string came = at < text_.size() ? fmt::format("'{}'", text_[at]) : "the end";
    refuse(at, fmt::format("expected {}, got {}", expected, came));
  }

  void skip_space() {
    while (at_ < text_.size() && text_[at_] == ' ') ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c, std::string_view words) {
    if (!take(c)) wrong(at_, words);
  }

  Dataset slice() {
    const Dataset& whole = named();
    if (!take('[')) return whole;
    skip_space();
    const std::size_t from = at_;
    const std::int64_t begin = bound(whole.size()).value_or(0);
    expect(':', "':'");
    const std::int64_t end = bound(whole.size()).value_or(whole.size());
    expect(']', "']'");
    if (begin > end) refuse(from, fmt::format("the slice begins at {}, after its end at {}", begin, end));
    return whole.slice(begin, end);
  }

  const Dataset& named() {
    skip_space();
    const std::size_t begin = at_;
    while (at_ < text_.size() && std::string_view(" [+]:%").find(text_[at_]) == std::string_view::npos) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name.empty()) wrong(begin, "a name");
    const auto found = std::ranges::find(parts_, name, &NamedDataset::name);
    if (found != parts_.end()) return found->dataset;
    std::vector<std::string_view> names;
    for (const NamedDataset& part : parts_) names.push_back(part.name);
    const std::string near = did_you_mean(name, names);
    refuse(begin, fmt::format("expected {}, got '{}'{}", fmt::join(names, " or "), name, near));
  }

  /// Returns a number of examples from the beginning or, if negative, from the end; nothing if none is written.
  std::optional<std::int64_t> bound(std::int64_t size) {
    skip_space();
    const std::size_t begin = at_;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (error == std::errc::invalid_argument) return std::nullopt;
    at_ = static_cast<std::size_t>(end - text_.data());
    const bool percent = take('%');
    const std::int64_t most = percent ? 100 : size;
    if (error != std::errc{} || number > most || number < -most) {
      refuse(begin, percent
                        ? fmt::format("expected at most 100%, got {}", text_.substr(begin, at_ - begin))
                        : fmt::format("expected at most {} examples, got {}", size, text_.substr(begin, at_ - begin)));
    }
    if (percent) number = std::llround(static_cast<double>(size) * static_cast<double>(number) / 100);
    const bool from_end = number < 0 || text_[begin] == '-';
    return from_end ? size + number : number;
  }

  std::span<const NamedDataset> parts_;
  std::string_view text_;
  std::size_t at_ = 0;
};

/// Concatenates the rows of all of `arrays`.
Array concatenated(const std::vector<Array>& arrays, std::string_view text) {
  const Array& first = arrays[0];
  std::vector<std::int64_t> sizes = first.sizes();
  for (std::size_t i = 1; i < arrays.size(); ++i) {
    const Array& next = arrays[i];
    if (next.dtype() != first.dtype() ||
        !std::equal(next.sizes().begin() + 1, next.sizes().end(), sizes.begin() + 1, sizes.end())) {
      fail("split: '{}' joins examples of different types, {} and {}", text, to_string(first.type()),
           to_string(next.type()));
    }
    sizes[0] += next.sizes()[0];
  }
  Array all(first.dtype(), sizes);
  std::byte* to = all.bytes();
  for (const Array& rows : arrays) {
    if (rows.byte_count() > 0) std::memcpy(to, rows.bytes(), rows.byte_count());
    to += rows.byte_count();
  }
  return all;
}

/// The same for each of the slices' inputs or targets.
std::vector<Array> concatenated(const std::vector<Dataset>& slices, std::vector<Array> Examples::*member,
                                std::string_view text) {
  std::vector<Array> all;
  for (std::size_t i = 0; i < (slices[0].*member).size(); ++i) {
    std::vector<Array> arrays;
    for (const Dataset& slice : slices) {
      if ((slice.*member).size() != (slices[0].*member).size()) {
        fail("split: '{}' joins examples of {} and of {} arrays", text, (slices[0].*member).size(),
             (slice.*member).size());
      }
      arrays.push_back((slice.*member)[i]);
    }
    all.push_back(concatenated(arrays, text));
  }
  return all;
}

}  // namespace

Dataset split(std::span<const NamedDataset> parts, std::string_view text) {
  const std::vector<Dataset> slices = SplitReader(parts, text).read();
  if (slices.size() == 1) return slices[0];
  return {concatenated(slices, &Examples::inputs, text), concatenated(slices, &Examples::targets, text)};
}

}  // namespace sluice

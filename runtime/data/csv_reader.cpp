#include "runtime/data/csv_reader.h"

#include <csv.h>
#include <locale.h>
#include <stdlib.h>

#include <array>
#include <charconv>
#include <cmath>

#include "runtime/io/byte_input.h"
#include "sluice/error.h"

namespace sluice {

namespace {

class CsvParser {
 public:
  explicit CsvParser(char separator) {
    // Every line ending is reported, so that lines can be counted; a misplaced quote is an error.
    SLUICE_CHECK(csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) == 0, "csv_init");
    csv_set_delim(&parser_, static_cast<unsigned char>(separator));
  }
  ~CsvParser() { csv_free(&parser_); }
  CsvParser(const CsvParser&) = delete;
  CsvParser& operator=(const CsvParser&) = delete;

  bool parse(std::string_view text, CsvRows& rows) {
    return csv_parse(&parser_, text.data(), text.size(), CsvRows::take_field, CsvRows::take_row, &rows) == text.size();
  }
  bool finish(CsvRows& rows) { return csv_fini(&parser_, CsvRows::take_field, CsvRows::take_row, &rows) == 0; }
  const char* error() { return csv_strerror(csv_error(&parser_)); }

 private:
  csv_parser parser_{};
};

}  // namespace

ParsedNumber parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc::invalid_argument || end != last) return {0, "a number", false};
  if (error == std::errc{}) return {value};
  // from_chars does not say in which direction it is out of range; the process's locale must not matter here either.
  static const locale_t kPlain = newlocale(LC_ALL_MASK, "C", nullptr);
  value = strtod_l(std::string(text).c_str(), nullptr, kPlain);
  return std::isinf(value) ? ParsedNumber{0, "a number of at most 1.8e308"} : ParsedNumber{value};
}

void CsvRows::take_field(void* text, std::size_t size, void* rows) {
  CsvRows& self = *static_cast<CsvRows*>(rows);
  ++self.fields_;
  if (self.error_.empty()) self.add({static_cast<const char*>(text), size});
}

void CsvRows::take_row(int terminator, void* rows) {
  CsvRows& self = *static_cast<CsvRows*>(rows);
  const bool second_half = terminator == '\n' && self.last_terminator_ == '\r' && self.fields_ == 0;
  if (self.fields_ > 0 && self.error_.empty()) self.end_row();
  self.fields_ = 0;
  self.last_terminator_ = second_half ? 0 : terminator;
  if (!second_half) ++self.line_;
}

void read_csv_rows(const std::filesystem::path& path, char separator, CsvRows& rows) {
  const std::string name = path.string();
  ByteInput input(path);
  CsvParser parser(separator);
  const auto check = [&](bool parsed) {
    if (!rows.error().empty()) fail("{}: {}", name, rows.error());
    if (!parsed) fail("{}: line {}: expected comma-separated values: {}", name, rows.line(), parser.error());
  };
  std::array<std::uint8_t, 1 << 16> block{};
  bool first = true;
  while (const std::size_t size = input.read(block)) {
    std::string_view text(reinterpret_cast<const char*>(block.data()), size);
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (first && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    first = false;
    const std::size_t zero = text.find('\0');
    check(parser.parse(text.substr(0, zero), rows));  // counts the lines before it
    if (zero != text.npos) fail("{}: line {}: expected text, got a zero byte", name, rows.line());
  }
  const bool closed = parser.finish(rows);
  if (!closed && rows.error().empty()) {
    fail("{}: line {}: unclosed quote: the file ends within a field that begins with one in this line", name,
         rows.line());
  }
  check(closed);
}

}  // namespace sluice

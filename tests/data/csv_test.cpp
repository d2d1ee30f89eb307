#include "sluice/csv.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <limits>

#include "sluice/error.h"
#include "tests/support/refusal.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

/// A CSV file of this text, and the errors of reading it, without the file's name.
class CsvFile {
 public:
  explicit CsvFile(const std::string& text) : path_(folder_.file("some.csv", {text.begin(), text.end()})) {}

  Table read(const CsvOptions& options = {}) const { return read_csv(path_, options); }
  std::string error(const CsvOptions& options = {}) const {
    return error_of([&] { read(options); });
  }
  std::string label_error(const std::string& column, DType dtype) const {
    return error_of([&] { read().with_target(column, dtype); });
  }

 private:
  template <typename F>
  std::string error_of(F f) const {
    try {
      f();
    } catch (const Error& error) {
      const std::string what = error.what();
      const std::string start = path_.string() + ": ";
      return what.starts_with(start) ? what.substr(start.size()) : "without the file's name: " + what;
    }
    return "no error";
  }

  TemporaryFolder folder_;
  std::filesystem::path path_;
};

const CsvFile kFlowers("width,height,kind\r\n1.5, +2,0\r\n\r\n-3e1,\"4\",2\n");

}  // namespace

TEST_CASE("a table with a header, quotes, blank lines and both line endings") {
  const Table table = kFlowers.read();
  CHECK(table.columns == std::vector<std::string>{"width", "height", "kind"});
  CHECK(table.values == Array(std::vector<double>{1.5, 2, 0, -30, 4, 2}, {2, 3}));
}

TEST_CASE("a table without a header has columns by number") {
  const Table table = CsvFile("1;2\n3;4").read({.separator = ';'});
  CHECK(table.columns == std::vector<std::string>{"0", "1"});
  CHECK(table.values == Array(std::vector<double>{1, 2, 3, 4}, {2, 2}));
  // A row of numbers is a header only if the reader is told so.
  CHECK(CsvFile("2020,2021\n3,4\n").read({.header = CsvOptions::Header::kYes}).columns[1] == "2021");
  CHECK(CsvFile("\xEF\xBB\xBF"
                "1,2\n")
            .read()
            .values.sizes()[0] == 1);
}

TEST_CASE("a column becomes labels") {
  const Dataset flowers = kFlowers.read().with_target("kind");
  CHECK(flowers.input() == Array(std::vector<float>{1.5F, 2, -30, 4}, {2, 2}));
  CHECK(flowers.target() == Array(std::vector<std::int64_t>{0, 2}, {2}));
  CHECK(kFlowers.read().with_target("width", DType::kF32).target() == Array(std::vector<float>{1.5F, -30}, {2}));
  CHECK(kFlowers.label_error("kint", DType::kU8) == "there is no column 'kint'; did you mean 'kind'?");
  CHECK(kFlowers.label_error("width", DType::kI64) ==
        "row 1 of the data, column 'width': expected a target of type i64, got 1.5");
  CHECK(CsvFile("1,256\n").label_error("1", DType::kU8) ==
        "row 1 of the data, column '1': expected a target of type u8, got 256");
  CHECK(CsvFile("1,nan\n").label_error("1", DType::kI32) ==
        "row 1 of the data, column '1': expected a target of type i32, got nan");
  const CsvFile twice("x,kind,x,kind,x\n1,0,2,1,3\n");
  CHECK(twice.label_error("x", DType::kI64) == "3 columns are called 'x', so none of them is the target");
  CHECK(twice.read().columns.size() == 5);
}

TEST_CASE("numbers outside a type's range become 0 or subnormal, or are an error") {
  const Table small = CsvFile("a,b,c,d\n1e-400,-1e-400,4e-320,+1e-99999\n").read();
  CHECK(small.values == Array(std::vector<double>{0, -0.0, 4e-320, 0}, {1, 4}));
  CHECK(std::signbit(small.values.data<double>()[1]));
  CHECK(CsvFile("1e-60,1e-40,7\n").read().with_target("2").input() == Array(std::vector<float>{0, 1e-40F}, {1, 2}));
  CHECK(CsvFile("a\n1e400\n").error() == "line 2, column 1 ('a'): expected a number of at most 1.8e308, got '1e400'");
  CHECK(CsvFile("1e400,2\n").error() == "line 1, column 1 ('0'): expected a number of at most 1.8e308, got '1e400'");
  CHECK(CsvFile("1,2\n3,-1e999\n").error() ==
        "line 2, column 2 ('1'): expected a number of at most 1.8e308, got '-1e999'");
  CHECK(CsvFile("1,2\n1e39,2\n").label_error("1", DType::kI64) ==
        "row 2 of the data, column '0': expected a number of type f32, got 1e+39");
  CHECK(CsvFile("1,-4e38\n").label_error("1", DType::kF32) ==
        "row 1 of the data, column '1': expected a target of type f32, got -4e+38");
  CHECK(CsvFile("1,-4e38\n").read().with_target("1", DType::kF64).target() == Array(std::vector<double>{-4e38}, {1}));
  // Explicit infinities are intended.
  CHECK(CsvFile("inf,3.4028235e38,7\n").read().with_target("2").input() ==
        Array(std::vector<float>{INFINITY, std::numeric_limits<float>::max()}, {1, 2}));
  CHECK(CsvFile("1,9223372036854775808\n").label_error("1", DType::kI64) ==
        "row 1 of the data, column '1': expected a target of type i64, got 9.223372036854776e+18");
}

TEST_CASE("a first row of words is a header, even of nan; one with a number is data") {
  const Table named = CsvFile("nan,inf\n1,2\n").read();
  CHECK(named.columns == std::vector<std::string>{"nan", "inf"});
  CHECK(named.values == Array(std::vector<double>{1, 2}, {1, 2}));
  CHECK(CsvFile("NaN\n1\n").read().columns == std::vector<std::string>{"NaN"});
  const Table data = CsvFile("1,nan\n2,3\n").read();
  CHECK(data.columns == std::vector<std::string>{"0", "1"});
  CHECK(data.values.sizes() == std::vector<std::int64_t>{2, 2});
  CHECK(CsvFile("nan,inf\n1,2\n").read({.header = CsvOptions::Header::kNo}).values.sizes()[0] == 2);
  CHECK(CsvFile("x,nan\n1,2\n").read().columns[1] == "nan");
}

TEST_CASE("errors name line and column") {
  CHECK(CsvFile(std::string("1,2\n3,\0\n", 8)).error() == "line 2: expected text, got a zero byte");
  CHECK(CsvFile(std::string("1,2\n3\n4,\0\n", 10)).error() == "line 2: expected 2 fields, got 1");
  CHECK(test::refusal([] { read_csv("/dev/zero"); }) == "/dev/zero: line 1: expected text, got a zero byte");
  const std::string long_field = CsvFile("a\n" + std::string(200'000, 'x') + "\n").error();
  CHECK(long_field.size() < 1200);
  CHECK(long_field.starts_with("line 2, column 1 ('a'): expected a number, got 'xxx"));
  CHECK(CsvFile("a,b\n1,2\n\n3,x\n").error() == "line 4, column 2 ('b'): expected a number, got 'x'");
  CHECK(CsvFile("a,b\r\n1,2\r\n3,\r\n").error() == "line 3, column 2 ('b'): expected a number, got ''");
  CHECK(CsvFile("1,2\n3\n").error() == "line 2: expected 2 fields, got 1");
  CHECK(CsvFile("1,2\n3,4,5").error() == "line 2: expected 2 fields, got 3");
  CHECK(CsvFile("a,b\n1,2x\n").error({.header = CsvOptions::Header::kNo}) ==
        "line 1, column 1 ('0'): expected a number, got 'a'");
  CHECK(CsvFile("1,2\n\"3\"4,5\n").error() ==
        "line 2: expected comma-separated values: error parsing data while strict checking enabled");
  CHECK(CsvFile("1,2\n\"3,5\n").error() ==
        "line 2: unclosed quote: the file ends within a field that begins with one in this line");
  CHECK(CsvFile("").error() == "expected rows of numbers, there are none");
  CHECK(CsvFile("a,b\n").error() == "expected rows of numbers, there are none");
  CHECK_THROWS_AS(read_csv("/nonexistent/some.csv"), Error);
}

TEST_CASE("a gzipped file larger than a block reads the same") {
  std::string text;
  constexpr int kRows = 20000;
  for (int i = 0; i < kRows; ++i) text += std::to_string(i) + ",0.25\r\n";
  const TemporaryFolder folder;
  const std::string packed = (folder.path() / "some.csv.gz").string();
  gzFile file = gzopen(packed.c_str(), "wb");
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) > 0);
  REQUIRE(gzclose(file) == Z_OK);
  const Table table = read_csv(packed);
  REQUIRE(table.values.sizes() == std::vector<std::int64_t>{kRows, 2});
  CHECK(table.values.data<double>()[2 * (kRows - 1)] == kRows - 1);
}

// Tables of text and numbers, some of which are missing.
#include "sluice/frame.h"

#include <doctest/doctest.h>

#include <cmath>

#include "sluice/error.h"
#include "sluice/features.h"
#include "sluice/random_split.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;

namespace {

class FrameFile {
 public:
  explicit FrameFile(const std::string& text) : path_(folder_.file("some.csv", {text.begin(), text.end()})) {}

  Frame read(const FrameOptions& options = {}) const { return read_frame(path_, options); }
  /// Returns the error of `f` of the frame, without the file's name.
  template <typename F>
  std::string error(F f, const FrameOptions& options = {}) const {
    try {
      f(read(options));
    } catch (const Error& error) {
      const std::string what = error.what();
      const std::string start = path_.string() + ": ";
      return what.starts_with(start) ? what.substr(start.size()) : "without the file's name: " + what;
    }
    return "no error";
  }
  std::string error(const FrameOptions& options = {}) const {
    return error([](const Frame&) {}, options);
  }

 private:
  TemporaryFolder folder_;
  std::filesystem::path path_;
};

const FrameFile kPassengers(
    "name,sex,age,fare,zip\r\n"
    "\"Braund, Mr. Owen\",male,22,7.25,01234\r\n"
    "\"Cumings, \"\"Florence\"\"\",female,,71.2833,99999\n"
    "\n"
    "Heikkinen,NA,26,7.925,00007\n"
    "Allen,male,nan,8.05,\n");

bool is_nan_at(const Array& array, std::int64_t i) { return std::isnan(array(i)); }

}  // namespace

TEST_CASE("columns are numbers or text, and values may be missing") {
  const Frame frame = kPassengers.read();
  CHECK(frame.size() == 4);
  CHECK(frame.columns() == std::vector<std::string>{"name", "sex", "age", "fare", "zip"});
  CHECK(frame.is_text("name"));
  CHECK(!frame.is_text("age"));
  CHECK(frame.text("name")[0] == "Braund, Mr. Owen");
  CHECK(frame.text("name")[1] == "Cumings, \"Florence\"");
  CHECK(frame.text("sex") == std::vector<std::string>{"male", "female", "", "male"});
  CHECK(frame.missing("sex") == 1);
  CHECK(frame.missing("age") == 2);
  CHECK(frame.missing("fare") == 0);
  CHECK(frame.numbers("fare") == Array(std::vector<double>{7.25, 71.2833, 7.925, 8.05}));
  const Array age = frame.numbers("age");
  CHECK(age(0) == 22);
  CHECK(is_nan_at(age, 1));
  CHECK(is_nan_at(age, 3));
  CHECK(frame.numbers({"fare", "age"}).sizes() == std::vector<std::int64_t>{4, 2});
  CHECK(frame.numbers({"fare", "age"})(0, 1) == 22);
  CHECK(frame.numbers({"fare"})(1, 0) == doctest::Approx(71.2833));
  CHECK(frame.numbers(std::vector<std::string>{}).sizes() == std::vector<std::int64_t>{4, 0});

  CHECK(!frame.is_text("zip"));
  CHECK(kPassengers.read({.text = {"zip"}}).text("zip") == std::vector<std::string>{"01234", "99999", "00007", ""});
}

TEST_CASE("missing values are replaced, or their rows left out") {
  Frame frame = kPassengers.read();
  frame.fill_missing("age", 30);
  frame.fill_missing("sex", "unknown");
  CHECK(frame.numbers("age") == Array(std::vector<double>{22, 30, 26, 30}));
  CHECK(frame.text("sex")[2] == "unknown");
  CHECK(frame.missing("age") == 0);
  CHECK(frame.missing("sex") == 0);

  const Frame original = kPassengers.read();
  CHECK(original.missing("age") == 2);
  CHECK(original.without_missing().size() == 1);
  CHECK(original.without_missing({"sex"}).text("name")[2] == "Allen");
  CHECK(original.without_missing({"sex", "age"}).numbers("fare") == Array(std::vector<double>{7.25}));
  CHECK(frame.without_missing().size() == 3);  // a zip is missing

  CHECK(kPassengers.error([](Frame f) { f.fill_missing("age", "old"); }) ==
        "column 'age': expected text, got numbers; FrameOptions::text makes it text");
  CHECK(kPassengers.error([](Frame f) { f.fill_missing("sex", 0); }) ==
        "column 'sex': expected numbers, got 'male' in row 1 of the data");
}

TEST_CASE("what is missing can be told") {
  const FrameFile file("a,b\n?,-\n1,x\nNA,NA\n");
  const Frame frame = file.read({.missing = {"?", "-"}});
  CHECK(frame.is_text("a"));
  CHECK(frame.text("a") == std::vector<std::string>{"", "1", "NA"});
  CHECK(frame.text("b") == std::vector<std::string>{"", "x", "NA"});
  CHECK(file.error([](const Frame& f) { f.numbers("a"); }, {.missing = {"-", "?"}}) ==
        "column 'a': expected numbers, got 'NA' in row 3 of the data");
  // Without any, nan is a number, and an empty field text.
  const Frame strict = FrameFile("a,b\nnan,\n1,2\n").read({.missing = {}});
  CHECK(!strict.is_text("a"));
  CHECK(strict.missing("a") == 0);
  CHECK(strict.is_text("b"));
  CHECK(FrameFile("a\n1e400\nx\n").read().text("a")[0] == "1e400");  // text may look like a large number
  // A column of nothing has numbers, all missing.
  CHECK(FrameFile("a,b\n,1\n,2\n").read().missing("a") == 2);
  CHECK(is_nan_at(FrameFile("a,b\n,1\n,2\n").read().numbers("a"), 0));
}

TEST_CASE("a header is expected unless the options say otherwise") {
  using Header = CsvOptions::Header;
  CHECK(FrameFile("1,2\n3,4\n").read().columns() == std::vector<std::string>{"1", "2"});
  CHECK(FrameFile("1,2\n3,4\n").read({.header = Header::kNo}).columns() == std::vector<std::string>{"0", "1"});
  CHECK(FrameFile("1,x\n3,y\n").read({.header = Header::kGuess}).size() == 2);
  CHECK(FrameFile("a,b\n3,y\n").read({.header = Header::kGuess}).size() == 1);
  CHECK(FrameFile("a,\n3,y\n").read({.header = Header::kGuess}).size() == 2);
  CHECK(FrameFile("a;b\n3;4\n").read({.separator = ';'}).numbers("b") == Array(std::vector<double>{4}));
}

TEST_CASE("errors of frames name the file, and the line or the column") {
  CHECK(FrameFile("a,b\n1,x\n2\n").error() == "line 3: expected 2 fields, got 1");
  CHECK(FrameFile("a,b\n1,x\n\n2,y,z\n").error() == "line 4: expected 2 fields, got 3");
  CHECK(FrameFile("a,b\n1,\"x\"y\n").error() ==
        "line 2: expected comma-separated values: error parsing data while strict checking enabled");
  CHECK(FrameFile("a,b\n1,2\n3,1e400\n").error() ==
        "line 3, column 2 ('b'): expected a number of at most 1.8e308, got '1e400'");
  CHECK(FrameFile("").error() == "expected rows of values, there are none");
  CHECK(FrameFile("a,b\n").error() == "expected rows of values, there are none");
  CHECK(FrameFile(std::string("a\nx\0\n", 5)).error() == "line 2: expected text, got a zero byte");
  CHECK(kPassengers.error({.text = {"zap"}}) == "there is no column 'zap'; did you mean 'zip'?");
  CHECK(kPassengers.error([](const Frame& f) { f.numbers("aeg"); }) == "there is no column 'aeg'; did you mean 'age'?");
  CHECK(kPassengers.error([](const Frame& f) { f.text("fare"); }) ==
        "column 'fare': expected text, got numbers; FrameOptions::text makes it text");
  CHECK(kPassengers.error([](const Frame& f) { f.numbers("zip"); }, {.text = {"zip"}}) ==
        "column 'zip': expected numbers, got text");
  CHECK(FrameFile("a,a\n1,2\n").error([](const Frame& f) { f.numbers("a"); }) == "2 columns are called 'a'");
  CHECK(FrameFile("a\n1\n-1e39\n").error([](const Frame& f) { f.numbers({"a"}); }) ==
        "row 2 of the data, column 'a': expected a number of type f32, got -1e+39");
  CHECK_THROWS_AS(read_frame("/nonexistent/some.csv"), Error);
}

TEST_CASE("a frame is split by the numbers of its rows") {
  const Frame frame = kPassengers.read();
  const auto parts = random_numbers_of_parts(frame.size(), std::vector<double>{3, 1}, 1);
  CHECK(frame.select(parts[0]).size() == 3);
  CHECK(frame.select(std::vector<std::uint32_t>{3, 0, 3}).text("name") ==
        std::vector<std::string>{"Allen", "Braund, Mr. Owen", "Allen"});
  CHECK(is_nan_at(frame.select(std::vector<std::uint32_t>{3}).numbers("age"), 0));
  CHECK_THROWS_WITH_AS(frame.select(std::vector<std::uint32_t>{4}), "select: expected numbers of 4 rows, got 4", Error);
}

TEST_CASE("from a file to a data set") {
  const Frame frame = kPassengers.read();
  const LabelEncoder sex(frame.text("sex"));
  const Standardizer scale(frame.numbers({"age", "fare"}));
  const Array inputs =
      hstack({fill_missing(scale.apply(frame.numbers({"age", "fare"})), 0), sex.one_hot(frame.text("sex"))});
  CHECK(to_string(inputs.type()) == "f32[4,4]");
  CHECK(inputs(0, 0) == -1);
  CHECK(inputs(1, 0) == 0);  // the mean
  CHECK(inputs(2, 0) == 1);
  CHECK(inputs(0, 3) == 1);
  CHECK(inputs(1, 2) == 1);
  CHECK((inputs(2, 2) == 0 && inputs(2, 3) == 0));
}

#include "sluice/printable.h"

#include <doctest/doctest.h>

#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tests/support/refusal.h"

using namespace sluice;

TEST_CASE("only text that a terminal would interpret is escaped") {
  CHECK(printable("dense_0/w") == "dense_0/w");
  CHECK(printable("caf\xc3\xa9 \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x99\x82") ==
        "caf\xc3\xa9 \xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x99\x82");
  CHECK(printable("\x1b[31mred\x1b[0m") == "\\x1b[31mred\\x1b[0m");
  CHECK(printable("a\nb\tc\rd\x7f") == "a\\nb\\tc\\x0dd\\x7f");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");  // C1: CSI in one character
  CHECK(printable("\x9b"
                  "31m") == "\\x9b31m");                                  // the same as one byte, which is not UTF-8
  CHECK(printable("a\xe2\x80\xaetxt.exe") == "a\\xe2\\x80\\xaetxt.exe");  // U+202E
  CHECK(printable("\xe2\x81\xa6x\xe2\x81\xa9") == "\\xe2\\x81\\xa6x\\xe2\\x81\\xa9");  // U+2066, U+2069
  CHECK(printable("\xe2\x80\xa8") == "\\xe2\\x80\\xa8");                               // U+2028
  CHECK(printable("\xef\xbb\xbf") == "\\xef\\xbb\\xbf");                               // U+FEFF
  CHECK(printable("\xc3") == "\\xc3");
  CHECK(printable("\xc0\x80") == "\\xc0\\x80");                    // too long for its code point
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");           // a surrogate
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  CHECK(printable_lines("a\nb\x1b") == "a\nb\\x1b");
  CHECK(code_points("\xc3\xa9\xe6\xbc\xa2x\xff") == 4);
}

TEST_CASE("long lines are shortened in the middle") {
  CHECK(with_short_lines("abc\ndef\n", 3) == "abc\ndef\n");
  CHECK(with_short_lines("ab\n" + std::string(10, 'x') + "yz", 6) == "ab\nxxxx ... (6 bytes) ... yz");
  CHECK(with_short_lines("", 3).empty());
}

TEST_CASE("a name becomes a file name within its folder") {
  CHECK(file_name_for("dense_0/w") == "dense_0_w");
  CHECK(file_name_for("../../evil") == "_.._.._evil");
  CHECK(file_name_for("/etc/passwd") == "_etc_passwd");
  CHECK(file_name_for("..") == "_..");
  CHECK(file_name_for("") == "_");
  CHECK(file_name_for(std::string_view("a\0b", 3)) == "a_x00b");
  CHECK(file_name_for("a\nb\x1b") == "a_nb_x1b");
  CHECK(file_name_for(std::string(5000, '\x01')).size() <= 121);
  CHECK(file_name_for(std::string(5000, 'x')).size() <= 121);
}

TEST_CASE("an error contains no control bytes and no endless line") {
  const std::string message =
      test::refusal([] { fail("\x1b]0;{}: first\nsecond\xe2\x80\xae", std::string(200'000, 'n')); });
  CHECK(message.size() < 1100);
  CHECK(message.starts_with("\\x1b]0;nnn"));
  CHECK(message.ends_with("nnn: first\nsecond\\xe2\\x80\\xae"));
  const Error placed("what", {intern_file("a\x1b.cpp"), 3});
  CHECK(std::string(placed.what()) == "a\\x1b.cpp:3: what");
}

TEST_CASE("names in a graph's text are escaped and parsed back") {
  const std::string escaped = R"(\xc2\x9b\xe2\x80\xae\x9b\"\\\n\x1b)"
                              "\xc3\xa9";
  const std::string text =
      "sluice-ir 1\ngraph @\"" + escaped + "\"(%\"" + escaped + "\": f32[2]) {\n  return %\"" + escaped + "\"\n}\n";
  const ir::Graph graph = ir::parse(text);
  CHECK(graph.name() == "\xc2\x9b\xe2\x80\xae\x9b\"\\\n\x1b\xc3\xa9");
  CHECK(graph.parameters()[0].name == graph.name());
  CHECK(ir::print(graph) == text);
}

TEST_CASE("a text may begin with a byte order mark, and columns do not count it") {
  const std::string text = "\xEF\xBB\xBFsluice-ir 1\ngraph @g(%x: f32[2]) {\n  return %x\n}\n";
  CHECK(ir::parse(text).name() == "g");
  CHECK(test::refusal([] { ir::parse("\xEF\xBB\xBFsluice-ir 9\n", "a.ir"); }).starts_with("a.ir:1:11: "));
  CHECK(ir::line_with_caret("\xEF\xBB\xBF"
                            "abc",
                            {"a", 1, 2}) == "\nabc\n ^");
}

TEST_CASE("a caret is below its character, whatever precedes it") {
  CHECK(ir::line_with_caret("\xc3\xa9\x1b!", {"a", 1, 4}) == "\n\xc3\xa9\\x1b!\n     ^");
}

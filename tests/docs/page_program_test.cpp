// How pages become programs, and how their output is compared.
#include <doctest/doctest.h>

#include "docs/pages/page.h"
#include "sluice/error.h"
#include "tests/support/run_program.h"

using namespace sluice;
using namespace sluice::docs;

namespace {

std::vector<Block> blocks_of(std::string_view page) {
  const TemporaryFolder folder;
  return read_page(test::write_text(folder.path() / "page.md", page));
}

std::string difference(std::string_view shown, std::string_view printed, double tolerance = 0.01) {
  return output_difference({{"text", std::string(shown), 5, 0}}, printed, tolerance);
}

}  // namespace

TEST_CASE("a page's code is a program with the page's line numbers") {
  const std::vector<Block> blocks = blocks_of(
      "# Page\n<!-- cpp global\nint f();\n-->\n## One\n```cpp\nf();\n```\n## Two\n```sh\nls\n```\n```cpp\n++x;\n```\n");
  REQUIRE(blocks.size() == 4);
  const std::string program = page_program(blocks, "page.md", false);
  CHECK(test::contains(program,
                       "#line 3 \"page.md\"\nint f();\nint main() try {\n"
                       "#line 7 \"page.md\"\nf();\n#line 14 \"page.md\"\n++x;\n} catch"));
  CHECK(test::contains(page_program(blocks, "page.md", true),
                       "{\n{\n#line 7 \"page.md\"\nf();\n}\n{\n#line 14 \"page.md\"\n++x;\n}\n} catch"));
}

TEST_CASE("an unterminated block is an error") {
  CHECK_THROWS_WITH_AS(blocks_of("```cpp\nint x;\n"),
                       doctest::Contains("page.md:1: the block that begins here does not end"), Error);
}

TEST_CASE("numbers may differ by the tolerance, words may not") {
  CHECK(difference("loss: 0.101, 5 steps\n", "loss:  0.109, 7 steps\n") == "");
  CHECK(difference("loss: 0.10\n", "loss: 0.12\n") == "line 5: expected \"loss: 0.10\", got \"loss: 0.12\"");
  CHECK(difference("loss: 0.10\n", "lost: 0.10\n") == "line 5: expected \"loss: 0.10\", got \"lost: 0.10\"");
  CHECK(difference("5 steps\n", "7 steps\n", 0) == "line 5: expected \"5 steps\", got \"7 steps\"");
  CHECK(difference("-1.0\n", "1.0\n") == "line 5: expected \"-1.0\", got \"1.0\"");
  CHECK(difference("0 12 .\n", "0 . 34\n") == "");
  CHECK(difference("12\n", "12.5\n") == "line 5: expected \"12\", got \"12.5\"");
  CHECK(difference("a.md:12: 3\n", "a.md:12: 4\n") == "");
  CHECK(difference("a.md:12: 3\n", "a.md:13: 3\n") == "line 5: expected \"a.md:12: 3\", got \"a.md:13: 3\"");
  CHECK(difference("a nan\n", "a 1.0\n") == "line 5: expected \"a nan\", got \"a 1.0\"");
}

TEST_CASE("dots match any lines, and nothing else does") {
  CHECK(difference("a\n...\nd\n", "a\nb\nc\nd\n") == "");
  CHECK(difference("a\n...\n", "a\nb\n") == "");
  CHECK(difference("...\nEpoch: 9\nloss: 0.01\n", "Epoch: 0\nloss: 0.2\nEpoch: 9\nloss: 0.01\n", 0.001) == "");
  CHECK(difference("a\nd\n", "a\nb\nd\n") == "line 6: expected \"d\", got \"b\"");
  CHECK(difference("a\n...\nd\n", "a\nb\n") == "line 7: expected \"d\", got \"b\"");
  CHECK(difference("a\nb\n", "a\n") == "line 6: expected \"b\", got \"the end\"");
  CHECK(difference("a\n", "a\nb\n") == "the page ends, but the program printed \"b\"");
  const std::vector<Block> blocks{{"text", "a\n", 1, 0}, {"text picture", "x\n", 4, 0}, {"text", "b\n", 7, 0}};
  CHECK(output_difference(blocks, "a\ny\nz\nb\n", 0) == "");
  CHECK(output_difference({}, "a\n", 0) == "");
  CHECK(output_difference(blocks, "a\ny\n", 0) == "line 7: expected \"b\", got \"y\"");
}

// Tests that names in untrusted files harm neither files outside the folder that the user named nor the terminal.
#include <set>

#include "sluice/npy.h"
#include "tests/support/sanitized.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kTraversal = R"(sluice-ir 1
graph @"../../evil_graph"(%"/x": f32[2]) state(%"../../evil_state": f32[2] "w", %"/tmp/sluice_evil_state": f32[2] "v") {
  %0: f32[2] = add %"/x", %"../../evil_state"
  update %"../../evil_state" = %0, %"/tmp/sluice_evil_state" = %"/x"
  return %0
}
)";

/// Escapes, C1 as UTF-8 and as a byte, U+202E, a line feed, and bytes that are not UTF-8, in every place for names.
constexpr std::string_view kHostile = R"(sluice-ir 1
graph @"g\x1b[31m\xc2\x9b1m\x9b2m\xe2\x80\xae\nforged: line\xff"(%"x\x1b]0;title\x07\x9b": f32[B,2] loc("m\x1b[2J\x9b.cpp":3))
    state(%"s\x1b[31m\xe2\x80\xae\nforged: state": f32[2] "v\x1bc\x9d\xff") {
  %0: f32[B,2] = broadcast %"s\x1b[31m\xe2\x80\xae\nforged: state" {shape=[B,2]}
  %1: f32[B,2] = add %"x\x1b]0;title\x07\x9b", %0 loc("m\x1b[2J\x9b.cpp":4)
  %2: f32[2] = reduce_sum %1 {axes=[0]} loc("m\x1b[2J\x9b.cpp":5)
  update %"s\x1b[31m\xe2\x80\xae\nforged: state" = %2
  return %1
}
)";

/// Returns whether a terminal would interpret part of `text`: controls other than line feeds, and U+202E.
bool is_obeyed(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7f) return true;
    const auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0;
    if (byte == 0xc2 && next < 0xa0) return true;
  }
  return contains(text, "\xe2\x80\xae") ||
         contains(text,
                  "\x9b"
                  "2m") ||
         contains(text, "\xff");
}

std::set<std::string> files_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
    if (!entry.is_directory()) names.insert(std::filesystem::relative(entry.path(), folder).string());
  return names;
}

}  // namespace

TEST_CASE("file names from a graph stay in the folder") {
  const TemporaryFolder work;
  const auto deep = work.path() / "a" / "b" / "c";
  std::filesystem::create_directories(deep);
  write_text(deep / "evil.ir", kTraversal);
  const auto run = [&](const std::string& arguments, const std::string& environment = "") {
    const Outcome outcome = run_sluice(arguments, fmt::format("cd '{}'; {}", deep.string(), environment));
    INFO(outcome.err);
    CHECK(outcome.status == 0);
  };
  run("run evil.ir --output out");
  run("show evil.ir");
  run("check evil.ir --no-jit");
  run("opt evil.ir", "SLUICE_FLAGS=--dump-dir=dump");
  const std::set<std::string> files = files_in(work.path());
  const std::set<std::string> expected{"a/b/c/evil.ir", "a/b/c/out/result-0.npy", "a/b/c/out/_.._.._evil_state.npy",
                                       "a/b/c/out/_tmp_sluice_evil_state.npy", "a/b/c/_.._.._evil_graph.html"};
  for (const std::string& file : expected) CHECK(files.contains(file));
  for (const std::string& file : files) {
    CAPTURE(file);
    CHECK((expected.contains(file) || file.starts_with("a/b/c/dump/0")));
  }
  CHECK_FALSE(std::filesystem::exists("/tmp/sluice_evil_state.npy"));
}

TEST_CASE("states whose files would share a name get two") {
  const TemporaryFolder work;
  write_text(work.path() / "a.ir", R"(sluice-ir 1
graph @g(%x: f32[]) state(%"a/b": f32[] "1", %a_b: f32[] "2", %result-0: f32[] "3") {
  %0: f32[] = constant {value=1}
  %1: f32[] = constant {value=2}
  update %"a/b" = %0, %a_b = %1
  return %x
}
)");
  const auto run = [&](std::string_view from, std::string_view to) {
    std::string text = text_of(work.path() / "a.ir");
    text.replace(text.find(from), from.size(), to);
    write_text(work.path() / "a.ir", text);
    return run_sluice("run a.ir --output out", fmt::format("cd '{}';", work.path().string()));
  };
  const Outcome outcome = run("%result-0", "%\"result-0\"");
  CHECK(outcome.err == "");
  CHECK(read_npy(work.path() / "out" / "a_b.npy") == Array::scalar(1.F));
  CHECK(read_npy(work.path() / "out" / "a_b-2.npy") == Array::scalar(2.F));
  run("%a_b = %1", "%\"result-0\" = %1");
  CHECK(read_npy(work.path() / "out" / "result-0-2.npy") == Array::scalar(2.F));
}

TEST_CASE("a terminal interprets nothing in a name") {
  const TemporaryFolder work;
  write_text(work.path() / "a.ir", kHostile);
  std::string wrong(kHostile);
  wrong.replace(wrong.find("reduce_sum"), 10, "reduce_sun");
  write_text(work.path() / "wrong.ir", wrong);
  std::string raw(kHostile);
  raw.replace(raw.find("return"), 6, "\x1b[31m\xc2\x9b\xe2\x80\xae");
  write_text(work.path() / "raw.ir", raw);
  write_text(work.path() / "two.ir", fmt::format("{}{}", kHostile, kTraversal));
  for (const char* const arguments : {"run a.ir --batch 2",
                                      "run a.ir --output out",
                                      "run a.ir --input y=a.npy",
                                      "run a.ir --input x=",
                                      "opt a.ir",
                                      "opt a.ir --print-after=all --cost --time-passes",
                                      "explain a.ir",
                                      "explain a.ir --memory",
                                      "check a.ir --no-jit",
                                      "show a.ir -o a.html",
                                      "show a.ir --dot",
                                      "show a.ir --dot --stage x",
                                      "summary a.ir",
                                      "run wrong.ir",
                                      "run raw.ir",
                                      "run two.ir",
                                      "run two.ir --graph g",
                                      "run $'\\e[31m.ir'",
                                      "run $'a.ir\\e[31m'",
                                      "frobnicate $'\\e[31m'",
                                      "run a.ir $'--\\e[31m'",
                                      "run a.ir --batch $'\\e[31m'"}) {
    CAPTURE(arguments);
    const Outcome outcome =
        run_program("bash", fmt::format("-c \"'{}' {}\"", SLUICE_PROGRAM, arguments),
                    fmt::format("cd '{}'; export SLUICE_LOG=trace,pass,jit;", work.path().string()));
    CAPTURE(outcome.out);
    CAPTURE(outcome.err);
    CHECK_FALSE(is_obeyed(outcome.out));
    CHECK_FALSE(is_obeyed(outcome.err));
    CHECK_FALSE(contains("\n" + outcome.out, "\nforged: "));
    CHECK((outcome.out + outcome.err).size() > 10);
  }
  const std::string page = text_of(work.path() / "a.html");
  CHECK_FALSE(is_obeyed(page));
  CHECK(contains(page, "\\\\x1b[31m"));
}

TEST_CASE("a zero byte or an endless file is not a graph, and messages stay short") {
  CHECK(contains(run_sluice("opt /dev/null").err, "/dev/null:1:1: "));
  CHECK(run_sluice("opt .").err == "sluice: .: cannot be read: Is a directory\n");
#ifndef SLUICE_SANITIZED  // a sanitizer's own address space does not fit into the limit
  const Outcome zeros = run_sluice("opt /dev/zero", "ulimit -v 4000000;");
  CHECK(zeros.status == 1);
  CHECK(zeros.err == "sluice: /dev/zero: expected text, got a zero byte\n");
  const Outcome endless = run_sluice("run /dev/stdin --input x=/dev/zero", "yes x | ulimit -v 4000000;");
  CHECK(endless.status != 0);
#endif
  const TemporaryFolder work;
  const auto file = write_text(work.path() / "a.ir", fmt::format(R"(sluice-ir 1
graph @{0}(%{0}: f32[2]) {{
  %1: f32[3] = add %{0}, %{0}
  return %{0}x
}}
)",
                                                                 std::string(200'000, 'n')));
  for (const std::string command : {"opt", "run", "explain", "show", "check"}) {
    const Outcome outcome = run_sluice(fmt::format("{} '{}'", command, file.string()));
    CHECK(outcome.status == 1);
    CHECK(outcome.err.size() < 5000);
  }
}

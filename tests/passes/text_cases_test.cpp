// The cases in tests/passes/cases, several in a file separated by lines `// ----`. A case is a line `// run: PASS...`,
// or `// run: rule NAME` for a single rewrite rule, or `// run: --locations PASS...` for graphs with model lines,
// followed by a graph and the expectation: a line `// expect:` and a graph, or `// expect: no change`; or else `//
// expected-error: MESSAGE` at the end of the rejected line. With SLUICE_UPDATE_TESTS=1 in the environment the graphs
// and messages are rewritten; git diff shows the changes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "ir/kernel_kind.h"
#include "passes/check.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tests/passes/agreement.h"
#include "tests/passes/meaning.h"
#include "tests/passes/text_case.h"
#include "tests/support/run_program.h"

namespace {

using namespace sluice;
namespace fs = std::filesystem;
using passes::Rule;
using test::case_files;
using test::cases_in;
using test::kExpect;
using test::kExpectedError;
using test::kNextCase;
using test::stripped;
using test::TextCase;

std::vector<TextCase> all_cases() {
  std::vector<TextCase> all;
  for (const fs::path& file : case_files(SLUICE_PASS_CASES)) std::ranges::move(cases_in(file), std::back_inserter(all));
  return all;
}

bool updates() { return std::getenv("SLUICE_UPDATE_TESTS") != nullptr; }

/// Checks that the error of the case's text or its passes is on the line that expects it, with that message. Returns
/// the updated text of the case.
std::string check_error(const TextCase& test) {
  const std::size_t begin = test.text.find(kExpectedError) + kExpectedError.size();
  const std::size_t end = test.text.find('\n', begin);
  const auto lines_before = std::count(test.text.begin(), test.text.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
  std::string message = "no error";
  Location place;
  try {
    test.run(test.graph());
  } catch (const Error& error) {
    message = error.message().substr(0, error.message().find('\n'));  // the line and its caret follow
    place = error.location();
  }
  CHECK(place.file == test.file);
  CHECK(place.line == test.line + static_cast<std::size_t>(lines_before));
  if (!updates()) CHECK(message == test.text.substr(begin, end - begin));
  return std::string(test.text).replace(begin, end - begin, message);
}

/// Checks that the rule keeps its promise in every dtype that the ops of the case accept.
void check_dtypes(const TextCase& test, const ir::Graph& graph) {
  for (const auto& [from, to, retyped] : test::in_all_dtypes(graph)) {
    CAPTURE(to_string(from));
    CAPTURE(to_string(to));
    CHECK(test::keeps_meaning(retyped, test.run(retyped), test.exactness()));
  }
}

/// Checks everything that a case promises. Returns the updated text of the case.
std::string check_case(const TextCase& test) {
  CAPTURE(test.file);
  CAPTURE(test.line);
  if (test.is_error) return check_error(test);
  const ir::Graph before = test.graph();
  const ir::Graph after = test.run(before);
  const std::string text = ir::print(after, test.options);
  CHECK(ir::equal_structure(before, after) != test.must_change);
  if (test.must_change && !updates()) CHECK(stripped(text) == test.expected);
  if (!test.rules.empty()) {
    bool fired = false;
    passes::rewrite(before, test.rules, {true, [&](const Rule&) { fired = true; }});
    CHECK(fired == test.must_change);
  }
  const std::string canonical = ir::print(before, test.options);
  CHECK(ir::print(ir::parse(canonical), test.options) == canonical);
  CHECK(ir::print(ir::parse(text), test.options) == text);
  CHECK(ir::equal_structure(test.run(after), after));
  ir::verify(after);
  ir::check_bodies(after);
  CHECK(test::keeps_meaning(before, after, test.exactness()));
  if (!test.rules.empty()) check_dtypes(test, before);
  // The above expands gradients on both sides; this compares them with dual numbers.
  if (std::ranges::find(test.passes, "differentiate") != test.passes.end()) {
    const passes::CheckReport report = passes::check_passes(before);
    CHECK_MESSAGE(!report.difference, passes::to_string(*report.difference));
  }
  if (!test.must_change || stripped(text) == test.expected) return test.text;
  return fmt::format("{}{}\n{}", test.before, kExpect, text);
}

/// Checks the cases of a file, or rewrites their expectations.
void check_file(const fs::path& file) {
  std::string text;
  for (const TextCase& test : cases_in(file)) text += (text.empty() ? "" : kNextCase.data()) + check_case(test);
  if (updates()) std::ofstream(file, std::ios::binary) << text;
}

TEST_CASE("text cases") {
  for (const fs::path& file : case_files(SLUICE_PASS_CASES)) check_file(file);
}

TEST_CASE("update mode rewrites wrong expectations, and no other byte") {
  const std::string right = R"(// Equal values merge.
// run: cse
sluice-ir 1
graph @twice(%x: f32[4]) {
  %0: f32[4] = exp %x
  %1: f32[4] = exp %x
  %2: f32[4] = add %0, %1
  return %2
}

// expect:
sluice-ir 1
graph @twice(%x: f32[4]) {
  %0: f32[4] = exp %x
  %1: f32[4] = add %0, %0
  return %1
}

// ----
// run: cse
sluice-ir 1
graph @bias(%x: f32[B,4], %b: f32[4]) {
  %0: f32[B,4] = add %x, %b  // expected-error: add: operands have different types: f32[B,4] and f32[4]
  return %0
}
// ----
// Right as it is, but for spaces that the printer would not write.
// run: dce
sluice-ir 1
graph @dead(%x:f32[4]) {
    %0: f32[4]=exp %x
  return %x
}

// expect:
sluice-ir 1
graph @dead(%x: f32[4]) {
  return %x
}


// ----
// run: dce
sluice-ir 1
graph @live( %x: f32[4] ) { return %x }

// expect: no change
)";
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "cases.ir";
  const auto with = [&](const std::string& part, const std::string& instead) {
    return std::string(right).replace(right.find(part), part.size(), instead);
  };
  const std::size_t expected = right.find("sluice-ir 1\n", right.find("// expect:"));
  const std::string graph = right.substr(expected, right.find("\n// ----") - expected);
  setenv("SLUICE_UPDATE_TESTS", "1", 1);
  for (const std::string& text :
       {right, with("add %0, %0", "mul %0, %0"), std::string(right).replace(expected, graph.size(), ""),
        with("operands have different types: f32[B,4] and f32[4]", "no such message"),
        with("add: operands have different types: f32[B,4] and f32[4]", "")}) {
    test::write_text(file, text);
    check_file(file);
    CHECK(test::text_of(file) == right);
  }
  unsetenv("SLUICE_UPDATE_TESTS");
  check_file(file);
  CHECK(test::text_of(file) == right);
}

TEST_CASE("every pass has a text case where it changes the graph and one where it does not") {
  std::set<std::string_view> changes;
  std::set<std::string_view> stays;
  for (const TextCase& test : all_cases()) {
    if (test.is_error) continue;
    ir::Graph graph = test.graph();
    for (const std::string& name : test.passes) {
      const passes::Pass& pass = passes::find_pass(name);
      const ir::Graph after = pass.run(graph);
      (ir::equal_structure(graph, after) ? stays : changes).insert(pass.name);
      graph = after;
    }
  }
  for (const passes::Pass& pass : passes::all_passes()) {
    CAPTURE(std::string(pass.name));
    CHECK(changes.contains(pass.name));
    CHECK(stays.contains(pass.name));
  }
}

TEST_CASE("every rule has a text case where it fires and one where it must not") {
  std::set<std::string_view> fires;
  std::set<std::string_view> stays_away;
  for (const TextCase& test : all_cases()) {
    for (const Rule& rule : test.rules) (test.must_change ? fires : stays_away).insert(rule.name);
  }
  std::set<std::string_view> names;
  for (const Rule& rule : passes::all_rules()) {
    CAPTURE(rule.name);
    CHECK(names.insert(rule.name).second);
    CHECK(fires.contains(rule.name));
    CHECK(stays_away.contains(rule.name));
  }
}

}  // namespace

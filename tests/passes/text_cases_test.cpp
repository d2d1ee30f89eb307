// The cases in tests/passes/cases, several in a file between lines `// ----`. A case is a line `// run: PASS...`, or
// `// run: rule NAME` for one rewrite rule, or `// run: --locations PASS...` for graphs with model lines, a graph, and
// what must come out: a line `// expect:` and a graph, or
// `// expect: no change`; or else `// expected-error: MESSAGE` at the end of the line that is refused. With
// SLUICE_UPDATE_TESTS=1 in the environment the graphs and messages are written anew; git diff shows what changed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>

#include "ir/error.h"
#include "ir/random_arrays.h"
#include "ir/reference/interpreter.h"
#include "ir/text.h"
#include "passes/check.h"
#include "passes/fusion_contract.h"
#include "passes/pass.h"
#include "passes/rewrite.h"
#include "tests/passes/agreement.h"
#include "tests/support/run_program.h"

namespace {

using namespace sluice;
namespace fs = std::filesystem;
using passes::Exactness;
using passes::Rule;

constexpr std::string_view kRun = "// run: ";
constexpr std::string_view kRule = "rule ";
constexpr std::string_view kLocations = "--locations";
constexpr std::string_view kExpect = "\n// expect:";
constexpr std::string_view kNoChange = " no change";
constexpr std::string_view kExpectedError = "// expected-error: ";
constexpr std::string_view kNextCase = "\n// ----\n";

std::string stripped(std::string text) {
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

struct TextCase {
  std::string file;
  std::size_t line = 1;  ///< of the file, where the case begins
  std::string text;
  std::vector<std::string> passes;
  std::vector<Rule> rules;  ///< one, if the case is of a rule
  ir::PrintOptions options;
  bool is_error = false;
  bool must_change = true;
  std::string before;    ///< with the comments above it
  std::string expected;  ///< the graph

  /// The graph, with places that are those in the file.
  ir::Graph graph() const { return ir::parse(std::string(line - 1, '\n') + before, file); }

  ir::Graph run(const ir::Graph& graph) const {
    if (!rules.empty()) return passes::rewrite(graph, rules, {true, {}});
    return passes::run_passes(graph, std::vector<std::string_view>(passes.begin(), passes.end()));
  }

  /// What the interpreter's results keep: rules say it by their mark, passes keep every bit.
  Exactness exactness() const {
    if (!rules.empty()) return rules[0].exactness;
    return std::ranges::count(passes, "canonicalize") > 0 ? Exactness::kValue : Exactness::kExact;
  }
};

TextCase parse_case(const fs::path& file, std::size_t line, std::string text) {
  TextCase test;
  test.file = file.filename().string();
  test.line = line;
  test.text = std::move(text);
  const auto wrong = [&](std::string_view what) { fail("{}:{}: {}", test.file, line, what); };
  const std::size_t run = test.text.find(kRun);
  if (run == std::string::npos) wrong("a case has a line `// run: PASS...` or `// run: rule NAME`");
  const std::size_t begin = run + kRun.size();
  const std::string what = test.text.substr(begin, test.text.find('\n', run) - begin);
  if (what.starts_with(kRule)) {
    const std::string name = what.substr(kRule.size());
    for (const Rule& rule : passes::all_rules()) {
      if (rule.name == name) test.rules.push_back(rule);
    }
    if (test.rules.size() != 1) wrong(fmt::format("there are {} rules '{}'", test.rules.size(), name));
  }
  std::istringstream names(test.rules.empty() ? what : "");
  for (std::string name; names >> name;) {
    if (name == kLocations) {
      test.options.locations = true;
    } else {
      test.passes.push_back(name);
    }
  }

  test.is_error = test.text.find(kExpectedError) != std::string::npos;
  const std::size_t expect = test.text.find(kExpect);
  if (test.is_error == (expect != std::string::npos))
    wrong("a case has a line `// expect:` or `// expected-error: MESSAGE`");
  test.before = test.text.substr(0, expect);
  if (test.is_error) return test;
  const std::string rest = test.text.substr(expect + kExpect.size());
  test.must_change = !rest.starts_with(kNoChange);
  if (test.must_change) test.expected = stripped(rest.substr(std::min<std::size_t>(1, rest.size())));
  return test;
}

std::vector<TextCase> cases_in(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  std::vector<TextCase> cases;
  for (std::size_t line = 1;;) {
    const std::size_t end = text.find(kNextCase);
    cases.push_back(parse_case(file, line, text.substr(0, end)));
    if (end == std::string::npos) return cases;
    const auto rest = static_cast<std::ptrdiff_t>(end + kNextCase.size());
    line += static_cast<std::size_t>(std::count(text.begin(), text.begin() + rest, '\n'));
    text.erase(0, static_cast<std::size_t>(rest));
  }
}

/// In the order of their names.
std::set<fs::path> case_files() {
  std::set<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(SLUICE_PASS_CASES)) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  return files;
}

std::vector<TextCase> all_cases() {
  std::vector<TextCase> all;
  for (const fs::path& file : case_files()) std::ranges::move(cases_in(file), std::back_inserter(all));
  return all;
}

/// A graph that the interpreter can run: with its gradients expanded, if it has any.
ir::Graph without_gradient(const ir::Graph& graph) {
  const bool has =
      std::ranges::any_of(graph.nodes(), [](const ir::Node& node) { return node.op == ir::Op::kGradient; });
  return has ? passes::find_pass("differentiate").run(graph) : graph;
}

/// The numbers at which rewrites go wrong.
void fill_with_edges(Array& array, std::size_t offset) {
  const double inf = std::numeric_limits<double>::infinity();
  const std::vector<double> edges{0,     -0.0, 1,   -1, inf, -inf, std::numeric_limits<double>::quiet_NaN(),
                                  1e-40, 0.5,  -300};
  visit_dtype(array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if constexpr (std::is_floating_point_v<T>) {
      for (T& element : array.data<T>()) element = static_cast<T>(edges[offset++ % edges.size()]);
    } else if constexpr (!std::is_same_v<T, bool>) {
      const std::vector<T> whole{0, 1, std::numeric_limits<T>::max(), std::numeric_limits<T>::min(),
                                 static_cast<T>(-3)};
      for (T& element : array.data<T>()) element = whole[offset++ % whole.size()];
    }
  });
}

bool agree(const std::vector<Array>& x, const std::vector<Array>& y, Exactness exactness) {
  if (exactness == Exactness::kExact) return x == y;
  return test::same_values(x, y, exactness == Exactness::kFast ? 1e-5 : 0);
}

/// The interpreter gives the same before and after, as the mark promises: for random inputs, and for those at which
/// rewrites go wrong where they need not be close.
void check_meaning(const ir::Graph& given, const ir::Graph& made, Exactness exactness) {
  const ir::Graph before = without_gradient(given);
  const ir::Graph after = without_gradient(made);
  for (const std::size_t round : {0U, 1U, 2U, 3U}) {
    std::vector<Array> inputs = random_parameters(before, round == 0 ? 1 : 3, 11 + round);
    const std::vector<Array> states = random_states(before, 12 + round);
    const bool edges = round > 1 && exactness != Exactness::kFast;
    for (std::size_t i = 0; edges && i < inputs.size(); ++i) fill_with_edges(inputs[i], 3 * i * round);
    const ir::EvalResult expected = ir::evaluate(before, inputs, states);
    const ir::EvalResult result = ir::evaluate(after, inputs, states);
    CHECK(agree(result.results, expected.results, exactness));
    CHECK(agree(result.states, expected.states, exactness));
  }
}

bool updates() { return std::getenv("SLUICE_UPDATE_TESTS") != nullptr; }

/// The error that the case's text or its passes give must stand on the line that expects it, with that message. Gives
/// the text of the case as it is.
std::string check_error(const TextCase& test) {
  const std::size_t begin = test.text.find(kExpectedError) + kExpectedError.size();
  const std::size_t end = test.text.find('\n', begin);
  const auto lines_before = std::count(test.text.begin(), test.text.begin() + static_cast<std::ptrdiff_t>(begin), '\n');
  std::string message = "no error";
  Location place;
  try {
    test.run(test.graph());
  } catch (const Error& error) {
    message = error.message().substr(0, error.message().find('\n'));  // below stand the line and its caret
    place = error.location();
  }
  CHECK(place.file == test.file);
  CHECK(place.line == test.line + static_cast<std::size_t>(lines_before));
  if (!updates()) CHECK(message == test.text.substr(begin, end - begin));
  return std::string(test.text).replace(begin, end - begin, message);
}

/// Checks all that a case promises. Gives the text of the case as it is.
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
  passes::check_bodies(after);
  check_meaning(before, after, test.exactness());
  // The above expands gradients on both sides; here they are compared with dual numbers.
  if (std::ranges::find(test.passes, "differentiate") != test.passes.end()) {
    const passes::CheckReport report = passes::check_passes(before);
    CHECK_MESSAGE(!report.difference, passes::to_string(*report.difference));
  }
  if (!test.must_change || stripped(text) == test.expected) return test.text;
  return fmt::format("{}{}\n{}", test.before, kExpect, text);
}

/// Checks the cases of a file, or writes their expectations anew.
void check_file(const fs::path& file) {
  std::string text;
  for (const TextCase& test : cases_in(file)) text += (text.empty() ? "" : kNextCase.data()) + check_case(test);
  if (updates()) std::ofstream(file, std::ios::binary) << text;
}

TEST_CASE("text cases") {
  for (const fs::path& file : case_files()) check_file(file);
}

TEST_CASE("update mode writes wrong expectations anew, and no other byte") {
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

// The cases in tests/passes/cases: a line `// run: PASS...`, a graph, a line `// expect:` and the graph after the
// passes; or, instead of an expectation, `// expected-error: MESSAGE` at the end of the line that is refused. With
// SLUICE_UPDATE_TESTS=1 in the environment the expectations are written anew; git diff shows what changed.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "ir/error.h"
#include "ir/reference/interpreter.h"
#include "ir/text.h"
#include "passes/pass.h"
#include "tests/passes/agreement.h"
#include "tests/passes/fusion_contract.h"
#include "tests/support/random_arrays.h"

namespace {

using namespace sluice;
namespace fs = std::filesystem;

constexpr std::string_view kRun = "// run: ";
constexpr std::string_view kExpect = "\n// expect:\n";
constexpr std::string_view kExpectedError = "// expected-error: ";

struct TextCase {
  std::vector<std::string> passes;
  std::string before;  ///< with the comments above it
  std::string expected;
};

std::string read(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// All cases, in the order of their names.
std::set<fs::path> case_files() {
  std::set<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(SLUICE_PASS_CASES)) paths.insert(entry.path());
  return paths;
}

std::vector<std::string> passes_of(const std::string& text) {
  const std::size_t run = text.find(kRun);
  if (run == std::string::npos) fail("a case has a line `// run: PASS...`");
  std::istringstream names(text.substr(run + kRun.size(), text.find('\n', run) - run - kRun.size()));
  std::vector<std::string> passes;
  for (std::string name; names >> name;) passes.push_back(name);
  return passes;
}

TextCase parse_case(const std::string& text) {
  const std::size_t expect = text.find(kExpect);
  if (expect == std::string::npos) fail("a case has a line `// expect:` or `// expected-error: MESSAGE`");
  return {passes_of(text), text.substr(0, expect), text.substr(expect + kExpect.size())};
}

ir::Graph run(const ir::Graph& graph, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  return passes::run_passes(graph, views);
}

/// A graph that the interpreter can run: with its gradients expanded, if it has any.
ir::Graph without_gradient(const ir::Graph& graph) {
  const bool has =
      std::ranges::any_of(graph.nodes(), [](const ir::Node& node) { return node.op == ir::Op::kGradient; });
  return has ? run(graph, {"differentiate"}) : graph;
}

/// The interpreter gives the same before and after; a gradient must be expanded before it can run. Rules may change the
/// sign of a zero and the bits of a NaN, as their mark `value` says; the other passes keep every bit.
void check_meaning(const ir::Graph& graph, const ir::Graph& result_of_passes, const std::vector<std::string>& names) {
  const ir::Graph before = without_gradient(graph);
  const ir::Graph after = without_gradient(result_of_passes);
  const bool keeps_bits = std::ranges::find(names, "canonicalize") == names.end();
  for (const std::int64_t batch_size : {1, 3}) {
    const std::vector<Array> inputs = test::random_parameters(before, batch_size, 11);
    const std::vector<Array> states = test::random_states(before, 12);
    const ir::EvalResult expected = ir::evaluate(before, inputs, states);
    const ir::EvalResult result = ir::evaluate(after, inputs, states);
    CHECK(test::same_values(result.results, expected.results));
    CHECK(test::same_values(result.states, expected.states));
    if (!keeps_bits) continue;
    CHECK(result.results == expected.results);
    CHECK(result.states == expected.states);
  }
}

bool updates() { return std::getenv("SLUICE_UPDATE_TESTS") != nullptr; }

/// The error that the case's text or its passes give must stand on the line that expects it, with that message.
void check_error(const fs::path& path, std::string text) {
  const std::size_t expected = text.find(kExpectedError);
  const std::size_t end = text.find('\n', expected);
  const auto line = static_cast<std::uint32_t>(
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(expected), '\n'));
  std::string message = "no error";
  Location place;
  try {
    run(ir::parse(text, path.filename().string()), passes_of(text));
  } catch (const Error& error) {
    message = error.message().substr(0, error.message().find('\n'));  // below stand the line and its caret
    place = error.location();
  }
  CHECK(place.file == path.filename().string());
  CHECK(place.line == line);
  const std::size_t begin = expected + kExpectedError.size();
  if (updates()) {
    std::ofstream(path) << text.replace(begin, end - begin, message);
  } else {
    CHECK(message == text.substr(begin, end - begin));
  }
}

void check_case(const fs::path& path) {
  CAPTURE(path.filename().string());
  const std::string whole = read(path);
  if (whole.find(kExpectedError) != std::string::npos) {
    check_error(path, whole);
    return;
  }
  const TextCase test = parse_case(whole);
  const ir::Graph before = ir::parse(test.before, path.filename().string());
  const ir::Graph after = run(before, test.passes);
  const std::string text = ir::print(after);
  if (updates()) {
    std::ofstream(path) << test.before << kExpect << text;
  } else {
    CHECK(text == test.expected);
  }
  const std::string canonical = ir::print(before);
  CHECK(ir::print(ir::parse(canonical)) == canonical);
  CHECK(ir::print(ir::parse(text)) == text);
  CHECK(ir::equal_structure(run(after, test.passes), after));
  test::check_fusion_contract(after);
  check_meaning(before, after, test.passes);
}

TEST_CASE("text cases") {
  const std::set<fs::path> paths = case_files();
  CHECK(paths.size() >= 16);
  for (const fs::path& path : paths) check_case(path);
}

TEST_CASE("every pass has a text case where it changes the graph and one where it does not") {
  std::set<std::string_view> changes;
  std::set<std::string_view> stays;
  for (const fs::path& path : case_files()) {
    const std::string text = read(path);
    if (text.find(kExpectedError) != std::string::npos) continue;
    const TextCase test = parse_case(text);
    ir::Graph graph = ir::parse(test.before, path.filename().string());
    for (const std::string& name : test.passes) {
      const ir::Graph after = run(graph, {name});
      (ir::equal_structure(graph, after) ? stays : changes).insert(passes::find_pass(name).name);
      graph = after;
    }
  }
  for (const passes::Pass& pass : passes::all_passes()) {
    CAPTURE(std::string(pass.name));
    CHECK(changes.contains(pass.name));
    CHECK(stays.contains(pass.name));
  }
}

}  // namespace

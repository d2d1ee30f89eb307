// The cases in tests/passes/cases: a line `// run: PASS...`, a graph, a line `// expect:` and the graph after the
// passes. With SLUICE_UPDATE_TESTS=1 in the environment the expectations are written anew; git diff shows what changed.
#include <doctest/doctest.h>

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

TextCase parse_case(const std::string& text) {
  const std::size_t run = text.find(kRun);
  const std::size_t expect = text.find(kExpect);
  if (run == std::string::npos || expect == std::string::npos) fail("a case has a `// run:` and a `// expect:` line");
  std::istringstream names(text.substr(run + kRun.size(), text.find('\n', run) - run - kRun.size()));
  TextCase result{{}, text.substr(0, expect), text.substr(expect + kExpect.size())};
  for (std::string name; names >> name;) result.passes.push_back(name);
  return result;
}

ir::Graph run(const ir::Graph& graph, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  return passes::run_passes(graph, views);
}

bool has_gradient(const ir::Graph& graph) {
  for (const ir::Node& node : graph.nodes()) {
    if (node.op == ir::Op::kGradient) return true;
  }
  return false;
}

/// The interpreter gives the same values before and after; a gradient must be expanded before it can run.
void check_meaning(const ir::Graph& graph, const ir::Graph& after) {
  const ir::Graph before = has_gradient(graph) ? run(graph, {"differentiate"}) : graph;
  for (const std::int64_t batch_size : {1, 3}) {
    const std::vector<Array> inputs = test::random_parameters(before, batch_size, 11);
    const std::vector<Array> states = test::random_states(before, 12);
    const ir::EvalResult expected = ir::evaluate(before, inputs, states);
    const ir::EvalResult result = ir::evaluate(after, inputs, states);
    CHECK(test::same_values(result.results, expected.results));
    CHECK(test::same_values(result.states, expected.states));
  }
}

void check_case(const fs::path& path) {
  CAPTURE(path.filename().string());
  const TextCase test = parse_case(read(path));
  const ir::Graph before = ir::parse(test.before, path.filename().string());
  const ir::Graph after = run(before, test.passes);
  const std::string text = ir::print(after);
  if (std::getenv("SLUICE_UPDATE_TESTS") != nullptr) {
    std::ofstream(path) << test.before << kExpect << text;
  } else {
    CHECK(text == test.expected);
  }
  CHECK(ir::print(ir::parse(text)) == text);
  CHECK(ir::equal_structure(run(after, test.passes), after));
  test::check_fusion_contract(after);
  check_meaning(before, after);
}

TEST_CASE("text cases") {
  std::set<fs::path> paths;  // in the order of their names
  for (const auto& entry : fs::directory_iterator(SLUICE_PASS_CASES)) paths.insert(entry.path());
  CHECK(paths.size() >= 8);
  for (const fs::path& path : paths) check_case(path);
}

}  // namespace

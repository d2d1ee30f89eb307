#include "tests/passes/text_case.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "passes/pass.h"
#include "sluice/error.h"

namespace sluice::test {

namespace fs = std::filesystem;

std::string stripped(std::string text) {
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

ir::Graph TextCase::graph() const { return ir::parse(std::string(line - 1, '\n') + before, file); }

ir::Graph TextCase::run(const ir::Graph& graph) const {
  if (!rules.empty()) return passes::rewrite(graph, rules, {true, {}});
  return passes::run_passes(graph, std::vector<std::string_view>(passes.begin(), passes.end()));
}

passes::Exactness TextCase::exactness() const {
  if (!rules.empty()) return rules[0].exactness;
  if (std::ranges::find(passes, "expand_attention") != passes.end()) return passes::Exactness::kFast;
  const bool exchanges =
      std::ranges::any_of(passes, [](const std::string& p) { return p == "canonicalize" || p == "cse"; });
  return exchanges ? passes::Exactness::kNanBits : passes::Exactness::kExact;
}

namespace {

constexpr std::string_view kRun = "// run: ";
constexpr std::string_view kRule = "rule ";
constexpr std::string_view kLocations = "--locations";
constexpr std::string_view kNoChange = " no change";

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
    for (const passes::Rule& rule : passes::all_rules()) {
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

}  // namespace

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

std::set<fs::path> case_files(const fs::path& folder) {
  std::set<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.insert(entry.path());
  }
  return files;
}

}  // namespace sluice::test

// Every rewrite rule has a theorem, or says why not. docs/rules.md is the table of them, which SLUICE_UPDATE_TESTS=1
// updates.
#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <fstream>

#include "tests/passes/text_case.h"
#include "tests/proofs/index_theorems.h"
#include "tests/proofs/scalar_theorems.h"
#include "tests/support/run_program.h"

namespace {

using namespace sluice;
using passes::Exactness;
using passes::Rule;

struct Unproven {
  std::string_view rule;
  std::string_view reason;
};

constexpr Unproven kUnproven[] = {
    {"op(constants) -> constant", "by definition: the interpreter computes the constant"},
    {"x ^ 2 -> square x", "nothing: `pow` has no theory"},
};

constexpr Unproven kAssumptions[] = {
    {"x ^ 0 -> 1", "assumes that pow(x, 0) is 1"},
    {"x ^ 1 -> x", "assumes that pow(x, 1) is x"},
};

std::string_view note(std::span<const Unproven> notes, const Rule& rule) {
  for (const Unproven& row : notes) {
    if (row.rule == rule.name) return row.reason;
  }
  return {};
}

/// Returns x as `from`, cast to `between` and then to `to`, for all dtypes.
std::vector<ir::Graph> casts_of_casts() {
  const DType dtypes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool};
  std::vector<ir::Graph> graphs;
  for (const DType from : dtypes) {
    for (const DType between : dtypes) {
      for (const DType to : dtypes) {
        ir::Builder b("casts");
        const ir::Value once = b.cast(b.parameter("x", {from, {}}), between);
        b.set_results({b.cast(once, to)});
        graphs.push_back(std::move(b).finish());
      }
    }
  }
  return graphs;
}

/// Returns the graphs of the text cases in which a rule fires, and all casts of casts.
std::map<std::string_view, std::vector<ir::Graph>> graphs_of_rules() {
  std::map<std::string_view, std::vector<ir::Graph>> graphs;
  for (const auto& file : test::case_files(SLUICE_RULE_CASES)) {
    for (const test::TextCase& text : test::cases_in(file)) {
      if (text.must_change) graphs[text.rules[0].name].push_back(text.graph());
    }
  }
  graphs["cast of a cast that loses nothing -> cast"] = casts_of_casts();
  return graphs;
}

std::vector<proofs::IndexTheorem> index_theorems() {
  std::vector<proofs::IndexTheorem> all;
  for (const auto table : {proofs::shape_theorems(), proofs::structure_theorems()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

std::string_view keeps(Exactness exactness) {
  switch (exactness) {
    case Exactness::kExact:
      return "every bit";
    case Exactness::kNanBits:
      return "all but NaN bits";
    case Exactness::kFast:
      break;
  }
  return "no rounding";
}

std::vector<std::string> names(const std::set<DType>& dtypes) {
  std::vector<std::string> result;
  for (const DType dtype : dtypes) result.emplace_back(to_string(dtype));
  return result;
}

struct Row {
  std::vector<std::string> proven;  ///< the dtypes or shapes that it was proven for
  std::vector<std::string> models;
  std::vector<std::string> failures;
  int theorems = 0;
};

Row prove(const Rule& rule, const std::vector<ir::Graph>& graphs) {
  Row row;
  if (const std::string_view reason = note(kUnproven, rule); !reason.empty()) return {{std::string(reason)}, {}, {}, 0};
  proofs::Evidence evidence = proofs::prove_on_graphs(rule, graphs);
  if (evidence.theorems > 0) {
    row.proven.push_back(fmt::format("{}", fmt::join(names(evidence.dtypes), " ")));
    row.models.assign(evidence.models.begin(), evidence.models.end());
    row.failures = std::move(evidence.failures);
    row.theorems = evidence.theorems;
  }
  for (const proofs::IndexTheorem& theorem : index_theorems()) {
    if (theorem.rule != rule.name) continue;
    proofs::Prover prover;
    theorem.prove(prover);
    row.proven.emplace_back(theorem.what);
    row.theorems += prover.theorems();
    row.failures.insert(row.failures.end(), prover.failures().begin(), prover.failures().end());
  }
  if (const std::string_view text = note(kAssumptions, rule); !text.empty()) row.proven.emplace_back(text);
  return row;
}

/// Escapes a text for a Markdown table.
std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) result += c == '|' ? "\\|" : std::string(1, c);
  return result;
}

TEST_CASE("every rule has a theorem that holds, and docs/rules.md says which") {
  const auto graphs = graphs_of_rules();
  const std::string page = test::text_of(SLUICE_RULES_MD);
  const std::string head = "| rule | keeps | proven for | float formats | theorems |\n|---|---|---|---|---|\n";
  std::string table = head;
  for (const Rule& rule : passes::all_rules()) {
    CAPTURE(rule.name);
    const Row row = prove(rule, graphs.at(rule.name));
    for (const std::string& failure : row.failures) FAIL_CHECK(failure);
    CHECK_MESSAGE((row.theorems > 0 || !note(kUnproven, rule).empty()), "the rule has no theorem");
    table +=
        fmt::format("| `{}` | {} | {} | {} | {} |\n", escaped(rule.name), keeps(rule.exactness),
                    escaped(fmt::format("{}", fmt::join(row.proven, "; "))), fmt::join(row.models, ", "), row.theorems);
  }
  const std::size_t begin = page.find("| rule |");
  REQUIRE(begin != std::string::npos);
  const std::string current = page.substr(0, begin) + table;
  if (std::getenv("SLUICE_UPDATE_TESTS") != nullptr) std::ofstream(SLUICE_RULES_MD, std::ios::binary) << current;
  CHECK(test::text_of(SLUICE_RULES_MD) == current);
}

TEST_CASE("every theorem and every note belongs to an existing rule") {
  std::set<std::string_view> rules;
  for (const Rule& rule : passes::all_rules()) rules.insert(rule.name);
  for (const proofs::IndexTheorem& theorem : index_theorems()) CHECK(rules.contains(theorem.rule));
  for (const Unproven& row : kUnproven) CHECK(rules.contains(row.rule));
  for (const Unproven& row : kAssumptions) CHECK(rules.contains(row.rule));
}

}  // namespace

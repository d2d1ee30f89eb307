#include "passes/rewrite.h"

#include <doctest/doctest.h>

#include <limits>
#include <set>

#include "ir/reference/interpreter.h"
#include "ir/text.h"
#include "tests/passes/agreement.h"
#include "tests/passes/random_graph.h"
#include "tests/passes/rewrite_cases.h"
#include "tests/support/random_arrays.h"

namespace {

using namespace sluice;
using passes::Exactness;
using passes::Rule;
using test::RewriteCase;

std::vector<RewriteCase> all_cases() {
  std::vector<RewriteCase> all;
  for (const auto& cases :
       {test::arithmetic_cases(), test::logic_cases(), test::shape_cases(), test::structure_cases()}) {
    all.insert(all.end(), cases.begin(), cases.end());
  }
  return all;
}

ir::Graph parse(const RewriteCase& test) {
  return ir::parse(
      fmt::format("sluice-ir 1\ngraph @case({}) {{\n{}\nreturn {}\n}}\n", test.inputs, test.body, test.result));
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

bool agree(const Array& x, const Array& y, Exactness exactness) {
  if (exactness == Exactness::kExact) return x == y;
  return test::same_values(x, y, exactness == Exactness::kFast ? 1e-5 : 0);
}

void check_meaning(const ir::Graph& before, const ir::Graph& after, Exactness exactness) {
  for (const std::size_t round : {0U, 1U, 2U, 3U}) {
    std::vector<Array> inputs = test::random_parameters(before, 3, round);
    const bool edges = round > 1 && exactness != Exactness::kFast;
    for (std::size_t i = 0; edges && i < inputs.size(); ++i) fill_with_edges(inputs[i], 3 * i * round);
    const auto expected = ir::evaluate(before, inputs, {}).results;
    const auto result = ir::evaluate(after, inputs, {}).results;
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(agree(result[i], expected[i], exactness));
  }
}

TEST_CASE("each rule fires where it should, nowhere else, and keeps what its mark promises") {
  for (const RewriteCase& test : all_cases()) {
    CAPTURE(test.rule);
    CAPTURE(test.inputs);
    CAPTURE(test.body);
    const ir::Graph before = parse(test);
    std::vector<Rule> rules;
    for (const Rule& rule : passes::all_rules()) {
      if (rule.name == test.rule) rules.push_back(rule);
    }
    REQUIRE(rules.size() == 1);
    int fired = 0;
    const ir::Graph after = passes::rewrite(before, rules, {true, [&](const Rule&) { ++fired; }});
    CHECK((fired > 0) == test.fires);
    ir::verify(after);
    CHECK(ir::print(ir::parse(ir::print(after))) == ir::print(after));
    CHECK(ir::equal_structure(passes::rewrite(after, rules, {true, {}}), after));
    check_meaning(before, after, rules[0].exactness);
  }
}

TEST_CASE("every rule has a case where it fires and one where it must not") {
  std::set<std::string_view> names;
  for (const Rule& rule : passes::all_rules()) {
    CAPTURE(rule.name);
    CHECK(names.insert(rule.name).second);
    bool fires = false;
    bool stays_away = false;
    for (const RewriteCase& test : all_cases()) {
      if (test.rule == rule.name) (test.fires ? fires : stays_away) = true;
    }
    CHECK(fires);
    CHECK(stays_away);
  }
}

TEST_CASE("fast rules are off unless asked for") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @scale(%x: f32[B,4]) {
  %0: f32[] = constant {value=255}
  %1: f32[B,4] = broadcast %0 {shape=[B,4]}
  %2: f32[B,4] = div %x, %1
  return %2
}
)");
  CHECK(ir::equal_structure(passes::canonicalize(graph), graph));
  const ir::Graph fast = passes::rewrite(graph, passes::all_rules(), {true, {}});
  CHECK(fast.node(fast.results()[0]).op == ir::Op::kMul);
}

TEST_CASE("exact rules keep every bit of random graphs; all rules come to an end") {
  std::vector<Rule> exact;
  for (const Rule& rule : passes::all_rules()) {
    if (rule.exactness == Exactness::kExact) exact.push_back(rule);
  }
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const ir::Graph before = test::random_graph(seed, 5 + static_cast<int>(seed % 90));
    const ir::Graph rewritten = passes::rewrite(before, exact);
    ir::verify(rewritten);
    REQUIRE(test::same_bits(before, rewritten, seed));
    const ir::Graph canonical = passes::canonicalize(before);
    ir::verify(canonical);
    REQUIRE(ir::equal_structure(passes::canonicalize(canonical), canonical));
  }
}

}  // namespace

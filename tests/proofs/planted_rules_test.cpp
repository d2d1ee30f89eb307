// Wrong rules, one of each family: if they could be proven, the theorems would be worthless.
#include <doctest/doctest.h>

#include "sluice/ir/text.h"
#include "tests/proofs/index_theorems.h"
#include "tests/proofs/indices.h"
#include "tests/proofs/scalar_theorems.h"

namespace sluice::proofs {

namespace {

using ir::Op;
using ir::Value;
using passes::Exactness;
using passes::Match;
using Result = std::optional<Value>;

struct Planted {
  passes::Rule rule;
  std::string_view parameters;
  std::string_view nodes;  ///< the last one is %r
};

const Planted kPlanted[] = {
    {{"|-x| -> |x|, of u8, too", Exactness::kExact, Op::kAbs,
      [](const Match& m) -> Result {
        const Result x = m.inner(0, Op::kNeg);
        return x ? Result(m(Op::kAbs, {*x})) : Result();
      }},
     "%x: u8[4]",
     "%a: u8[4] = neg %x\n%r: u8[4] = abs %a"},
    {{"x + 0 -> x, of -0, too", Exactness::kNanBits, Op::kAdd, [](const Match& m) -> Result { return m.operand(0); }},
     "%x: f32[]",
     "%c: f32[] = constant {value=0}\n%r: f32[] = add %x, %c"},
    {{"x * 1 -> x, with the bits of signalling NaNs", Exactness::kExact, Op::kMul,
      [](const Match& m) -> Result { return m.operand(0); }},
     "%x: f32[]",
     "%c: f32[] = constant {value=1}\n%r: f32[] = mul %x, %c"},
    {{"x - -0 -> x", Exactness::kNanBits, Op::kSub, [](const Match& m) -> Result { return m.operand(0); }},
     "%x: f32[]",
     "%c: f32[] = constant {value=-0}\n%r: f32[] = sub %x, %c"},
    {{"x * 0 -> 0, of floats, too", Exactness::kNanBits, Op::kMul,
      [](const Match& m) -> Result { return m.operand(1); }},
     "%x: f32[]",
     "%c: f32[] = constant {value=0}\n%r: f32[] = mul %x, %c"},
    {{"(x + y) - y -> x, of floats, too", Exactness::kNanBits, Op::kSub,
      [](const Match& m) -> Result { return m.inner(0, Op::kAdd); }},
     "%x: f32[], %y: f32[]",
     "%a: f32[] = add %x, %y\n%r: f32[] = sub %a, %y"},
    {{"maximum(x, y) -> maximum(y, x)", Exactness::kNanBits, Op::kMaximum,
      [](const Match& m) -> Result {
        if (m.operand(0) > m.operand(1)) return {};
        return m(Op::kMaximum, {m.operand(1), m.operand(0)});
      }},
     "%x: f32[], %y: f32[]",
     "%r: f32[] = maximum %x, %y"},
    {{"not (x < y) -> x >= y", Exactness::kExact, Op::kLogicalNot,
      [](const Match& m) -> Result {
        return m(Op::kGreaterEqual, {m.maker(0).operands[0], m.maker(0).operands[1]});
      }},
     "%x: f32[], %y: f32[]",
     "%a: bool[] = less %x, %y\n%r: bool[] = logical_not %a"},
    {{"select(not c, x, y) -> select(c, x, y)", Exactness::kExact, Op::kSelect,
      [](const Match& m) -> Result {
        const Result condition = m.inner(0, Op::kLogicalNot);
        return condition ? Result(m(Op::kSelect, {*condition, m.operand(1), m.operand(2)})) : Result();
      }},
     "%c: bool[], %x: i32[], %y: i32[]",
     "%a: bool[] = logical_not %c\n%r: i32[] = select %a, %x, %y"},
    {{"cast of a cast that loses bits", Exactness::kNanBits, Op::kCast,
      [](const Match& m) -> Result {
        const Result x = m.inner(0, Op::kCast);
        return x ? Result(m.builder().cast(*x, m.type().dtype)) : Result();
      }},
     "%x: i32[]",
     "%a: f32[] = cast %x {dtype=f32}\n%r: i32[] = cast %a {dtype=i32}"},
};

TEST_CASE("planted rules are refuted") {
  for (const Planted& planted : kPlanted) {
    CAPTURE(planted.rule.name);
    const ir::Graph graph = ir::parse(
        fmt::format("sluice-ir 1\ngraph @planted({}) {{\n{}\nreturn %r\n}}\n", planted.parameters, planted.nodes));
    const Evidence evidence = prove_on_graphs(planted.rule, std::span(&graph, 1));
    CHECK(evidence.theorems > 0);
    REQUIRE(!evidence.failures.empty());
    CHECK(evidence.failures[0].find("unknown:") == std::string::npos);
  }
}

TEST_CASE("planted theorems about positions and orders are refuted") {
  Prover p;
  z3::context& c = p.c;
  const Index i = symbols(c, "i", 3);
  const Index n = symbols(c, "n", 3);
  const auto refuted = [&](const std::string& name, const z3::expr& claim, const std::vector<z3::expr>& hypotheses) {
    CAPTURE(name);
    CHECK_FALSE(p.prove(name, claim, hypotheses));
    CHECK(p.failures().back().find("unknown:") == std::string::npos);
  };
  const Permutation first{1, 2, 0};
  const Permutation second{0, 2, 1};
  refuted("transposes joined the other way round",
          same(c, transposed(transposed(i, second), first), transposed(i, permuted(second, first))), {});
  const Index pair{i[0], i[1]};
  refuted("a transpose that moves sizes other than 1 as a reshape",
          flat(c, Index{i[1], i[0]}, Index{n[0], n[1]}) == flat(c, pair, Index{n[1], n[0]}),
          {inside(c, pair, Index{n[1], n[0]})});
  const Sizes a = shape(c, "a", 1);
  const Index to = symbols(c, "c", 2);
  refuted("broadcast iota along an axis that is repeated", broadcast(c, pair, a.sizes)[0] == i[1],
          {may_broadcast(c, a, to), inside(c, pair, to)});
  refuted("broadcast iota with its old axis", broadcast(c, pair, a.sizes)[0] == i[0],
          {may_broadcast(c, a, to), inside(c, pair, to), to[1] == a.sizes[0]});
  const Sizes behind{{a.sizes[0], c.int_val(1)}, {a.is_one[0], c.bool_val(true)}};
  refuted("broadcast reshape x with ones behind",
          flat(c, broadcast(c, pair, behind.sizes), behind.sizes) == flat(c, broadcast(c, pair, a.sizes), a.sizes),
          {may_broadcast(c, behind, to), inside(c, pair, to)});
  const z3::expr start = c.int_const("start");
  refuted("slice slice x without the inner start", i[0] + start + n[0] == i[0] + start, {start >= 0, n[0] >= 0});
  const auto m = float_model(c, 3, 5);
  const z3::expr x = m->variable("x");
  const z3::expr y = m->variable("y");
  const z3::expr z = m->variable("z");
  refuted("sums of floats in another order",
          m->same(m->add(m->add(x, y), z), m->add(m->add(x, z), y), Exactness::kNanBits), {});
}

}  // namespace

}  // namespace sluice::proofs

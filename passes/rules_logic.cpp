#include "passes/rewrite.h"

// Rules for selections, bools and conversions.
namespace sluice::passes {

using ir::Attr;
using ir::Op;
using ir::Value;
using Result = std::optional<Value>;

namespace {

/// Returns whether every value of `from` maps to a distinct value of `to` for the same number.
bool holds_all(DType from, DType to) {
  if (from == to) return true;
  switch (from) {
    case DType::kBool:
      return true;
    case DType::kU8:
      return to != DType::kBool;
    case DType::kI32:
      return to == DType::kI64 || to == DType::kF64;
    case DType::kF32:
      return to == DType::kF64;
    default:
      return false;
  }
}

/// Returns whether a -> b -> c equals a -> c. It does not if an integer goes through a float to an integer that cannot
/// hold it: floats saturate, integers keep the low bits.
bool may_skip(DType a, DType b, DType c) {
  if (!holds_all(a, b)) return false;
  return !(is_integer(a) && is_float(b) && is_integer(c) && !holds_all(a, c));
}

constexpr Rule kLogicRules[] = {
    {"select(true, x, y) -> x", Exactness::kExact, Op::kSelect,
     [](const Match& m) -> Result { return m.is_number(0, 1) ? Result(m.operand(1)) : Result(); }},
    {"select(false, x, y) -> y", Exactness::kExact, Op::kSelect,
     [](const Match& m) -> Result { return m.is_number(0, 0) ? Result(m.operand(2)) : Result(); }},
    {"select(c, x, x) -> x", Exactness::kExact, Op::kSelect,
     [](const Match& m) -> Result { return m.operand(1) == m.operand(2) ? Result(m.operand(1)) : Result(); }},
    {"select(not c, x, y) -> select(c, y, x)", Exactness::kExact, Op::kSelect,
     [](const Match& m) -> Result {
       const auto condition = m.inner(0, Op::kLogicalNot);
       return condition ? Result(m(Op::kSelect, {*condition, m.operand(2), m.operand(1)})) : Result();
     }},
    {"x and true -> x", Exactness::kExact, Op::kLogicalAnd,
     [](const Match& m) -> Result { return m.is_number(1, 1) ? Result(m.operand(0)) : Result(); }},
    {"x and false -> false", Exactness::kExact, Op::kLogicalAnd,
     [](const Match& m) -> Result { return m.is_number(1, 0) ? Result(m.operand(1)) : Result(); }},
    {"x and x -> x", Exactness::kExact, Op::kLogicalAnd,
     [](const Match& m) -> Result { return m.operand(0) == m.operand(1) ? Result(m.operand(0)) : Result(); }},
    {"x or false -> x", Exactness::kExact, Op::kLogicalOr,
     [](const Match& m) -> Result { return m.is_number(1, 0) ? Result(m.operand(0)) : Result(); }},
    {"x or true -> true", Exactness::kExact, Op::kLogicalOr,
     [](const Match& m) -> Result { return m.is_number(1, 1) ? Result(m.operand(1)) : Result(); }},
    {"x or x -> x", Exactness::kExact, Op::kLogicalOr,
     [](const Match& m) -> Result { return m.operand(0) == m.operand(1) ? Result(m.operand(0)) : Result(); }},
    {"not not x -> x", Exactness::kExact, Op::kLogicalNot,
     [](const Match& m) -> Result { return m.inner(0, Op::kLogicalNot); }},
    {"not (x == y) -> x != y", Exactness::kExact, Op::kLogicalNot,
     [](const Match& m) -> Result {
       if (m.maker(0).op != Op::kEqual) return {};
       return m(Op::kNotEqual, std::vector(m.maker(0).operands));
     }},
    {"not (x != y) -> x == y", Exactness::kExact, Op::kLogicalNot,
     [](const Match& m) -> Result {
       if (m.maker(0).op != Op::kNotEqual) return {};
       return m(Op::kEqual, std::vector(m.maker(0).operands));
     }},
    {"cast x to its own dtype -> x", Exactness::kExact, Op::kCast,
     [](const Match& m) -> Result { return m.operand_type(0) == m.type() ? Result(m.operand(0)) : Result(); }},
    {"cast of a cast that loses nothing -> cast", Exactness::kNanBits, Op::kCast,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kCast);
       if (!x || !may_skip(m.type_of(*x).dtype, m.operand_type(0).dtype, m.type().dtype)) return {};
       return m.builder().cast(*x, m.type().dtype);
     }},
    {"stop_gradient x -> x", Exactness::kExact, Op::kStopGradient,
     [](const Match& m) -> Result { return m.operand(0); }},
};

}  // namespace

std::span<const Rule> logic_rules() { return kLogicRules; }

}  // namespace sluice::passes

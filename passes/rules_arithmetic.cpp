#include <cmath>

#include "passes/rewrite.h"

// Rules for numbers. In the names, x and y stand for values, c for a number that all elements share. x * 0 -> 0 is not
// a rule for floats: it would lose NaN and infinity.
namespace sluice::passes {

using ir::Op;
using ir::Value;
using Result = std::optional<Value>;

namespace {

bool is_constant(const Match& m, std::size_t i) { return m.number(i).has_value() || m.maker(i).op == Op::kConstant; }

bool is_power_of_two(double value) {
  int exponent = 0;
  // Within +-2^100 both the number and its reciprocal are far from overflow and from subnormals, in f32 too.
  return std::abs(std::frexp(value, &exponent)) == 0.5 && std::abs(exponent) < 100;
}

/// Returns whether a float operand cannot be -0, judging by its op.
bool is_never_minus_zero(const Match& m, std::size_t i) {
  switch (m.maker(i).op) {
    case Op::kExp:
    case Op::kSigmoid:
    case Op::kSquare:
    case Op::kAbs:
    case Op::kReduceSum:  // starts at 0
    case Op::kRandomUniform:
      return true;
    case Op::kCast:
      return !is_float(m.type_of(m.maker(i).operands[0]).dtype);
    default:
      return false;
  }
}

Value negated(const Match& m, Value x) { return m(Op::kNeg, {x}); }

constexpr Rule kArithmeticRules[] = {
    {"c op x -> x op c", Exactness::kNanBits, std::nullopt,
     [](const Match& m) -> Result {
       if (!ir::info(m.op()).has(ir::kCommutative) || !is_constant(m, 0) || is_constant(m, 1)) return {};
       return m(m.op(), {m.operand(1), m.operand(0)});
     }},
    {"x + 0 -> x", Exactness::kNanBits, Op::kAdd,
     [](const Match& m) -> Result {
       if (!m.is_number(1, 0)) return {};
       // -0 + 0 is 0.
       const bool keeps_zeros = !is_float(m.type().dtype) || std::signbit(*m.number(1)) || is_never_minus_zero(m, 0);
       return keeps_zeros ? Result(m.operand(0)) : Result();
     }},
    {"x - 0 -> x", Exactness::kNanBits, Op::kSub,
     [](const Match& m) -> Result {
       return m.is_number(1, 0) && !std::signbit(*m.number(1)) ? Result(m.operand(0)) : Result();
     }},
    {"0 - x -> -x", Exactness::kNanBits, Op::kSub,
     [](const Match& m) -> Result {
       if (!m.is_number(0, 0)) return {};
       // 0 - 0 is 0, and so is 0 - -0; -0 - x is -x for every x.
       const bool keeps_zeros = !is_float(m.type().dtype) || std::signbit(*m.number(0));
       return keeps_zeros ? Result(negated(m, m.operand(1))) : Result();
     }},
    {"x * 1 -> x", Exactness::kNanBits, Op::kMul,
     [](const Match& m) -> Result { return m.is_number(1, 1) ? Result(m.operand(0)) : Result(); }},
    {"x * -1 -> -x", Exactness::kNanBits, Op::kMul,
     [](const Match& m) -> Result { return m.is_number(1, -1) ? Result(negated(m, m.operand(0))) : Result(); }},
    {"x * 0 -> 0 of integers", Exactness::kExact, Op::kMul,
     [](const Match& m) -> Result {
       return is_integer(m.type().dtype) && m.is_number(1, 0) ? Result(m.operand(1)) : Result();
     }},
    {"x / 1 -> x", Exactness::kNanBits, Op::kDiv,
     [](const Match& m) -> Result { return m.is_number(1, 1) ? Result(m.operand(0)) : Result(); }},
    {"x / c -> x * (1 / c) for powers of two", Exactness::kExact, Op::kDiv,
     [](const Match& m) -> Result {
       const auto c = m.number(1);
       if (!is_float(m.type().dtype) || !c || !is_power_of_two(*c)) return {};
       return m(Op::kMul, {m.operand(0), m.builder().full(m.type(), 1 / *c)});
     }},
    {"x / c -> x * (1 / c)", Exactness::kFast, Op::kDiv,
     [](const Match& m) -> Result {
       const auto c = m.number(1);
       if (!is_float(m.type().dtype) || !c || *c == 0 || !std::isfinite(*c) || std::abs(*c) > 1e30 ||
           std::abs(*c) < 1e-30)
         return {};
       return m(Op::kMul, {m.operand(0), m.builder().full(m.type(), 1 / *c)});
     }},
    {"x ^ 1 -> x", Exactness::kNanBits, Op::kPow,
     [](const Match& m) -> Result { return m.is_number(1, 1) ? Result(m.operand(0)) : Result(); }},
    {"x ^ 0 -> 1", Exactness::kExact, Op::kPow,
     [](const Match& m) -> Result { return m.is_number(1, 0) ? Result(m.builder().full(m.type(), 1)) : Result(); }},
    {"x ^ 2 -> square x", Exactness::kFast, Op::kPow,
     [](const Match& m) -> Result { return m.is_number(1, 2) ? Result(m(Op::kSquare, {m.operand(0)})) : Result(); }},
    {"-(-x) -> x", Exactness::kExact, Op::kNeg, [](const Match& m) -> Result { return m.inner(0, Op::kNeg); }},
    {"x + -y -> x - y", Exactness::kNanBits, Op::kAdd,
     [](const Match& m) -> Result {
       const auto y = m.inner(1, Op::kNeg);
       return y ? Result(m(Op::kSub, {m.operand(0), *y})) : Result();
     }},
    {"-x + y -> y - x", Exactness::kNanBits, Op::kAdd,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kNeg);
       return x ? Result(m(Op::kSub, {m.operand(1), *x})) : Result();
     }},
    {"x - -y -> x + y", Exactness::kNanBits, Op::kSub,
     [](const Match& m) -> Result {
       const auto y = m.inner(1, Op::kNeg);
       return y ? Result(m(Op::kAdd, {m.operand(0), *y})) : Result();
     }},
    {"-x * -y -> x * y", Exactness::kNanBits, Op::kMul,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kNeg);
       const auto y = m.inner(1, Op::kNeg);
       return x && y ? Result(m(Op::kMul, {*x, *y})) : Result();
     }},
    {"square -x -> square x", Exactness::kNanBits, Op::kSquare,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kNeg);
       return x ? Result(m(Op::kSquare, {*x})) : Result();
     }},
    {"square |x| -> square x", Exactness::kNanBits, Op::kSquare,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kAbs);
       return x ? Result(m(Op::kSquare, {*x})) : Result();
     }},
    {"|-x| -> |x|", Exactness::kExact, Op::kAbs,
     [](const Match& m) -> Result {
       const auto x = m.inner(0, Op::kNeg);
       // For unsigned numbers, -x wraps around and |x| is x.
       return x && m.type().dtype != DType::kU8 ? Result(m(Op::kAbs, {*x})) : Result();
     }},
    {"||x|| -> |x|", Exactness::kExact, Op::kAbs,
     [](const Match& m) -> Result { return m.inner(0, Op::kAbs) ? Result(m.operand(0)) : Result(); }},
    {"relu relu x -> relu x", Exactness::kExact, Op::kRelu,
     [](const Match& m) -> Result { return m.inner(0, Op::kRelu) ? Result(m.operand(0)) : Result(); }},
    {"maximum(x, x) -> x", Exactness::kExact, Op::kMaximum,
     [](const Match& m) -> Result { return m.operand(0) == m.operand(1) ? Result(m.operand(0)) : Result(); }},
    {"minimum(x, x) -> x", Exactness::kExact, Op::kMinimum,
     [](const Match& m) -> Result { return m.operand(0) == m.operand(1) ? Result(m.operand(0)) : Result(); }},
};

}  // namespace

std::span<const Rule> arithmetic_rules() { return kArithmeticRules; }

}  // namespace sluice::passes

#include <limits>
#include <numbers>

#include "passes/gradient_rules.h"

// Derivatives of the elementwise ops. In the comments g is the adjoint of the result r, x and y are the operands.
// Where the derivative at a kink or a tie is a matter of choice, the op's row in ops.def states it.
namespace sluice::passes {

using ir::Op;
using ir::Value;

namespace {

/// Passes g to operand `taken` where `condition` holds and to operand `other` elsewhere, and zero to the respective
/// other one.
void contribute_by_choice(GradientContext& c, Value condition, std::size_t taken, std::size_t other) {
  if (c.wanted(taken)) c.contribute(taken, c(Op::kSelect, {condition, c.adjoint, c.number(0)}));
  if (c.wanted(other)) c.contribute(other, c(Op::kSelect, {condition, c.number(0), c.adjoint}));
}

/// Returns the result r for a slope computed from it, but 1 where the adjoint is 0 and `usable` does not hold: an
/// element that does not contribute to y has derivative 0, whatever its slope. Selecting r rather than the product, a
/// NaN, keeps r out of higher-order derivatives as well.
Value usable_result(GradientContext& c, Value usable) {
  const Value unused = c(Op::kEqual, {c.adjoint, c.number(0)});
  return c(Op::kSelect, {c(Op::kLogicalAnd, {unused, c(Op::kLogicalNot, {usable})}), c.number(1), c.result});
}

/// 2 / sqrt(pi) exp(-x^2). No f32 is that factor: what it lacks is added, or derivatives that cancel, as those of
/// x erfc(x) do, would be off by more than their rounding.
Value slope_of_erf(GradientContext& c) {
  constexpr double kFactor = 2 * std::numbers::inv_sqrtpi;
  constexpr double kLacking = kFactor - static_cast<double>(static_cast<float>(kFactor));
  const Value gauss = c(Op::kExp, {c(Op::kNeg, {c(Op::kSquare, {c.operand(0)})})});
  const Value slope = c(Op::kMul, {gauss, c.number(kFactor)});
  if (c.type().dtype == DType::kF64) return slope;
  return c(Op::kAdd, {slope, c(Op::kMul, {gauss, c.number(kLacking)})});
}

}  // namespace

void gradient_of_kAdd(GradientContext& c) {
  c.contribute(0, c.adjoint);
  c.contribute(1, c.adjoint);
}

void gradient_of_kSub(GradientContext& c) {
  c.contribute(0, c.adjoint);
  if (c.wanted(1)) c.contribute(1, c(Op::kNeg, {c.adjoint}));
}

void gradient_of_kMul(GradientContext& c) {
  if (c.wanted(0)) c.contribute(0, c(Op::kMul, {c.adjoint, c.operand(1)}));
  if (c.wanted(1)) c.contribute(1, c(Op::kMul, {c.adjoint, c.operand(0)}));
}

/// With respect to x: g / y; to y: -(g / y) * (x / y), where x / y is r.
void gradient_of_kDiv(GradientContext& c) {
  const Value quotient = c(Op::kDiv, {c.adjoint, c.operand(1)});
  c.contribute(0, quotient);
  if (c.wanted(1)) c.contribute(1, c(Op::kNeg, {c(Op::kMul, {quotient, c.result})}));
}

/// With respect to x: g y x^(y-1), and 0 where y is 0; to y: g x^y log(x) where x > 0, and 0 elsewhere. The branch not
/// taken is kept out of further derivatives as well, where an infinite slope times its adjoint, 0, would be NaN.
void gradient_of_kPow(GradientContext& c) {
  const Value x = c.operand(0);
  const Value y = c.operand(1);
  const Value one = c.number(1);
  const Value zero = c.number(0);
  if (c.wanted(0)) {
    const Value constant = c(Op::kEqual, {y, zero});
    const Value base = c(Op::kSelect, {constant, c(Op::kStopGradient, {x}), x});
    const Value slope = c(Op::kMul, {y, c(Op::kPow, {base, c(Op::kSub, {y, one})})});
    const Value zero_times_infinity = c(Op::kLogicalAnd, {constant, c(Op::kNotEqual, {slope, slope})});
    c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kSelect, {zero_times_infinity, zero, slope})}));
  }
  if (c.wanted(1)) {
    const Value positive = c(Op::kGreater, {x, zero});
    const Value base = c(Op::kSelect, {positive, x, one});
    const Value slope = c(Op::kMul, {c(Op::kPow, {base, y}), c(Op::kLog, {base})});
    c.contribute(1, c(Op::kMul, {c.adjoint, slope}));
  }
}

void gradient_of_kMaximum(GradientContext& c) {
  contribute_by_choice(c, c(Op::kGreaterEqual, {c.operand(0), c.operand(1)}), 0, 1);
}

void gradient_of_kMinimum(GradientContext& c) {
  contribute_by_choice(c, c(Op::kLessEqual, {c.operand(0), c.operand(1)}), 0, 1);
}

void gradient_of_kNeg(GradientContext& c) { c.contribute(0, c(Op::kNeg, {c.adjoint})); }

void gradient_of_kAbs(GradientContext& c) { c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kSign, {c.operand(0)})})); }

void gradient_of_kExp(GradientContext& c) { c.contribute(0, c(Op::kMul, {c.adjoint, c.result})); }

/// g exp(x) rather than g (1 + r), which has lost the digits of exp(x) where r is close to -1.
void gradient_of_kExpm1(GradientContext& c) { c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kExp, {c.operand(0)})})); }

void gradient_of_kLog(GradientContext& c) { c.contribute(0, c(Op::kDiv, {c.adjoint, c.operand(0)})); }

/// g / (1 + x).
void gradient_of_kLog1p(GradientContext& c) {
  c.contribute(0, c(Op::kDiv, {c.adjoint, c(Op::kAdd, {c.number(1), c.operand(0)})}));
}

/// 0.5 g / r.
void gradient_of_kSqrt(GradientContext& c) {
  const Value r = usable_result(c, c(Op::kGreater, {c.result, c.number(0)}));
  c.contribute(0, c(Op::kDiv, {c(Op::kMul, {c.adjoint, c.number(0.5)}), r}));
}

/// -0.5 g r^3, in an order in which r^3 alone does not overflow.
void gradient_of_kRsqrt(GradientContext& c) {
  const Value r = usable_result(c, c(Op::kLess, {c.result, c.number(std::numeric_limits<double>::infinity())}));
  const Value half = c(Op::kMul, {c(Op::kMul, {c.adjoint, c.number(-0.5)}), r});
  c.contribute(0, c(Op::kMul, {half, c(Op::kSquare, {r})}));
}

/// g (1 - r^2).
void gradient_of_kTanh(GradientContext& c) {
  const Value slope = c(Op::kSub, {c.number(1), c(Op::kSquare, {c.result})});
  c.contribute(0, c(Op::kMul, {c.adjoint, slope}));
}

/// g r (1 - r).
void gradient_of_kSigmoid(GradientContext& c) {
  const Value slope = c(Op::kMul, {c.result, c(Op::kSub, {c.number(1), c.result})});
  c.contribute(0, c(Op::kMul, {c.adjoint, slope}));
}

void gradient_of_kErf(GradientContext& c) { c.contribute(0, c(Op::kMul, {c.adjoint, slope_of_erf(c)})); }

void gradient_of_kErfc(GradientContext& c) {
  c.contribute(0, c(Op::kNeg, {c(Op::kMul, {c.adjoint, slope_of_erf(c)})}));
}

void gradient_of_kSin(GradientContext& c) { c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kCos, {c.operand(0)})})); }

void gradient_of_kCos(GradientContext& c) {
  c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kNeg, {c(Op::kSin, {c.operand(0)})})}));
}

/// g (1 + r^2).
void gradient_of_kTan(GradientContext& c) {
  const Value slope = c(Op::kAdd, {c.number(1), c(Op::kSquare, {c.result})});
  c.contribute(0, c(Op::kMul, {c.adjoint, slope}));
}

/// g / (1 + x^2).
void gradient_of_kAtan(GradientContext& c) {
  const Value divisor = c(Op::kAdd, {c.number(1), c(Op::kSquare, {c.operand(0)})});
  c.contribute(0, c(Op::kDiv, {c.adjoint, divisor}));
}

void gradient_of_kSinh(GradientContext& c) { c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kCosh, {c.operand(0)})})); }

void gradient_of_kCosh(GradientContext& c) { c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kSinh, {c.operand(0)})})); }

/// g where r > 0, which is where x > 0: of the two, only r is kept for the backward pass.
void gradient_of_kRelu(GradientContext& c) {
  const Value positive = c(Op::kGreater, {c.result, c.number(0)});
  c.contribute(0, c(Op::kSelect, {positive, c.adjoint, c.number(0)}));
}

void gradient_of_kSquare(GradientContext& c) {
  c.contribute(0, c(Op::kMul, {c.adjoint, c(Op::kMul, {c.operand(0), c.number(2)})}));
}

void gradient_of_kSelect(GradientContext& c) { contribute_by_choice(c, c.operand(0), 1, 2); }

void gradient_of_kCast(GradientContext& c) {
  if (c.wanted(0)) c.contribute(0, c.builder.cast(c.adjoint, c.operand_type(0).dtype));
}

}  // namespace sluice::passes

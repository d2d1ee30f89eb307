#include "sluice/elementwise.h"

#include <fmt/format.h>

#include <array>

#include "frontend/broadcasting.h"
#include "sluice/detail/trace.h"

namespace sluice {

namespace {

Tensor binary(ir::Op op, const TensorOrNumber& x, const TensorOrNumber& y) {
  const Scope scope(x.where());
  Trace& trace = Trace::required(to_string(op));
  return trace.add(op, detail::unify(to_string(op), std::array{x, y}));
}

/// x / 255 on bytes is usually meant as float division, as in TensorFlow; here dtypes do not change implicitly.
Tensor divide(std::string_view name, const TensorOrNumber& x, const TensorOrNumber& y, bool floats,
              std::string_view advice) {
  const Scope scope(x.where());
  Trace& trace = Trace::required(name);
  const std::vector<Tensor> operands = detail::unify(name, std::array{x, y});
  if (is_float(operands[0].dtype()) != floats) {
    fail_at_user(fmt::format("{}: takes {}, got {}; {}", name, floats ? "floats" : "integers",
                             to_string((x.tensor() != nullptr ? x : y).tensor()->type()), advice),
                 operands);
  }
  return trace.add(ir::Op::kDiv, operands);
}

}  // namespace

Tensor detail::unary(ir::Op op, const Arg& x) {
  const Scope scope(x.where());
  return Trace::required(to_string(op)).add(op, {x.tensor()});
}

Tensor& Tensor::operator+=(const TensorOrNumber& y) { return *this = add({*this, y.where()}, y); }
Tensor& Tensor::operator-=(const TensorOrNumber& y) { return *this = subtract({*this, y.where()}, y); }
Tensor& Tensor::operator*=(const TensorOrNumber& y) { return *this = multiply({*this, y.where()}, y); }
Tensor& Tensor::operator/=(const TensorOrNumber& y) { return *this = sluice::divide({*this, y.where()}, y); }

Tensor add(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kAdd, x, y); }
Tensor subtract(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kSub, x, y); }
Tensor multiply(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kMul, x, y); }
Tensor divide(const TensorOrNumber& x, const TensorOrNumber& y) {
  return divide("div", x, y, true, "convert with cast, or use truncatediv, which drops what is behind the point");
}
Tensor truncatediv(const TensorOrNumber& x, const TensorOrNumber& y) {
  return divide("truncatediv", x, y, false, "use / for floats");
}
Tensor mod(const TensorOrNumber& x, const TensorOrNumber& y) {
  const Scope scope(x.where());
  const std::vector<Tensor> operands = detail::unify("mod", std::array{x, y});
  const Tensor& divisor = operands[1];
  if (!is_integer(divisor.dtype())) {
    fail_at_user(fmt::format("mod: takes integers, got {}; for floats, use x - floor(x / y) * y",
                             to_string((x.tensor() != nullptr ? x : y).tensor()->type())),
                 operands);
  }
  const Tensor rest = operands[0] - truncatediv(operands[0], divisor) * divisor;
  if (divisor.dtype() == DType::kU8) return rest;
  return select((rest != 0) & ((rest < 0) != (divisor < 0)), rest + divisor, rest);
}
Tensor pow(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kPow, x, y); }
Tensor maximum(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kMaximum, x, y); }
Tensor minimum(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kMinimum, x, y); }
Tensor equal(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kEqual, x, y); }
Tensor not_equal(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kNotEqual, x, y); }
Tensor less(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kLess, x, y); }
Tensor less_equal(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kLessEqual, x, y); }
Tensor greater(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kGreater, x, y); }
Tensor greater_equal(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kGreaterEqual, x, y); }
Tensor logical_and(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kLogicalAnd, x, y); }
Tensor logical_or(const TensorOrNumber& x, const TensorOrNumber& y) { return binary(ir::Op::kLogicalOr, x, y); }

Tensor operator+(const TensorOrNumber& x, const TensorOrNumber& y) { return add(x, y); }
Tensor operator-(const TensorOrNumber& x, const TensorOrNumber& y) { return subtract(x, y); }
Tensor operator*(const TensorOrNumber& x, const TensorOrNumber& y) { return multiply(x, y); }
Tensor operator/(const TensorOrNumber& x, const TensorOrNumber& y) { return divide(x, y); }
Tensor operator%(const TensorOrNumber& x, const TensorOrNumber& y) { return mod(x, y); }
Tensor operator==(const TensorOrNumber& x, const TensorOrNumber& y) { return equal(x, y); }
Tensor operator!=(const TensorOrNumber& x, const TensorOrNumber& y) { return not_equal(x, y); }
Tensor operator<(const TensorOrNumber& x, const TensorOrNumber& y) { return less(x, y); }
Tensor operator<=(const TensorOrNumber& x, const TensorOrNumber& y) { return less_equal(x, y); }
Tensor operator>(const TensorOrNumber& x, const TensorOrNumber& y) { return greater(x, y); }
Tensor operator>=(const TensorOrNumber& x, const TensorOrNumber& y) { return greater_equal(x, y); }
Tensor operator&(const TensorOrNumber& x, const TensorOrNumber& y) { return logical_and(x, y); }
Tensor operator|(const TensorOrNumber& x, const TensorOrNumber& y) { return logical_or(x, y); }
Tensor operator-(const Arg& x) { return negative(x); }
Tensor operator~(const Arg& x) { return logical_not(x); }

// At 6 this selects the constant, through which no derivative passes. NaN propagates.
Tensor relu6(const Arg& x) {
  const Scope scope(x.where());
  return select(x >= 6, 6, relu(x));
}
Tensor hard_sigmoid(const Arg& x) {
  const Scope scope(x.where());
  if (!is_float(x.dtype())) fail_at_user(fmt::format("hard_sigmoid: expected floats, got {}", to_string(x.type())));
  return relu6(x + 3) / 6;
}
Tensor identity(const Arg& x) { return x.tensor(); }

Tensor cast(const Arg& x, DType dtype) {
  if (x.dtype() == dtype) return x.tensor();
  const Scope scope(x.where());
  return Trace::required("cast").add(ir::Op::kCast, {x.tensor()}, {{ir::Attr::kDType, dtype}});
}

Tensor select(const TensorOrNumber& condition, const TensorOrNumber& x, const TensorOrNumber& y) {
  const Scope scope(condition.where());
  Trace& trace = Trace::required("select");
  if (condition.tensor() == nullptr) fail_at_user("select: expected a bool tensor as the condition, got a number");
  std::vector<Tensor> operands = detail::to_tensors("select", std::array{x, y});
  operands.insert(operands.begin(), *condition.tensor());
  const Shape shape = detail::broadcast_shape("select", operands);
  for (Tensor& operand : operands) operand = detail::broadcast(operand, shape);
  return trace.add(ir::Op::kSelect, operands);
}

Tensor where(const TensorOrNumber& condition, const TensorOrNumber& x, const TensorOrNumber& y) {
  return select(condition, x, y);
}

Tensor clip_by_value(const Arg& x, const TensorOrNumber& low, const TensorOrNumber& high) {
  const Scope scope(x.where());
  return minimum(maximum(x, low), high);
}

}  // namespace sluice

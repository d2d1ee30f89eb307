#include <cmath>
#include <limits>
#include <utility>

#include "runtime/onnx/rules.h"

namespace sluice::onnx_model {

Name in_i32(const Call& call, Name (*write)(const Call&, const std::vector<Name>&)) {
  std::vector<Name> x = call.broadcasting();
  if (call.dtype() != DType::kU8) return write(call, x);
  for (Name& operand : x) operand = call.w.cast(operand, DType::kI32);
  return call.w.cast(write(call, x), DType::kU8);
}

namespace {

/// x / 0 is 0 and x / -1 is -x, of which runtimes trap some.
Name divide_integers(const Call& call, const std::vector<Name>& x) {
  Writer& w = call.w;
  const DType dtype = call.dtype() == DType::kU8 ? DType::kI32 : call.dtype();
  const std::optional<double> by = splat_value(w.graph(), call.operand(1));
  if (by && *by != 0 && *by != -1) return w.add("Div", x);
  const Name zero = w.scalar(dtype, 0);
  const Name is_zero = w.add("Equal", {x[1], zero});
  const Name is_minus_one = w.add("Equal", {x[1], w.scalar(dtype, -1)});
  const Name safe = w.add("Where", {w.add("Or", {is_zero, is_minus_one}), w.scalar(dtype, 1), x[1]});
  const Name quotient = w.add("Div", {x[0], safe});
  return w.add("Where", {is_zero, zero, w.add("Where", {is_minus_one, w.add("Neg", {quotient}), quotient})});
}

Name is_near_zero(const Call& call) {
  return call.w.add("Less", {call.w.add("Abs", {call.x()}), call.w.scalar(call.dtype(), 0.5)});
}

}  // namespace

Name write_divide(const Call& call) {
  if (const auto softmax = write_softmax(call)) return *softmax;
  return is_float(call.dtype()) ? call.w.add("Div", call.broadcasting()) : in_i32(call, divide_integers);
}

/// exp(x) - 1 = 2 t / (1 - t) with t = tanh(x / 2), which does not cancel near 0.
Name write_expm1(const Call& call) {
  Writer& w = call.w;
  const DType dtype = call.dtype();
  const Name one = w.scalar(dtype, 1);
  const Name t = w.add("Tanh", {w.add("Mul", {call.x(), w.scalar(dtype, 0.5)})});
  const Name near = w.add("Div", {w.add("Add", {t, t}), w.add("Sub", {one, t})});
  const Name far = w.add("Sub", {w.add("Exp", {call.x()}), one});
  return w.add("Where", {is_near_zero(call), near, far});
}

/// With u = 1 + x as rounded, log(u) x / (u - 1) has no error from that rounding. N. Higham, Accuracy and Stability of
/// Numerical Algorithms, 2nd ed., section 1.14.1, for the like of exp.
Name write_log1p(const Call& call) {
  Writer& w = call.w;
  const DType dtype = call.dtype();
  const Name one = w.scalar(dtype, 1);
  const Name u = w.add("Add", {one, call.x()});
  const Name log = w.add("Log", {u});
  const Name is_one = w.add("Equal", {u, one});
  const Name rest = w.add("Where", {is_one, one, w.add("Sub", {u, one})});
  const Name corrected = w.add("Div", {w.add("Mul", {log, call.x()}), rest});
  const Name near = w.add("Where", {is_one, call.x(), corrected});
  return w.add("Where", {is_near_zero(call), near, log});
}

Name write_relu(const Call& call) {
  if (call.dtype() == DType::kU8) return call.x();
  if (is_float(call.dtype())) return call.w.add("Relu", {call.x()});
  return call.w.add("Max", {call.x(), call.w.scalar(call.dtype(), 0)});
}

Name write_neg(const Call& call) {
  if (call.dtype() != DType::kU8) return call.w.add("Neg", {call.x()});
  return in_i32(call, [](const Call& c, const std::vector<Name>& x) {
    return c.w.add("Sub", {c.w.scalar(DType::kI32, 0), x[0]});
  });
}

Name write_sign(const Call& call) {
  const Name sign = call.w.add("Sign", {call.x()});
  if (!is_float(call.dtype())) return sign;
  return call.w.add("Where", {call.w.add("IsNaN", {call.x()}), call.x(), sign});
}

Name write_select(const Call& call) {
  Writer& w = call.w;
  const std::vector<Name> x = call.broadcasting();
  if (call.dtype(1) != DType::kBool) return w.add("Where", x);
  const Name first = w.add("And", {x[0], x[1]});
  return w.add("Or", {first, w.add("And", {w.add("Not", {x[0]}), x[2]})});
}

namespace {

/// Where the result is out of range, ONNX leaves it open.
Name float_to_integer(const Call& call, DType to) {
  Writer& w = call.w;
  const DType from = call.dtype();
  const int bits = to == DType::kI32 ? 31 : to == DType::kI64 ? 63 : 8;
  const double end = std::ldexp(1.0, bits);
  const Name& x = call.x();
  const Name above = w.add("GreaterOrEqual", {x, w.scalar(from, end)});
  const Name below =
      to == DType::kU8 ? w.add("LessOrEqual", {x, w.scalar(from, -1)}) : w.add("Less", {x, w.scalar(from, -end)});
  const Name outside = w.add("Or", {w.add("Or", {above, below}), w.add("IsNaN", {x})});
  const Name safe = w.add("Where", {outside, w.scalar(from, 0), x});
  const auto limits = [&]<typename T>(T) {
    using Limits = std::numeric_limits<T>;
    return std::pair(w.constant(Array::scalar(Limits::min())), w.constant(Array::scalar(Limits::max())));
  };
  const auto [least, largest] = to == DType::kI32   ? limits(std::int32_t{})
                                : to == DType::kI64 ? limits(std::int64_t{})
                                                    : limits(std::uint8_t{});
  const Name whole = w.cast(to == DType::kU8 ? w.cast(safe, DType::kI32) : safe, to);
  return w.add("Where", {above, largest, w.add("Where", {below, least, whole})});
}

}  // namespace

Name write_cast(const Call& call) {
  const DType to = call.node.attributes.dtype();
  if (call.dtype() == to) return call.x();
  if (is_float(call.dtype()) && is_integer(to)) return float_to_integer(call, to);
  return call.w.cast(call.x(), to);
}

}  // namespace sluice::onnx_model

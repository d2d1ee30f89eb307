#include "sluice/elementwise.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <numbers>

#include "frontend/broadcasting.h"
#include "sluice/detail/trace.h"

namespace sluice {

namespace {

Tensor binary(ir::Op op, const TensorOrNumber& x, const TensorOrNumber& y) {
  const Scope scope(x.where());
  Trace& trace = Trace::required(to_string(op));
  return trace.add(op, detail::unify(to_string(op), std::array{x, y}));
}

/// f(|x|) with the sign of x, for an odd f: with selects, which unlike abs pass a derivative at 0.
template <typename F>
Tensor odd(const Tensor& x, const F& f) {
  const Tensor negative_side = x < 0;
  const Tensor of_size = f(select(negative_side, -x, x));
  return select(negative_side, -of_size, of_size);
}

/// log(x) + log(2) for large x, where `small` would square what overflows; `small` sees x where it is not large.
template <typename F>
Tensor log_of_twice(const Tensor& x, const F& small) {
  constexpr double kLarge = 1e9;
  return select(x > kLarge, log(maximum(x, kLarge)) + std::numbers::ln2, small(minimum(x, kLarge)));
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

/// x - floor(x / y) y in f64, where the product of f32 is exact; the quotient may round up to the whole number that it
/// almost is.
Tensor mod_of_floats(const Tensor& x, const Tensor& y) {
  const Tensor wide_x = cast(x, DType::kF64);
  const Tensor wide_y = cast(y, DType::kF64);
  const Tensor rest = wide_x - stop_gradient(floor(wide_x / wide_y)) * wide_y;
  const Tensor too_small = (rest != 0) & ((rest < 0) != (wide_y < 0));
  return cast(select(too_small, rest + wide_y, rest), x.dtype());
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
  if (is_float(divisor.dtype())) return mod_of_floats(operands[0], divisor);
  if (!is_integer(divisor.dtype())) fail_at_user("mod: takes numbers, got bools", operands);
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

// atan of the quotient of sine and cosine: with 1 - x and 1 + x, which are exact where they are small.
Tensor asin(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("asin", x);
  return atan(x / sqrt((1 - x) * (1 + x)));
}
Tensor acos(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("acos", x);
  return 2 * atan(sqrt((1 - x) / (1 + x)));
}
Tensor atan2(const TensorOrNumber& y, const TensorOrNumber& x) {
  const Scope scope(y.where());
  const std::vector<Tensor> operands = detail::unify("atan2", std::array{y, x});
  detail::expect_floats("atan2", operands[0]);
  const Tensor left = operands[1] < 0;
  return odd(operands[0], [&](const Tensor& height) {
    const Tensor width = select(left, -operands[1], operands[1]);
    const Tensor steep = height > width;
    const Tensor larger = select(steep, height, width);
    const Tensor smaller = select(steep, width, height);
    const Tensor slope = select(isinf(smaller), 1, smaller / select(larger == 0, 1, larger));
    const Tensor angle = atan(slope);
    const Tensor in_quarter = select(steep, std::numbers::pi / 2 - angle, angle);
    return select(left, std::numbers::pi - in_quarter, in_quarter);
  });
}

// log(x + sqrt(x^2 + 1)) and log(x + sqrt(x^2 - 1)) without the digits that these lose near 0 and 1.
Tensor asinh(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("asinh", x);
  return odd(x, [](const Tensor& size) {
    return log_of_twice(size, [](const Tensor& small) {
      const Tensor squared = square(small);
      return log1p(small + squared / (1 + sqrt(1 + squared)));
    });
  });
}
Tensor acosh(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("acosh", x);
  return log_of_twice(x, [](const Tensor& small) {
    const Tensor above = small - 1;
    return log1p(above + sqrt(above * (above + 2)));
  });
}
Tensor atanh(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("atanh", x);
  return odd(x, [](const Tensor& size) { return 0.5 * log1p(2 * size / (1 - size)); });
}

Tensor log2(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("log2", x);
  return log(x) * std::numbers::log2e;
}
Tensor log10(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("log10", x);
  return log(x) * std::numbers::log10e;
}
Tensor reciprocal(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("reciprocal", x);
  return 1 / x;
}

Tensor ceil(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("ceil", x);
  return -floor(-x);
}
Tensor trunc(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("trunc", x);
  return select(x < 0, ceil(x), floor(x));
}
Tensor isnan(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("isnan", x);
  return x != x;
}
Tensor isinf(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("isinf", x);
  return abs(x) == std::numeric_limits<double>::infinity();
}
Tensor isfinite(const Arg& x) {
  const Scope scope(x.where());
  detail::expect_floats("isfinite", x);
  return abs(x) < std::numeric_limits<double>::infinity();
}

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

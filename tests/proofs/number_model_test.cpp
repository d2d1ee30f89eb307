// The number models agree with the interpreter's arithmetic: on all pairs of 8-bit numbers, and on pairs of special
// values of the real formats.
#include "tests/proofs/number_model.h"

#include <doctest/doctest.h>

#include <bit>
#include <cmath>

#include "ir/reference/interpreter.h"
#include "tests/passes/meaning.h"

namespace {

using namespace sluice;
using ir::Op;
using passes::Exactness;

constexpr Op kBinary[] = {Op::kAdd,   Op::kSub,      Op::kMul,  Op::kDiv,       Op::kMaximum, Op::kMinimum,
                          Op::kEqual, Op::kNotEqual, Op::kLess, Op::kLessEqual, Op::kGreater, Op::kGreaterEqual};
constexpr Op kUnary[] = {Op::kNeg, Op::kAbs, Op::kRelu, Op::kSquare, Op::kStopGradient};

Array run(Op op, const std::vector<Array>& operands, ir::Attributes attributes = {}) {
  ir::Builder b("op");
  std::vector<ir::Value> x;
  for (const Array& array : operands) x.push_back(b.constant(array));
  b.set_results({b.add(op, std::move(x), std::move(attributes))});
  return ir::evaluate(std::move(b).finish(), {}, {}).results[0];
}

z3::expr element(z3::context& c, const proofs::World& world, const Array& array, std::size_t i) {
  return visit_dtype(array.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T value = array.data<T>()[i];
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      return c.bv_val(static_cast<std::int64_t>(value), 8 * sizeof(T));
    } else {
      return world.of(array.dtype()).number(static_cast<double>(value));
    }
  });
}

/// Returns all pairs of x's elements, as two arrays.
std::pair<Array, Array> pairs(const Array& x) {
  const auto count = static_cast<std::size_t>(x.element_count());
  Array first(x.dtype(), {x.element_count() * x.element_count()});
  Array second(x.dtype(), first.sizes());
  const std::size_t size = size_of(x.dtype());
  for (std::size_t i = 0; i < count * count; ++i) {
    std::memcpy(first.bytes() + i * size, x.bytes() + i / count * size, size);
    std::memcpy(second.bytes() + i * size, x.bytes() + i % count * size, size);
  }
  return {first, second};
}

bool agrees(const proofs::Model& model, const z3::expr& term, const z3::expr& expected, Exactness exactness) {
  return model.same(term, expected, exactness).simplify().is_true();
}

TEST_CASE("models of the real formats agree with the interpreter on pairs of special values") {
  z3::context c;
  const proofs::World world =
      proofs::world_of(c, "real", proofs::float_model(c, 8, 24), proofs::float_model(c, 11, 53));
  for (const DType dtype : {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8}) {
    CAPTURE(to_string(dtype));
    const auto [x, y] = pairs(test::special_values(dtype));
    const proofs::Model& model = world.of(dtype);
    const auto check = [&](Op op, const std::vector<Array>& operands) {
      CAPTURE(ir::to_string(op));
      const Array expected = run(op, operands);
      const proofs::Model& result = world.of(expected.dtype());
      for (std::size_t i = 0; i < static_cast<std::size_t>(expected.element_count()); ++i) {
        std::vector<z3::expr> terms;
        for (const Array& operand : operands) terms.push_back(element(c, world, operand, i));
        CAPTURE(i);
        REQUIRE(agrees(result, model.apply(op, terms), element(c, world, expected, i), Exactness::kNanBits));
      }
    };
    for (const Op op : kBinary) check(op, {x, y});
    for (const Op op : kUnary) check(op, {test::special_values(dtype)});
  }
}

TEST_CASE("the model of casts agrees with the interpreter on special values") {
  z3::context c;
  const proofs::World world =
      proofs::world_of(c, "real", proofs::float_model(c, 8, 24), proofs::float_model(c, 11, 53));
  const DType dtypes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool};
  for (const DType from : dtypes) {
    for (const DType to : dtypes) {
      CAPTURE(to_string(from));
      CAPTURE(to_string(to));
      const Array x = test::special_values(from);
      const Array expected = run(Op::kCast, {x}, {{ir::Attr::kDType, to}});
      for (std::size_t i = 0; i < static_cast<std::size_t>(x.element_count()); ++i) {
        CAPTURE(i);
        const z3::expr term = proofs::convert(c, world, element(c, world, x, i), from, to);
        REQUIRE(agrees(world.of(to), term, element(c, world, expected, i), Exactness::kNanBits));
      }
    }
  }
}

TEST_CASE("the model of NaN bits agrees with the interpreter on pairs of special values with at most one NaN") {
  z3::context c;
  const auto model = proofs::bits_model(c, 8, 24);
  const auto bits = [&](const Array& array, std::size_t i) {
    return c.bv_val(std::uint64_t{std::bit_cast<std::uint32_t>(array.data<float>()[i])}, 32);
  };
  const auto [x, y] = pairs(test::special_values(DType::kF32));
  for (const Op op : {Op::kAdd, Op::kSub, Op::kMul, Op::kDiv, Op::kMaximum, Op::kMinimum}) {
    CAPTURE(ir::to_string(op));
    const Array expected = run(op, {x, y});
    for (std::size_t i = 0; i < static_cast<std::size_t>(x.element_count()); ++i) {
      if (std::isnan(x.data<float>()[i]) && std::isnan(y.data<float>()[i])) continue;
      CAPTURE(i);
      REQUIRE(agrees(*model, model->apply(op, {bits(x, i), bits(y, i)}), bits(expected, i), Exactness::kExact));
    }
  }
  for (const Op op : {Op::kNeg, Op::kAbs, Op::kRelu, Op::kStopGradient}) {
    CAPTURE(ir::to_string(op));
    const Array special = test::special_values(DType::kF32);
    const Array expected = run(op, {special});
    for (std::size_t i = 0; i < static_cast<std::size_t>(special.element_count()); ++i) {
      CAPTURE(i);
      REQUIRE(agrees(*model, model->apply(op, {bits(special, i)}), bits(expected, i), Exactness::kExact));
    }
  }
}

/// Returns a number of FP(3,5), 8 bits: a sign, 3 exponent bits, 4 explicit mantissa bits.
double small_number(unsigned bits) {
  const double sign = (bits & 128) != 0 ? -1 : 1;
  const int exponent = static_cast<int>(bits >> 4 & 7);
  const int mantissa = static_cast<int>(bits & 15);
  if (exponent == 7) return mantissa == 0 ? sign * INFINITY : NAN;
  return sign * std::ldexp(exponent == 0 ? mantissa : 16 + mantissa, std::max(exponent, 1) - 3 - 4);
}

/// Returns the nearest one. f64 has more than twice its mantissa bits, so rounding a result of f64 rounds only once.
double rounded_to_small(double x) {
  if (x == 0 || !std::isfinite(x)) return x;
  const double step = std::ldexp(1, std::max(std::ilogb(x), -2) - 4);
  const double result = std::nearbyint(x / step) * step;
  return std::abs(result) > 15.5 ? std::copysign(INFINITY, x) : std::copysign(result, x);
}

TEST_CASE("the 8-bit model agrees with the interpreter's rounded f64 on all pairs of numbers") {
  Array numbers(DType::kF64, {256});
  for (unsigned i = 0; i < 256; ++i) numbers.data<double>()[i] = small_number(i);
  const auto [x, y] = pairs(numbers);
  z3::context c;
  const auto model = proofs::float_model(c, 3, 5);
  std::vector<z3::expr> terms;
  for (unsigned i = 0; i < 256; ++i) terms.push_back(model->number(small_number(i)));
  for (const Op op : {Op::kAdd, Op::kSub, Op::kMul, Op::kDiv}) {
    CAPTURE(ir::to_string(op));
    const Array expected = run(op, {x, y});
    for (std::size_t i = 0; i < 256 * 256; ++i) {
      const double value = rounded_to_small(expected.data<double>()[i]);
      const z3::expr result = model->apply(op, {terms[i / 256], terms[i % 256]});
      if (!agrees(*model, result, model->number(value), Exactness::kNanBits)) {
        FAIL(fmt::format("{} of {} and {} is {}", to_string(op), x.data<double>()[i], y.data<double>()[i], value));
      }
    }
  }
}

}  // namespace

#include "tests/proofs/number_model.h"

#include <bit>
#include <cmath>

namespace sluice::proofs {

using ir::Op;
using passes::Exactness;
using z3::expr;

namespace {

expr take(z3::context& c, Z3_ast ast) {
  c.check_error();
  return {c, ast};
}

class FloatModel : public Model {
 public:
  FloatModel(z3::context& context, const std::string& name, unsigned exponent, unsigned mantissa)
      : Model(context, name), exponent_(exponent), mantissa_(mantissa), sort_(context.fpa_sort(exponent, mantissa)) {}

  expr variable(const std::string& name) const override { return c.constant(name.c_str(), sort_); }
  expr number(double value) const override {
    if (std::isnan(value)) return take(c, Z3_mk_fpa_nan(c, sort_));
    // Uses the bits: Z3's own conversion gets subnormal numbers wrong.
    const expr bits = c.bv_val(std::bit_cast<std::uint64_t>(value), 64);
    const expr wide = take(c, Z3_mk_fpa_to_fp_bv(c, bits, c.fpa_sort(11, 53)));
    return take(c, Z3_mk_fpa_to_fp_float(c, c.fpa_rounding_mode(), wide, sort_)).simplify();
  }
  bool holds(double value) const override {
    if (!std::isfinite(value) || value == 0) return true;
    int exponent = 0;
    const double fraction = std::ldexp(std::frexp(value, &exponent), static_cast<int>(mantissa_));
    const int bias = (1 << (exponent_ - 1)) - 1;
    return fraction == std::trunc(fraction) && exponent - 1 <= bias && exponent - 1 >= 1 - bias;
  }
  expr same(const expr& x, const expr& y, Exactness exactness) const override {
    if (exactness == Exactness::kFast) return is_nan(x) == is_nan(y);
    return x == y;
  }
  expr is_nan(const expr& x) const override { return x.mk_is_nan(); }
  expr is_minus_zero(const expr& x) const override { return x.mk_is_zero() && is_negative(x); }
  expr add(const expr& x, const expr& y) const override { return x + y; }
  expr sub(const expr& x, const expr& y) const override { return x - y; }
  expr mul(const expr& x, const expr& y) const override { return x * y; }
  expr div(const expr& x, const expr& y) const override { return x / y; }
  expr neg(const expr& x) const override { return -x; }
  expr abs(const expr& x) const override { return z3::abs(x); }
  expr less(const expr& x, const expr& y) const override { return x < y; }
  expr equal(const expr& x, const expr& y) const override { return z3::fp_eq(x, y); }

 protected:
  expr is_negative(const expr& x) const { return take(c, Z3_mk_fpa_is_negative(c, x)); }

  unsigned exponent_;
  unsigned mantissa_;
  z3::sort sort_;
};

/// Bit vectors; arithmetic goes through FloatModel unless a NaN is involved.
class BitsModel : public FloatModel {
 public:
  BitsModel(z3::context& context, const std::string& name, unsigned exponent, unsigned mantissa)
      : FloatModel(context, name, exponent, mantissa), bits_(exponent + mantissa) {}

  expr variable(const std::string& name) const override { return c.bv_const(name.c_str(), bits_); }
  expr number(double value) const override { return FloatModel::number(value).mk_to_ieee_bv().simplify(); }
  expr same(const expr& x, const expr& y, Exactness exactness) const override {
    const expr nan = is_nan(x) && is_nan(y);
    return exactness == Exactness::kExact ? x == y : x == y || nan;
  }
  expr is_nan(const expr& x) const override { return as_float(x).mk_is_nan(); }
  expr is_minus_zero(const expr& x) const override { return x == top(); }
  expr add(const expr& x, const expr& y) const override { return binary(x, y, as_float(x) + as_float(y)); }
  expr sub(const expr& x, const expr& y) const override { return binary(x, y, as_float(x) - as_float(y)); }
  expr mul(const expr& x, const expr& y) const override { return binary(x, y, as_float(x) * as_float(y)); }
  expr div(const expr& x, const expr& y) const override { return binary(x, y, as_float(x) / as_float(y)); }
  expr neg(const expr& x) const override { return x ^ top(); }
  expr abs(const expr& x) const override { return x & ~top(); }
  expr less(const expr& x, const expr& y) const override { return as_float(x) < as_float(y); }
  expr equal(const expr& x, const expr& y) const override { return z3::fp_eq(as_float(x), as_float(y)); }

 private:
  expr bit(unsigned i) const { return shl(c.bv_val(1, bits_), c.bv_val(i, bits_)); }
  expr top() const { return bit(bits_ - 1).simplify(); }
  expr as_float(const expr& x) const { return take(c, Z3_mk_fpa_to_fp_bv(c, x, sort_)); }
  /// The quiet bit, and the NaN of an invalid operation: the quiet bit, all exponent bits and the sign.
  expr quiet() const { return bit(mantissa_ - 2).simplify(); }
  expr invalid() const {
    const std::uint64_t ones = (std::uint64_t{1} << (exponent_ + 2)) - 1;
    return c.bv_val(ones << (mantissa_ - 2), bits_);
  }
  expr binary(const expr& x, const expr& y, const expr& result) const {
    const expr number = ite(result.mk_is_nan(), invalid(), result.mk_to_ieee_bv());
    return ite(is_nan(x), x | quiet(), ite(is_nan(y), y | quiet(), number));
  }

  unsigned bits_;
};

class IntegerModel : public Model {
 public:
  IntegerModel(z3::context& context, const std::string& name, unsigned bits, bool is_signed)
      : Model(context, name), bits_(bits), signed_(is_signed) {}

  expr variable(const std::string& name) const override { return c.bv_const(name.c_str(), bits_); }
  expr number(double value) const override {
    const bool most = value >= std::ldexp(1.0, static_cast<int>(bits_) - (signed_ ? 1 : 0));
    if (most) return signed_ ? lshr(all_ones(), c.bv_val(1, bits_)) : all_ones();
    return c.bv_val(static_cast<std::int64_t>(value), bits_);
  }
  bool holds(double) const override { return true; }
  expr same(const expr& x, const expr& y, Exactness) const override { return x == y; }
  expr is_nan(const expr&) const override { return c.bool_val(false); }
  expr is_minus_zero(const expr&) const override { return c.bool_val(false); }
  expr add(const expr& x, const expr& y) const override { return x + y; }
  expr sub(const expr& x, const expr& y) const override { return x - y; }
  expr mul(const expr& x, const expr& y) const override { return x * y; }
  expr div(const expr& x, const expr& y) const override {
    const expr quotient = signed_ ? ite(y == all_ones(), -x, x / y) : udiv(x, y);
    return ite(y == 0, c.bv_val(0, bits_), quotient);
  }
  expr neg(const expr& x) const override { return -x; }
  expr abs(const expr& x) const override { return ite(less(x, c.bv_val(0, bits_)), -x, x); }
  expr less(const expr& x, const expr& y) const override { return signed_ ? x < y : ult(x, y); }
  expr equal(const expr& x, const expr& y) const override { return x == y; }

 private:
  expr all_ones() const { return ~c.bv_val(0, bits_); }

  unsigned bits_;
  bool signed_;
};

class BoolModel : public Model {
 public:
  explicit BoolModel(z3::context& context) : Model(context, "bool") {}

  expr variable(const std::string& name) const override { return c.bool_const(name.c_str()); }
  expr number(double value) const override { return c.bool_val(value != 0); }
  bool holds(double) const override { return true; }
  expr same(const expr& x, const expr& y, Exactness) const override { return x == y; }
  expr is_nan(const expr&) const override { return c.bool_val(false); }
  expr is_minus_zero(const expr&) const override { return c.bool_val(false); }
  expr add(const expr& x, const expr&) const override { return none(x); }
  expr sub(const expr& x, const expr&) const override { return none(x); }
  expr mul(const expr& x, const expr&) const override { return none(x); }
  expr div(const expr& x, const expr&) const override { return none(x); }
  expr neg(const expr& x) const override { return none(x); }
  expr abs(const expr& x) const override { return none(x); }
  expr less(const expr& x, const expr&) const override { return none(x); }
  expr equal(const expr& x, const expr& y) const override { return x == y; }

 private:
  static expr none(const expr&) { SLUICE_UNREACHABLE("bools have no arithmetic"); }
};

}  // namespace

expr Model::extreme(const expr& x, const expr& y, bool largest) const {
  const expr keeps_x = (largest ? less(y, x) : less(x, y)) || equal(x, y);
  return ite(is_nan(x), x, ite(is_nan(y), y, ite(keeps_x, x, y)));
}

expr Model::unknown(Op op, const std::vector<expr>& x) const {
  z3::sort_vector domain(c);
  z3::expr_vector arguments(c);
  for (const expr& argument : x) {
    domain.push_back(argument.get_sort());
    arguments.push_back(argument);
  }
  const std::string name = std::string(to_string(op)) + " " + name_;
  return c.function(name.c_str(), domain, x[0].get_sort())(arguments);
}

expr Model::apply(Op op, const std::vector<expr>& x) const {
  switch (op) {
    case Op::kAdd:
      return add(x[0], x[1]);
    case Op::kSub:
      return sub(x[0], x[1]);
    case Op::kMul:
      return mul(x[0], x[1]);
    case Op::kDiv:
      return div(x[0], x[1]);
    case Op::kMaximum:
      return extreme(x[0], x[1], true);
    case Op::kMinimum:
      return extreme(x[0], x[1], false);
    case Op::kNeg:
      return neg(x[0]);
    case Op::kAbs:
      return abs(x[0]);
    case Op::kRelu:
      return ite(less(x[0], number(0)), number(0), x[0]);
    case Op::kSquare:
      return mul(x[0], x[0]);
    case Op::kEqual:
      return equal(x[0], x[1]);
    case Op::kNotEqual:
      return !equal(x[0], x[1]);
    case Op::kLess:
      return less(x[0], x[1]);
    case Op::kLessEqual:
      return less(x[0], x[1]) || equal(x[0], x[1]);
    case Op::kGreater:
      return less(x[1], x[0]);
    case Op::kGreaterEqual:
      return less(x[1], x[0]) || equal(x[0], x[1]);
    case Op::kLogicalAnd:
      return x[0] && x[1];
    case Op::kLogicalOr:
      return x[0] || x[1];
    case Op::kLogicalNot:
      return !x[0];
    case Op::kSelect:
      return ite(x[0], x[1], x[2]);
    case Op::kStopGradient:
      return x[0];
    default:
      return unknown(op, x);
  }
}

std::shared_ptr<const Model> float_model(z3::context& c, unsigned exponent, unsigned mantissa) {
  return std::make_shared<FloatModel>(c, fmt::format("FP({},{})", exponent, mantissa), exponent, mantissa);
}

std::shared_ptr<const Model> bits_model(z3::context& c, unsigned exponent, unsigned mantissa) {
  return std::make_shared<BitsModel>(c, fmt::format("bits of FP({},{})", exponent, mantissa), exponent, mantissa);
}

std::shared_ptr<const Model> integer_model(z3::context& c, unsigned bits, bool is_signed) {
  return std::make_shared<IntegerModel>(c, fmt::format("{}{}", is_signed ? 'i' : 'u', bits), bits, is_signed);
}

std::shared_ptr<const Model> bool_model(z3::context& c) { return std::make_shared<BoolModel>(c); }

World world_of(z3::context& c, std::string name, std::shared_ptr<const Model> f32, std::shared_ptr<const Model> f64) {
  return {std::move(name),
          {{DType::kF32, std::move(f32)},
           {DType::kF64, std::move(f64)},
           {DType::kI32, integer_model(c, 32, true)},
           {DType::kI64, integer_model(c, 64, true)},
           {DType::kU8, integer_model(c, 8, false)},
           {DType::kBool, bool_model(c)}}};
}

namespace {

/// Rounds toward zero and saturates; NaN becomes 0.
expr truncated(z3::context& c, const expr& x, const z3::sort& wide, unsigned bits, bool is_signed) {
  const expr value = take(c, Z3_mk_fpa_to_fp_float(c, c.fpa_rounding_mode(), x, wide));
  const double least = is_signed ? -std::ldexp(1.0, static_cast<int>(bits) - 1) : 0;
  const double most = std::ldexp(1.0, static_cast<int>(bits) - (is_signed ? 1 : 0));
  const expr low = take(c, Z3_mk_fpa_numeral_double(c, least, wide));
  const expr high = take(c, Z3_mk_fpa_numeral_double(c, most, wide));  // one more than the largest
  const expr zero = c.bv_val(0, bits);
  const expr top = shl(c.bv_val(1, bits), c.bv_val(bits - 1, bits));
  const expr towards_zero = take(c, Z3_mk_fpa_round_toward_zero(c));
  const expr inside = take(
      c, is_signed ? Z3_mk_fpa_to_sbv(c, towards_zero, value, bits) : Z3_mk_fpa_to_ubv(c, towards_zero, value, bits));
  const expr largest = is_signed ? ~top : ~zero;
  return ite(value.mk_is_nan(), zero, ite(value <= low, is_signed ? top : zero, ite(value >= high, largest, inside)));
}

}  // namespace

expr convert(z3::context& c, const World& world, const expr& x, DType from, DType to) {
  const Model& target = world.of(to);
  if (from == to) return x;
  if (to == DType::kBool) return !world.of(from).equal(x, world.of(from).number(0));
  if (from == DType::kBool) return ite(x, target.number(1), target.number(0));
  const z3::sort sort = target.variable("sort").get_sort();
  if (is_float(from) && is_float(to)) return take(c, Z3_mk_fpa_to_fp_float(c, c.fpa_rounding_mode(), x, sort));
  if (is_float(to)) return from == DType::kU8 ? z3::ubv_to_fpa(x, sort) : z3::sbv_to_fpa(x, sort);
  const unsigned bits = sort.bv_size();
  if (is_float(from)) {
    return truncated(c, x, c.fpa_sort(world.wide_exponent, world.wide_mantissa), bits, to != DType::kU8);
  }
  const unsigned given = x.get_sort().bv_size();
  if (bits <= given) return x.extract(bits - 1, 0);
  return from == DType::kU8 ? zext(x, bits - given) : sext(x, bits - given);
}

}  // namespace sluice::proofs

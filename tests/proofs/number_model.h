#pragma once

#include <z3++.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "passes/rewrite.h"
#include "sluice/ir/op.h"

namespace sluice::proofs {

/// The interpreter's arithmetic for the elements of one dtype, as terms of Z3.
class Model {
 public:
  Model(z3::context& context, std::string name) : c(context), name_(std::move(name)) {}
  virtual ~Model() = default;

  const std::string& name() const { return name_; }
  virtual z3::expr variable(const std::string& name) const = 0;
  /// A number, rounded to the model's format.
  virtual z3::expr number(double value) const = 0;
  /// Whether the format has this very number.
  virtual bool holds(double value) const = 0;
  /// The element of an elementwise op, cast excepted. Ops without a theory, such as exp, are unknown functions.
  z3::expr apply(ir::Op op, const std::vector<z3::expr>& x) const;
  /// Whether two elements are the same to the mark of a rule.
  virtual z3::expr same(const z3::expr& x, const z3::expr& y, passes::Exactness exactness) const = 0;
  virtual z3::expr is_nan(const z3::expr& x) const = 0;
  /// -0 for floats; no integer is one.
  virtual z3::expr is_minus_zero(const z3::expr& x) const = 0;

  virtual z3::expr add(const z3::expr& x, const z3::expr& y) const = 0;
  virtual z3::expr sub(const z3::expr& x, const z3::expr& y) const = 0;
  virtual z3::expr mul(const z3::expr& x, const z3::expr& y) const = 0;
  virtual z3::expr div(const z3::expr& x, const z3::expr& y) const = 0;
  virtual z3::expr neg(const z3::expr& x) const = 0;
  virtual z3::expr abs(const z3::expr& x) const = 0;
  virtual z3::expr less(const z3::expr& x, const z3::expr& y) const = 0;
  virtual z3::expr equal(const z3::expr& x, const z3::expr& y) const = 0;
  z3::expr extreme(const z3::expr& x, const z3::expr& y, bool largest) const;

 protected:
  z3::context& c;

 private:
  z3::expr unknown(ir::Op op, const std::vector<z3::expr>& x) const;

  std::string name_;
};

/// One model for each dtype.
struct World {
  std::string name;
  std::map<DType, std::shared_ptr<const Model>> models;
  unsigned wide_exponent = 11, wide_mantissa = 53;  ///< the format that stands for double, through which casts go

  const Model& of(DType dtype) const { return *models.at(dtype); }
};

/// IEEE numbers with one NaN, rounded to nearest even.
std::shared_ptr<const Model> float_model(z3::context& c, unsigned exponent, unsigned mantissa);
/// The same by bits, with NaNs as SSE makes them: the first NaN operand, made quiet.
std::shared_ptr<const Model> bits_model(z3::context& c, unsigned exponent, unsigned mantissa);
std::shared_ptr<const Model> integer_model(z3::context& c, unsigned bits, bool is_signed);
std::shared_ptr<const Model> bool_model(z3::context& c);

/// Integers of their real widths, beside a float model for f32 and one for f64.
World world_of(z3::context& c, std::string name, std::shared_ptr<const Model> f32, std::shared_ptr<const Model> f64);

/// Op cast.
z3::expr convert(z3::context& c, const World& world, const z3::expr& x, DType from, DType to);

}  // namespace sluice::proofs

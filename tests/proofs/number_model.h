#pragma once

#include <z3++.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "passes/rewrite.h"
#include "sluice/ir/op.h"

namespace sluice::proofs {

/// The interpreter's arithmetic on the elements of one dtype, as Z3 terms.
class Model {
 public:
  Model(z3::context& context, std::string name) : c(context), name_(std::move(name)) {}
  virtual ~Model() = default;

  const std::string& name() const { return name_; }
  virtual z3::expr variable(const std::string& name) const = 0;
  /// Returns a number, rounded to the model's format.
  virtual z3::expr number(double value) const = 0;
  /// Returns whether the format can represent this number exactly.
  virtual bool holds(double value) const = 0;
  /// Returns the element of an elementwise op other than cast. Ops without a theory, such as exp, are uninterpreted
  /// functions.
  z3::expr apply(ir::Op op, const std::vector<z3::expr>& x) const;
  /// Returns whether two elements are the same according to a rule's mark.
  virtual z3::expr same(const z3::expr& x, const z3::expr& y, passes::Exactness exactness) const = 0;
  virtual z3::expr is_nan(const z3::expr& x) const = 0;
  /// -0 for floats; never true for integers.
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

/// IEEE numbers with a single NaN, rounded to nearest even.
std::shared_ptr<const Model> float_model(z3::context& c, unsigned exponent, unsigned mantissa);
/// The same on bits, with NaNs as in SSE: the first NaN operand, made quiet.
std::shared_ptr<const Model> bits_model(z3::context& c, unsigned exponent, unsigned mantissa);
std::shared_ptr<const Model> integer_model(z3::context& c, unsigned bits, bool is_signed);
std::shared_ptr<const Model> bool_model(z3::context& c);

/// Integers of their real widths, with a float model for f32 and one for f64.
World world_of(z3::context& c, std::string name, std::shared_ptr<const Model> f32, std::shared_ptr<const Model> f64);

/// Op cast.
z3::expr convert(z3::context& c, const World& world, const z3::expr& x, DType from, DType to);

}  // namespace sluice::proofs

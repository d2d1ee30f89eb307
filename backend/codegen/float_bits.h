#pragma once

#include <cstdint>
#include <initializer_list>

#include "backend/codegen/emitter.h"

namespace sluice::backend {

inline int lanes_of(llvm::Value* x) {
  const auto* const vector = llvm::dyn_cast<llvm::FixedVectorType>(x->getType());
  return vector == nullptr ? 1 : static_cast<int>(vector->getNumElements());
}

inline bool is_double(llvm::Value* x) { return x->getType()->getScalarType()->isDoubleTy(); }

/// Float and integer vectors of the shape of x, for code that works on the bits of floats.
struct FloatBits {
  Emitter& e;
  llvm::Type* floats;
  llvm::Type* ints;

  FloatBits(Emitter& emitter, llvm::Value* x)
      : e(emitter),
        floats(x->getType()),
        ints(Emitter::vector_of(emitter.b.getIntNTy(is_double(x) ? 64 : 32), lanes_of(x))) {}

  llvm::Value* f(double value) const { return llvm::ConstantFP::get(floats, value); }
  llvm::Value* i(std::uint64_t value) const { return llvm::ConstantInt::get(ints, value); }
  llvm::Value* as_int(llvm::Value* x) const { return e.b.CreateBitCast(x, ints); }
  llvm::Value* as_float(llvm::Value* x) const { return e.b.CreateBitCast(x, floats); }
  llvm::Value* magnitude(llvm::Value* x) const { return e.b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); }
  llvm::Value* with_sign_of(llvm::Value* sign, llvm::Value* x) const {
    return e.b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, x, sign);
  }
  llvm::Value* is_nan(llvm::Value* x) const { return e.b.CreateFCmpUNO(x, x); }
  llvm::Value* choose(llvm::Value* condition, llvm::Value* x, llvm::Value* y) const {
    return e.b.CreateSelect(condition, x, y);
  }

  /// Horner's rule, the highest coefficient first.
  llvm::Value* polynomial(llvm::Value* x, std::initializer_list<double> coefficients) const {
    llvm::Value* sum = nullptr;
    for (const double coefficient : coefficients)
      sum = sum == nullptr ? f(coefficient) : e.multiply_add(sum, x, f(coefficient));
    return sum;
  }
  /// Of f32: 2 to the power of whole numbers in [-126, 127].
  llvm::Value* power_of_two(llvm::Value* n) const { return as_float(e.b.CreateShl(e.b.CreateAdd(n, i(127)), i(23))); }
};

}  // namespace sluice::backend

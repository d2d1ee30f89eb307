#pragma once

#include "backend/codegen/float_bits.h"

// Exponentials in parts, for functions that round them once together with what they are added to or divided by.
namespace sluice::backend {

/// exp(x) = 2^n (1 + q), with q = r + r^2 p and |r| <= ln(2)/2.
struct Exponential {
  llvm::Value* shifted;  ///< n in the low bits of a float that has zeros above them, as many as an exponent has
  llvm::Value* whole;    ///< n as a float
  llvm::Value* r;
  llvm::Value* p;

  llvm::Value* q(const FloatBits& k) const;
  /// 2^n, for an n that is the exponent of a normal number, or its infinity.
  llvm::Value* scale(const FloatBits& k) const;
};

/// Takes exp(x + low) apart, for a `low` of a few units in the last place of x, or none. The magnitude of x is at most
/// 2^7 in f32, 2^10 in f64.
Exponential take_exponential(const FloatBits& k, llvm::Value* x, llvm::Value* low = nullptr);

/// Returns x y - product exactly, or nearly so: `product` is x y rounded.
llvm::Value* product_error(const FloatBits& k, llvm::Value* x, llvm::Value* y, llvm::Value* product);

}  // namespace sluice::backend

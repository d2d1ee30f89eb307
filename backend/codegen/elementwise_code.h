#pragma once

#include "backend/codegen/emitter.h"
#include "sluice/ir/graph.h"

// The code of elementwise ops: one rule for each such row of ops.def, next to what it is made of. Arithmetic, logic and
// choice are in elementwise.cpp, functions of floats in math.cpp. An op without a rule does not link.
namespace sluice::backend {

/// Emits an op on one element of each operand, or on one vector of each.
struct ElementwiseCode {
  Emitter& e;
  llvm::IRBuilder<>& b;
  const ir::Node& node;
  DType dtype;  ///< of the operands; of select's, that of y and z
  llvm::Value* x;
  llvm::Value* y;
  llvm::Value* z;

  bool floats() const { return is_float(dtype); }
  llvm::Value* number(double value) const { return e.number(x->getType(), value); }
};
template <ir::Op op>
llvm::Value* elementwise_code(const ElementwiseCode& c);

#define OP(enumerator, ...) \
  template <>               \
  llvm::Value* elementwise_code<ir::Op::enumerator>(const ElementwiseCode& c);
#include "sluice/ir/ops.def"
#undef OP

}  // namespace sluice::backend

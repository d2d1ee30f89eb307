#include "passes/gradient_rules.h"

namespace sluice::passes {

namespace {

// ops.def writes its traits as expressions of these names.
using ir::kCommutative;
using ir::kDifferentiable;
using ir::kElementwise;
using ir::kInput;
using ir::kKeepsZeros;
using ir::kMakesZeros;
using ir::kMoves;
using ir::kNoTrait;
using ir::kReduction;

constexpr GradientRule kGradientRules[] = {
#define OP(enumerator, name, arity, dtypes, traits, ...) \
  ((traits) & kDifferentiable) != 0 ? &gradient_of_##enumerator : nullptr,
#include "ir/ops.def"
#undef OP
};

}  // namespace

GradientRule gradient_rule(ir::Op op) { return kGradientRules[static_cast<std::size_t>(op)]; }

}  // namespace sluice::passes

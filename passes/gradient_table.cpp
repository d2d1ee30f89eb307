#include "passes/gradient_rules.h"

namespace sluice::passes {

namespace {

// ops.def writes its traits as expressions of these names.
using enum ir::Trait;

constexpr GradientRule kGradientRules[] = {
#define OP(enumerator, name, arity, dtypes, traits, ...) \
  ((traits)&kDifferentiable) != 0 ? &gradient_of_##enumerator : nullptr,
#include "sluice/ir/ops.def"
#undef OP
};

}  // namespace

GradientRule gradient_rule(ir::Op op) { return kGradientRules[static_cast<std::size_t>(op)]; }

}  // namespace sluice::passes

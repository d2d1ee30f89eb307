#include "passes/pass.h"

namespace sluice::passes {

namespace {

/// The passes from a traced graph to the one that the backend compiles, and why each is where it is.
constexpr std::string_view kDefaultPipeline[] = {
    // First, so that all later passes see only ordinary ops, and so that a gradient is that of the graph as written.
    "differentiate",
    // Before cse, so that equal values look equal; after differentiate, whose rules leave x * 1 and the like.
    "canonicalize",
    // Once is enough: merging equal nodes enables no rules except those that require equal operands or a single reader.
    "cse",
    // Last: the other passes look at single nodes, and whatever they clean up would only widen the kernels.
    "fuse",
};

}  // namespace

std::span<const std::string_view> default_pipeline() { return kDefaultPipeline; }

}  // namespace sluice::passes

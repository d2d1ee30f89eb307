#include "passes/pass.h"

namespace sluice::passes {

namespace {

/// The way from a traced graph to the one that the backend compiles, and why each pass stands where it does.
constexpr std::string_view kDefaultPipeline[] = {
    // First, so that everything after it sees ordinary ops only, and so that a gradient is that of the graph as
    // written.
    "differentiate",
    // Before cse, so that what is the same looks the same; after differentiate, whose rules leave x * 1 and the like.
    "canonicalize",
    // One pass is enough: merging equal nodes lets no more rules fit but those that ask for equal operands or one
    // reader.
    "cse",
    // Last: the other passes look at single nodes, and what they clean up would only widen the kernels.
    "fuse",
};

}  // namespace

std::span<const std::string_view> default_pipeline() { return kDefaultPipeline; }

}  // namespace sluice::passes

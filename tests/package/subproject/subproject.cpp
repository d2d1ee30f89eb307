#include <sluice/frontend.h>

#include "ir/graph.h"

static_assert(kNodes == 3);
static_assert(!__has_include("passes/pass.h"), "Sluice's private headers are on the user's include path");
static_assert(!__has_include("runtime/execution/thread_team.h"));

int main() {
  const auto twice = sluice::function("twice", {sluice::f32(sluice::batch)}, [](sluice::Tensor x) { return x + x; });
  return twice(std::vector<float>{1.0F, 2.0F}).data<float>()[1] == 4.0F ? 0 : 1;
}

#include <sluice/frontend.h>

#include "ir/graph.h"

static_assert(kNodes == 3);
#if __has_include("passes/pass.h") || __has_include("runtime/execution/thread_team.h")
#error Private headers of Sluice are on the include path of its users
#endif

int main() {
  const auto twice = sluice::function("twice", {sluice::f32(sluice::batch)}, [](sluice::Tensor x) { return x + x; });
  return twice(std::vector<float>{1.0F, 2.0F}).data<float>()[1] == 4.0F ? 0 : 1;
}

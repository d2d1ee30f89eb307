#include "backend/shared_code.h"

#include <algorithm>
#include <unordered_map>

#include "ir/hash.h"

namespace sluice::backend {

namespace {

bool same_layouts(const Plan& plan, const std::vector<int>& a, const std::vector<int>& b) {
  return std::ranges::equal(a, b, [&](int x, int y) {
    return plan.buffers[static_cast<std::size_t>(x)].layout == plan.buffers[static_cast<std::size_t>(y)].layout;
  });
}

bool same_code(const Plan& plan, const KernelPlan& a, const KernelPlan& b) {
  return a.how == b.how && a.units == b.units && same_layouts(plan, a.operands, b.operands) &&
         same_layouts(plan, a.results, b.results) && ir::equal_structure(*a.body, *b.body);
}

}  // namespace

std::vector<std::size_t> shared_code(const Plan& plan) {
  std::vector<std::size_t> firsts;
  std::unordered_map<std::size_t, std::vector<std::size_t>> seen;  // by the hash of the body
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
    std::vector<std::size_t>& candidates = seen[ir::hash_structure(*plan.kernels[k].body)];
    const auto first = std::ranges::find_if(
        candidates, [&](std::size_t candidate) { return same_code(plan, plan.kernels[candidate], plan.kernels[k]); });
    if (first != candidates.end()) {
      firsts.push_back(*first);
      continue;
    }
    candidates.push_back(k);
    firsts.push_back(k);
  }
  return firsts;
}

}  // namespace sluice::backend

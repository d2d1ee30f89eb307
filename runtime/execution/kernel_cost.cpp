#include "runtime/execution/kernel_cost.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "backend/plan.h"
#include "runtime/execution/locations.h"

namespace sluice::runtime {

using backend::KernelPlan;
using backend::Plan;

std::int64_t bytes_of(const Type& type, const Bindings& bindings) {
  return type.shape.element_count().at(bindings) * static_cast<std::int64_t>(size_of(type.dtype));
}

std::int64_t bytes_of(const backend::Buffer& buffer, const Bindings& bindings) {
  const Dim count = element_count(buffer.layout, buffer.type.shape);
  return count.at(bindings) * static_cast<std::int64_t>(size_of(buffer.type.dtype));
}

ir::Cost cost_of(const Plan& plan, const KernelPlan& kernel, const Bindings& bindings) {
  ir::Cost cost{ir::cost(*kernel.body, bindings).flops, 0};
  std::set<std::pair<int, bool>> counted;
  const auto count = [&](int buffer, bool writes) {
    if (!counted.insert({buffer, writes}).second) return;
    cost.bytes += static_cast<double>(bytes_of(plan.buffers[static_cast<std::size_t>(buffer)].type, bindings));
  };
  for (const int buffer : kernel.operands) count(buffer, false);
  for (const int buffer : kernel.results) count(buffer, true);
  return cost;
}

std::string ops_of(const ir::Graph& body) {
  std::vector<std::pair<ir::Op, int>> counts;
  for (const ir::Node& node : body.nodes()) {
    if (ir::info(node.op).has(ir::kInput) || node.op == ir::Op::kConstant) continue;
    const auto found = std::ranges::find(counts, node.op, &std::pair<ir::Op, int>::first);
    if (found == counts.end()) {
      counts.emplace_back(node.op, 1);
    } else {
      ++found->second;
    }
  }
  std::vector<std::string> words;
  for (const auto& [op, count] : counts)
    words.push_back(count == 1 ? std::string(to_string(op)) : fmt::format("{} {}", count, to_string(op)));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string lines_of_kernel(const KernelPlan& kernel) { return lines_of(kernel.origins); }

}  // namespace sluice::runtime

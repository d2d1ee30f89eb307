#include "backend/argument_table.h"

namespace sluice::backend {

ArgumentTable::ArgumentTable(const Plan& plan) {
  std::vector<std::vector<std::size_t>> uses(plan.buffers.size());
  std::size_t count = 0;
  for (const KernelPlan& kernel : plan.kernels) {
    first_argument_.push_back(count);
    for (const std::vector<int>* const buffers : {&kernel.operands, &kernel.results}) {
      for (const int buffer : *buffers) uses[static_cast<std::size_t>(buffer)].push_back(count++);
    }
  }
  arguments_.resize(count);
  for (const std::vector<std::size_t>& of_buffer : uses) {
    first_use_.push_back(uses_.size());
    uses_.insert(uses_.end(), of_buffer.begin(), of_buffer.end());
  }
  first_use_.push_back(uses_.size());
}

}  // namespace sluice::backend

#include "tests/passes/kernels.h"

namespace sluice::test {

std::vector<std::uint32_t> kernels(const ir::Graph& graph) {
  std::vector<std::uint32_t> result;
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Op op = graph.node(i).op;
    const bool is_free =
        ir::info(op).has(ir::kInput) || op == ir::Op::kConstant || op == ir::Op::kBatchSize || op == ir::Op::kReshape;
    if (!is_free) result.push_back(i);
  }
  return result;
}

}  // namespace sluice::test

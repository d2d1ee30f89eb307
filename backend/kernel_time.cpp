#include "backend/kernel_time.h"

#include <algorithm>

#include "ir/matmul.h"

namespace sluice::backend {

namespace {

using Terms = std::vector<KernelTime::Term>;

/// Instructions per element, or per vector of elements if `vectors`.
struct Work {
  double instructions;
  bool vectors = true;
};

Work work_of(const ir::Node& node) {
  const bool is_f32 = node.types[0].dtype == DType::kF32;
  switch (node.op) {
    case ir::Op::kPow:
      return {60, false};
    case ir::Op::kDiv:
    case ir::Op::kSqrt:
    case ir::Op::kRsqrt:
      return is_float(node.types[0].dtype) ? Work{8, true} : Work{20, false};
    case ir::Op::kRandomUniform:
    case ir::Op::kRandomNormal:
      return {60, true};
    case ir::Op::kGather:
    case ir::Op::kScatterAdd:
    case ir::Op::kConcat:
    case ir::Op::kPad:
    case ir::Op::kOneHot:
    case ir::Op::kArgmax:
      return {2, false};
    case ir::Op::kArgsort:
      return {is_f32 ? 40.0 : 80.0, false};
    default:
      if (!ir::info(node.op).has(ir::kCostly)) return {1, true};
      return is_f32 ? Work{20, true} : Work{40, false};
  }
}

void add(Terms& terms, double factor, Dim size) {
  factor *= static_cast<double>(size.size);
  const auto alike = std::ranges::find(terms, size.batch, &KernelTime::Term::growth);
  if (alike == terms.end()) {
    terms.push_back({factor, size.batch});
  } else {
    alike->factor += factor;
  }
}

std::size_t degree_of(Dim size) { return size.batch ? size.batch.terms()[0].symbols.size() : 0; }

/// Returns the size that grows faster, or the larger one of two that grow alike.
Dim larger(Dim x, Dim y) {
  if (degree_of(x) != degree_of(y)) return degree_of(x) > degree_of(y) ? x : y;
  return x.size >= y.size ? x : y;
}

void add_cycles(Terms& cycles, const ir::Graph& body, const ir::Node& node, const Target& target) {
  if (ir::info(node.op).has(ir::kInput) || node.op == ir::Op::kConstant) return;
  const Type& type = node.types[0];
  const double lanes = target.lanes(static_cast<int>(size_of(type.dtype)));
  if (node.op == ir::Op::kMatmul) {
    const Dim k = ir::matmul_sizes(node, body.type(node.operands[0])).k;
    return add(cycles, 1 / (lanes * (target.fma ? 2 : 1)), type.shape.element_count() * k);
  }
  Dim elements = type.shape.element_count();
  for (const ir::Value operand : node.operands) elements = larger(elements, body.type(operand).shape.element_count());
  const Work work = work_of(node);
  add(cycles, work.instructions / (work.vectors ? lanes : 1), elements);
}

double sum_of(const Terms& terms, const Bindings& bindings) {
  double sum = 0;
  for (const auto& [factor, growth] : terms) sum += factor * static_cast<double>(growth.at(bindings));
  return sum;
}

}  // namespace

double KernelTime::seconds(const Bindings& bindings) const {
  return std::max(sum_of(cycles, bindings), sum_of(bytes, bindings) / kEstimatedBytesACycle) / kEstimatedHertz;
}

KernelTime kernel_time(const Plan& plan, const KernelPlan& kernel, const Target& target) {
  KernelTime time;
  for (const ir::Node& node : kernel.body->nodes()) add_cycles(time.cycles, *kernel.body, node, target);
  const auto count = [&](int buffer) {
    const Type& type = plan.buffers[static_cast<std::size_t>(buffer)].type;
    add(time.bytes, static_cast<double>(size_of(type.dtype)), type.shape.element_count());
  };
  std::ranges::for_each(kernel.operands, count);
  std::ranges::for_each(kernel.results, count);
  return time;
}

}  // namespace sluice::backend

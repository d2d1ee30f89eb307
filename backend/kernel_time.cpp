#include "backend/kernel_time.h"

#include <algorithm>

#include "backend/argsort_scratch.h"
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
    case ir::Op::kScatter:
    case ir::Op::kConcat:
    case ir::Op::kPad:
    case ir::Op::kOneHot:
    case ir::Op::kArgmax:
      return {2, false};
    case ir::Op::kCumsum:
    case ir::Op::kLinearRecurrence:
      return {8, false};
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

bool is_scatter(const ir::Node& node) { return node.op == ir::Op::kScatter || node.op == ir::Op::kScatterAdd; }

void add_cycles(Terms& cycles, const ir::Graph& body, const ir::Node& node, const Target& target) {
  if (ir::info(node.op).has(ir::kInput) || node.op == ir::Op::kConstant) return;
  const Type& type = node.types[0];
  const double lanes = target.lanes(static_cast<int>(size_of(type.dtype)));
  if (node.op == ir::Op::kMatmul) {
    const Dim k = ir::matmul_sizes(node, body.type(node.operands[0])).k;
    return add(cycles, 1 / (lanes * (target.fma ? 2 : 1)), type.shape.element_count() * k);
  }
  if (node.op == ir::Op::kAttention || node.op == ir::Op::kAttentionGradient) {
    const ir::AttentionParts parts = ir::attention_parts(body, node);
    Dim scores = parts.keys * parts.queries;
    const Shape& q = body.type(node.operands[0]).shape;
    for (int axis = 0; axis + 2 < q.rank(); ++axis) scores = scores * q[axis];
    const std::int64_t products =
        parts.backward ? 3 * parts.depth + 2 * parts.width : parts.depth + parts.width;  // about half if causal
    return add(cycles, (parts.causal ? 0.5 : 1) / (lanes * (target.fma ? 2 : 1)), scores * products);
  }
  Dim elements = is_scatter(node) ? Dim(0) : type.shape.element_count();
  for (const ir::Value operand : node.operands) {
    // The bytes of a table count, as far as it is read or copied.
    if ((is_scatter(node) || node.op == ir::Op::kGather) && operand == node.operands[0]) continue;
    elements = larger(elements, body.type(operand).shape.element_count());
  }
  // To find the first places of long rows, it compares each element with a bound.
  if (node.op == ir::Op::kArgsort && argsort_plan(body).selects) return add(cycles, 16 / lanes, elements);
  const Work work = work_of(node);
  add(cycles, work.instructions / (work.vectors ? lanes : 1), elements);
}

/// Returns whether the kernel changes rows of a variable in place.
bool scatters_in_place(const Plan& plan, const KernelPlan& kernel) {
  if (kernel.kind() != ir::KernelKind::kScatter) return false;
  const Buffer& from = plan.buffers[static_cast<std::size_t>(kernel.operands[0])];
  const Buffer& to = plan.buffers[static_cast<std::size_t>(kernel.results[0])];
  return to.kind == BufferKind::kState && from.kind == to.kind && from.index == to.index;
}

/// Returns how many elements a kernel reads of an operand; of a table in which it only looks rows up, those of the
/// rows.
Dim elements_read(const ir::Graph& body, std::size_t operand) {
  const ir::Value value = body.parameters()[operand].value;
  const Dim all = body.type(value).shape.element_count();
  if (std::ranges::find(body.results(), value) != body.results().end()) return all;
  Dim rows = 0;
  for (const ir::Node& node : body.nodes()) {
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      if (node.operands[i] != value) continue;
      if (node.op != ir::Op::kGather) return all;
      rows = rows + node.types[0].shape.element_count();
    }
  }
  return degree_of(rows) == degree_of(all) && rows.size > all.size ? all : rows;
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
  if (scatters_in_place(plan, kernel)) {
    for (const int rows : {kernel.operands[1], kernel.operands[2], kernel.operands[2]}) count(rows);
    return time;
  }
  for (std::size_t i = 0; i < kernel.operands.size(); ++i) {
    const Type& type = kernel.body->type(kernel.body->parameters()[i].value);
    add(time.bytes, static_cast<double>(size_of(type.dtype)), elements_read(*kernel.body, i));
  }
  std::ranges::for_each(kernel.results, count);
  return time;
}

}  // namespace sluice::backend

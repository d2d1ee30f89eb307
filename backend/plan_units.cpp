#include <algorithm>

#include "backend/plan.h"
#include "ir/reduction.h"
#include "sluice/error.h"

namespace sluice::backend {

using ir::Graph;
using ir::Node;
using ir::Op;

namespace {

std::int64_t blocks_of(const Units::Axis& axis, const Bindings& bindings) {
  return (axis.size.at(bindings) + axis.block - 1) / axis.block;
}

}  // namespace

std::int64_t Units::count(const Bindings& bindings) const {
  std::int64_t count = 1;
  for (const Axis& axis : axes) count *= blocks_of(axis, bindings);
  return count;
}

bool Units::none() const {
  return std::ranges::any_of(axes, [](const Axis& axis) { return axis.size == Dim(0); });
}

std::int64_t Units::share_begin(int thread, int threads, const Bindings& bindings) const {
  const std::int64_t all = count(bindings);
  if (axes.empty() || all == 0) return thread == 0 ? 0 : all;
  const std::int64_t units_a_block = all / blocks_of(axes[0], bindings);
  const std::int64_t size = axes[0].size.at(bindings);
  const std::int64_t whole_units = size / axes[0].block * units_a_block;
  const std::int64_t whole_cost = (axes[0].block + step - 1) / step;
  const std::int64_t rest_cost = (size % axes[0].block + step - 1) / step;  // of a unit of the block that is not whole
  const std::int64_t cost = (whole_units * whole_cost + (all - whole_units) * rest_cost) * thread / threads;
  if (cost <= whole_units * whole_cost) return cost / whole_cost;
  return whole_units + (cost - whole_units * whole_cost) / rest_cost;
}

namespace {

/// Returns whether a loop kernel may run over its elements as one long row, as they lie in memory: all in one layout,
/// which is that of the first result, and nothing in it depends on positions but through the row-major index.
bool is_flat(const KernelPlan& kernel, const Plan& plan) {
  const Graph& body = *kernel.body;
  const Shape& shape = body.type(body.results()[0]).shape;
  const auto layout_of = [&](int buffer) { return plan.buffers[static_cast<std::size_t>(buffer)].layout; };
  const auto single = [](const Type& type) { return type.shape.element_count() == Dim(1); };
  const Layout layout = layout_of(kernel.results[0]);
  for (std::size_t i = 0; i < kernel.operands.size(); ++i) {
    if (!single(body.type(body.parameters()[i].value)) && layout_of(kernel.operands[i]) != layout) return false;
  }
  for (std::size_t i = 0; i < kernel.results.size(); ++i) {
    if (!single(body.type(body.results()[i])) && layout_of(kernel.results[i]) != layout) return false;
  }
  return std::ranges::all_of(body.nodes(), [&](const Node& node) {
    if (!single(node.types[0]) && node.types[0].shape != shape) return false;
    switch (node.op) {
      case Op::kParameter:
      case Op::kBatchSize:
        return true;
      case Op::kConstant:  // lies row by row
        return layout.dense() || single(node.types[0]);
      case Op::kRandomUniform:
      case Op::kRandomNormal:
        return layout.dense();
      case Op::kBroadcast:
        return single(body.type(node.operands[0]));
      default:
        return ir::info(node.op).has(ir::kElementwise);
    }
  });
}

void split_loop(KernelPlan& kernel, LoopKernel& loop, const Plan& plan) {
  const Shape& shape = kernel.body->type(kernel.body->results()[0]).shape;
  loop.flat = is_flat(kernel, plan);
  if (loop.flat) {
    const Buffer& result = plan.buffers[static_cast<std::size_t>(kernel.results[0])];
    kernel.units.axes = {{element_count(result.layout, shape), kFlatBlock}};
    return;
  }
  for (int axis = 0; axis < shape.rank(); ++axis)
    kernel.units.axes.push_back({shape[axis], axis + 1 == shape.rank() ? kFlatBlock : 1});
  if (shape.rank() < 2 || !has_windows_of_rows(*kernel.body)) return;
  loop.by_positions = true;
  loop.inner = inner_ranges(*kernel.body);
  kernel.units.axes[kernel.units.axes.size() - 2].block = kTilePositions;
}

/// Returns how a reduction over `axes` goes through the elements, which are of windows or not.
Sweep choose_sweep(const Graph& body, const std::vector<std::int64_t>& axes) {
  if (!has_windows_of_rows(body)) return Sweep::kByOutputs;
  const Shape& shape = shape_of_work(body);
  if (axes.back() + 1 == shape.rank()) return Sweep::kByOutputs;
  Shape reduced;
  for (const std::int64_t axis : axes) reduced.push_back(shape[static_cast<int>(axis)]);
  const Dim cells = reduced.element_count();
  const bool few = !cells.batch && cells.size <= kMostUnrolledCells;
  if (few) return axes.size() + 2 <= static_cast<std::size_t>(shape.rank()) ? Sweep::kByPositions : Sweep::kByOutputs;
  const auto is_kept = [&](int axis) { return std::ranges::find(axes, axis) == axes.end(); };
  return std::ranges::any_of(cell_axes(body), is_kept) ? Sweep::kByCells : Sweep::kByOutputs;
}

/// Sets the blocks of the units of a reduction of windows, which keeps the axes `kept`, that of its vectors last.
void split_windows(KernelPlan& kernel, ReduceKernel& reduce, const std::vector<int>& kept) {
  auto& axes = kernel.units.axes;
  reduce.inner = inner_ranges(*kernel.body);
  if (reduce.sweep == Sweep::kByPositions) {
    axes[axes.size() - 2].block = kTilePositions;
    axes.back().block = kTileColumns;
    return;
  }
  const std::vector<int> cells = cell_axes(*kernel.body);
  std::int64_t at_once = 1;
  for (std::size_t i = kept.size(); i-- > 0;) {
    const bool has_cells = std::ranges::find(cells, kept[i]) != cells.end();
    if (!has_cells || at_once * axes[i].size.size > kMostSumsAtOnce) continue;
    axes[i].block = std::max<std::int64_t>(axes[i].size.size, 1);
    at_once *= axes[i].block;
  }
}

/// One unit for each index of the axes that no reduction folds and no recurrence runs along, or for a vector of them
/// where the last axis is one of these.
void split_reduction(KernelPlan& kernel, const Target& target) {
  for (const Node& node : kernel.body->nodes()) {
    if (!ir::info(node.op).has(ir::kReduction) && kernel.kind() != KernelKind::kRecurrence) continue;
    if (ir::info(node.op).has(ir::kInput)) continue;
    const Shape& shape = kernel.body->type(node.operands[0]).shape;
    const std::vector<std::int64_t> axes = ir::reduced_axes(node);
    std::vector<int> kept;
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const bool is_last = axis + 1 == shape.rank();
      if (std::ranges::find(axes, axis) != axes.end()) continue;
      kept.push_back(axis);
      kernel.units.axes.push_back({shape[axis], is_last ? target.lanes(4) : 1});
    }
    auto* const reduce = std::get_if<ReduceKernel>(&kernel.how);
    if (reduce == nullptr) return;
    reduce->sweep = choose_sweep(*kernel.body, axes);
    if (reduce->sweep != Sweep::kByOutputs) split_windows(kernel, *reduce, kept);
    return;
  }
  SLUICE_UNREACHABLE("{} reduces nothing", kernel.name);
}

/// Blocks of a row's columns: each unit adds or stores all rows, in order, in its own columns.
void split_scatter(KernelPlan& kernel) {
  const Shape& table = kernel.body->type(kernel.body->results()[0]).shape;
  Dim columns = 1;
  for (int axis = 1; axis < table.rank(); ++axis) columns = columns * table[axis];
  kernel.units.axes = {{columns, 64}};
}

/// A unit is a row.
void split_argsort(KernelPlan& kernel) {
  const Shape& shape = kernel.body->type(kernel.body->results()[0]).shape;
  for (int axis = 0; axis + 1 < shape.rank(); ++axis) kernel.units.axes.push_back({shape[axis], 1});
}

}  // namespace

/// A unit is one matrix of queries. Its results do not depend on the others, so they are the same for any number of
/// threads.
void split_attention(KernelPlan& kernel, const Target& target) {
  const Node& node = *std::ranges::find_if(kernel.body->nodes(), ir::is_attention);
  const Shape& queries = kernel.body->type(node.operands[0]).shape;
  for (int axis = 0; axis + 2 < queries.rank(); ++axis) kernel.units.axes.push_back({queries[axis], 1});
  auto& attention = std::get<AttentionKernel>(kernel.how);
  attention.tile = attention_tile(target);
  attention.scratch = attention_scratch(ir::attention_parts(*kernel.body, node), attention.tile);
}

void split_kernel(KernelPlan& kernel, const Plan& plan, const Target& target) {
  switch (kernel.kind()) {
    case KernelKind::kLoop:
      return split_loop(kernel, std::get<LoopKernel>(kernel.how), plan);
    case KernelKind::kMatmul:
      return split_product(kernel, plan, target);
    case KernelKind::kReduce:
    case KernelKind::kRows:
    case KernelKind::kRecurrence:
      return split_reduction(kernel, target);
    case KernelKind::kScatter:
      return split_scatter(kernel);
    case KernelKind::kArgsort:
      return split_argsort(kernel);
    case KernelKind::kAttention:
      return split_attention(kernel, target);
  }
}

void drop_idle_kernels(Plan& plan) {
  std::erase_if(plan.kernels, [](const KernelPlan& kernel) {
    if (!kernel.units.none()) return false;
    const auto results = kernel.body->results();
    const bool idle = std::ranges::all_of(results, [&](ir::Value x) { return is_empty(kernel.body->type(x).shape); });
    SLUICE_CHECK(idle, "{} has a result with elements, but no unit of work to make it", kernel.name);
    return true;
  });
}

}  // namespace sluice::backend

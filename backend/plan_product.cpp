#include <algorithm>

#include "backend/plan.h"
#include "ir/matmul.h"

namespace sluice::backend {

using ir::Graph;
using ir::Node;
using ir::Op;

namespace {

/// Returns whether to copy the panels of the rhs to scratch, because tiles cannot read them in place, or read a copy
/// faster. `masks`: no lane past the end of a row need be loaded.
bool packs_rhs(const KernelPlan& kernel, const ProductKernel& product, const Plan& plan, const Target& target,
               const ir::MatmulSizes& sizes, bool masks) {
  const Node& matmul = kernel.body->node(product.matmul);
  if (matmul.attributes.flag(ir::Attr::kTransposeB) || sizes.n.batch) return true;
  const Buffer& buffer = plan.buffers[static_cast<std::size_t>(kernel.operands[product.rhs])];
  if (!buffer.layout.dense()) return false;
  // The caller's memory may end at its last element, past which the last vector of a row would reach.
  const bool is_callers = buffer.kind == BufferKind::kParameter || buffer.kind == BufferKind::kResult;
  if (is_callers && !masks && sizes.n.size % kernel.units.step != 0) return true;
  const auto row_bytes = sizes.n.size * static_cast<std::int64_t>(size_of(matmul.types[0].dtype));
  return worth_packing(target, product.tile, sizes.m, sizes.k, row_bytes);
}

/// Returns the number of matrices of the result's shape that the epilogue reads.
std::int64_t matrices_read(const Graph& body, const Node& matmul) {
  const std::vector<bool> rides = ir::rides_on_product(body, matmul);
  std::int64_t count = 0;
  for (const ir::Parameter& parameter : body.parameters()) {
    const bool is_operand = std::ranges::find(matmul.operands, parameter.value) != matmul.operands.end();
    const bool is_read = rides[parameter.value.node] && !is_operand;
    count += is_read && body.type(parameter.value).shape == matmul.types[0].shape ? 1 : 0;
  }
  return count;
}

/// Returns whether the epilogue is short enough to be repeated for each accumulator of a tile.
bool is_short(const Graph& body, const Node& matmul) {
  constexpr int kMostOps = 6;
  const std::vector<bool> for_lhs = ir::nodes_of_operand(body, matmul, 0);
  const std::vector<bool> for_rhs = ir::nodes_of_operand(body, matmul, 1);
  int ops = 0;
  return std::ranges::all_of(body.nodes(), [&](const Node& node) {
    const auto index = static_cast<std::size_t>(&node - body.nodes().data());
    if (for_lhs[index] || for_rhs[index]) return true;
    switch (node.op) {
      case Op::kParameter:
      case Op::kConstant:
      case Op::kBroadcast:
      case Op::kMatmul:
      case Op::kReduceSum:  // of columns, beside the product
        return true;
      default:
        return ir::info(node.op).has(ir::kElementwise) && !ir::info(node.op).has(ir::kCostly) && ++ops <= kMostOps;
    }
  });
}

/// An epilogue with a lot to read and to compute, such as an optimizer's, runs beside the product. Vectors must be of a
/// known width unless the tile goes through scratch.
ProductSchedule choose_schedule(const Graph& body, const Node& matmul, Dim columns) {
  if (columns.batch) return ProductSchedule::kThroughScratch;
  if (matrices_read(body, matmul) >= 2) return ProductSchedule::kOverlapped;
  return is_short(body, matmul) ? ProductSchedule::kInRegisters : ProductSchedule::kThroughScratch;
}

/// The most windows that are packed at once for a rhs: each is a step of K.
constexpr std::int64_t kWindowRows = 256;

/// Returns whether to pack each panel of a transposed rhs while the one before it is read.
bool packs_ahead(const ProductKernel& product, const ir::MatmulSizes& sizes, std::int64_t panel_columns) {
  constexpr std::int64_t kLeastDepth = 64;  // shorter chains hide nothing
  return product.schedule == ProductSchedule::kInRegisters && product.tile.depth_block == 0 &&
         sizes.k.size >= kLeastDepth && !sizes.n.batch && sizes.n.size > panel_columns;
}

}  // namespace

/// Tiles, panel by panel, and matrix by matrix where there are batch axes.
void split_product(KernelPlan& kernel, const Plan& plan, const Target& target) {
  ProductKernel& product = *kernel.product();
  const Node& matmul = kernel.body->node(product.matmul);
  const ir::MatmulSizes sizes = ir::matmul_sizes(matmul, kernel.body->type(matmul.operands[0]));
  const auto element = static_cast<std::int64_t>(size_of(matmul.types[0].dtype));
  const std::int64_t lanes = target.lanes(static_cast<int>(element));
  const bool has_batch = sizes.batch.rank() > 0;
  product.tile = has_batch ? choose_tile_of_batch(target, sizes, static_cast<int>(element))
                           : choose_tile(target, sizes.m, sizes.k, static_cast<int>(element));
  if (product.packs_windows) product.tile.depth_block = 0;  // or each block would pack its part of the windows anew
  if (product.panels == RhsPanels::kWindows && product.tile.depth_block == 0) product.tile.depth_block = kWindowRows;
  const std::int64_t panel_columns = product.tile.vectors * lanes;
  if (has_batch) kernel.units.axes.push_back({sizes.batch.element_count(), 1});
  kernel.units.axes.push_back({sizes.n, panel_columns});
  kernel.units.axes.push_back({sizes.m, product.tile.rows});
  kernel.units.step = tile_column_step(target, static_cast<int>(element));
  product.schedule = choose_schedule(*kernel.body, matmul, sizes.n);
  const bool transposed = matmul.attributes.flag(ir::Attr::kTransposeB);
  // A panel of a small matrix is read by too few tiles to pay for a copy.
  const bool masks = has_batch && sizes.n.size % kernel.units.step != 0;
  const bool has_windows = product.panels == RhsPanels::kWindows;
  const bool is_computed = product.panels == RhsPanels::kComputed || has_windows;
  if (!is_computed && packs_rhs(kernel, product, plan, target, sizes, masks)) {
    const bool ahead = transposed && packs_ahead(product, sizes, panel_columns);
    product.panels = ahead ? RhsPanels::kPackedAhead : RhsPanels::kPacked;
  } else if (!is_computed && masks) {
    product.panels = RhsPanels::kMasked;
  }
  product.scratch = product_scratch({.rows = sizes.m,
                                     .depth = sizes.k,
                                     .tile = product.tile,
                                     .lanes = lanes,
                                     .element_bytes = element,
                                     .packs = product.packs(),
                                     .packs_blocks = has_windows,
                                     .packs_ahead = transposed && !is_computed && product.tile.depth_block == 0,
                                     .skips_zeros = product.skips_zeros,
                                     .packs_windows = product.packs_windows});
}

}  // namespace sluice::backend

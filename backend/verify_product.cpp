#include <fmt/format.h>

#include <algorithm>

#include "backend/verify_kernel.h"
#include "ir/matmul.h"

namespace sluice::backend {

using ir::Attr;
using ir::Node;

namespace {

std::int64_t ceil_div(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }
std::int64_t to_multiple(std::int64_t size, std::int64_t block) { return ceil_div(size, block) * block; }

/// Returns whether room >= need(b) for every b >= 0, which `growth` stands for. The room must be linear in it, and
/// `need` grows by one and the same number whenever b grows by `period`, as counts of blocks do. So their difference
/// over a period is one number: if it is not negative, and room is large enough for the first `period` values of b, it
/// is for all.
template <typename Need>
bool always_fits(const Bytes& room, Growth growth, std::int64_t period, Need need) {
  std::int64_t each = 0;
  if (growth && room.batch) {
    const auto& of_room = room.batch.terms()[0];
    const auto& of_growth = growth.terms()[0];
    each = room.size * of_room.coefficient / of_growth.coefficient;
  }
  const Bytes fixed = room - each * Dim(1, growth);
  if (fixed.batch) return false;
  const auto left = [&](std::int64_t b) { return fixed.size + each * b - need(b); };
  if (left(period) < left(0)) return false;
  for (std::int64_t b = 0; b < period; ++b) {
    if (left(b) < 0) return false;
  }
  return true;
}

/// Returns the value of `dim` if its growth has the value `b`.
std::int64_t at(Dim dim, std::int64_t b) { return dim.batch ? dim.size * b : dim.size; }

/// Returns whether the bytes are a multiple of `alignment` whatever the symbols are.
bool is_aligned(const Bytes& bytes, std::int64_t alignment) {
  return std::ranges::all_of(
             bytes.batch.terms(),
             [&](const Growth::Term& term) { return bytes.size * term.coefficient % alignment == 0; }) &&
         (bytes.batch || bytes.size % alignment == 0);
}

class ProductVerifier {
 public:
  ProductVerifier(const Plan& plan, const KernelPlan& kernel)
      : plan_(plan),
        kernel_(kernel),
        product_(*kernel.product()),
        node_(kernel.body->node(product_.matmul)),
        tile_(product_.tile) {
    const Type& type = node_.types[0];
    const int rank = type.shape.rank();
    rows_ = type.shape[rank - 2];
    columns_ = type.shape[rank - 1];
    const Shape& a = kernel.body->type(node_.operands[0]).shape;
    depth_ = node_.attributes.flag(Attr::kTransposeA) ? a[rank - 2] : a[rank - 1];
    for (int axis = 0; axis < rank - 2; ++axis) matrices_ = matrices_ * type.shape[axis];
    has_batch_ = rank > 2;
    turned_ = node_.attributes.flag(Attr::kTransposeB);
    computed_ = ir::computes_rhs(*kernel.body, node_);
    element_ = static_cast<std::int64_t>(size_of(type.dtype));
    tile_columns_ = tile_.vectors * plan.vector_bytes / element_;
  }

  std::string run() const {
    using Check = std::string (ProductVerifier::*)() const;
    for (const Check check : {Check(&ProductVerifier::wrong_units), Check(&ProductVerifier::wrong_factors),
                              Check(&ProductVerifier::wrong_schedule), Check(&ProductVerifier::wrong_epilogue),
                              Check(&ProductVerifier::wrong_scratch)}) {
      if (std::string what = (this->*check)(); !what.empty()) return what;
    }
    return "";
  }

 private:
  std::string wrong_units() const {
    if (tile_.rows < 1 || tile_.vectors < 1 || tile_.depth_block < 0)
      return fmt::format("has a tile of {}x{}", tile_.rows, tile_.vectors);
    std::vector<Units::Axis> axes{{columns_, tile_columns_}, {rows_, tile_.rows}};
    if (has_batch_) axes.insert(axes.begin(), {matrices_, 1});
    if (!covers(kernel_.units, axes))
      return fmt::format("has units that do not cover {}{}x{} in tiles of {}x{}",
                         has_batch_ ? to_string(matrices_) + " matrices of " : "", to_string(rows_),
                         to_string(columns_), tile_.rows, tile_columns_);
    const std::int64_t lanes = plan_.vector_bytes / element_;
    return lanes % kernel_.units.step == 0 ? "" : "cuts up a vector";
  }

  std::size_t parameter_of(ir::Value value) const {
    const auto parameters = kernel_.body->parameters();
    const auto found = std::ranges::find(parameters, value, &ir::Parameter::value);
    return static_cast<std::size_t>(found - parameters.begin());
  }

  /// The parameter that is operand `i`, or over which the windows slide that are.
  std::size_t source_of(std::size_t i) const {
    return parameter_of(has_windows(i) ? ir::windows_of(*kernel_.body, node_, i)->operands[0] : node_.operands[i]);
  }
  bool has_windows(std::size_t i) const { return ir::windows_of(*kernel_.body, node_, i) != nullptr; }

  const Layout& layout_of(int buffer) const { return plan_.buffers[static_cast<std::size_t>(buffer)].layout; }

  /// The elements of the lhs are read one by one from contiguous rows. The rows of the rhs are read as whole vectors,
  /// all of whose lanes must be in the panel, or packed: then any layout works whose panels divide into tiles, and
  /// transposed ones in strips of 16 bytes.
  std::string wrong_factors() const {
    const std::size_t a = source_of(0);
    const std::size_t b = computed_ ? 0 : source_of(1);
    if (a == kernel_.operands.size()) return "computes its first factor itself";
    if (a != product_.lhs || (!computed_ && b != product_.rhs)) return "multiplies other operands than its body";
    if (computed_ != (product_.panels == RhsPanels::kComputed))
      return computed_ ? "reads a second factor that it computes as if it lay in memory"
                       : "computes a second factor that lies in memory";
    if (has_windows(0) != product_.packs_windows || has_windows(1) != (product_.panels == RhsPanels::kWindows))
      return "reads windows as if they lay in memory, or packs them where there are none";
    if (has_windows(0) && (tile_.depth_block > 0 || product_.skips_zeros || has_batch_ || depth_.batch))
      return "packs windows for a schedule that takes parts of them";
    if (has_windows(1) && (tile_.depth_block == 0 || has_batch_ || turned_))
      return "packs windows for a schedule that takes all of them";
    for (std::size_t i = 0; i < 2; ++i) {
      if (!has_windows(i)) continue;
      const int buffer = kernel_.operands[source_of(i)];
      if (!layout_of(buffer).dense()) return fmt::format("packs windows over panels, buffer {}", buffer);
    }
    const Layout& first = layout_of(kernel_.operands[a]);
    const Shape& a_shape = kernel_.body->type(kernel_.body->parameters()[a].value).shape;
    if (!first.dense() && first.panel < a_shape[1].size)
      return fmt::format("reads rows of its first factor, buffer {}, which lies in panels", kernel_.operands[a]);
    // A computed one is packed element by element, all of which are its own; loads of what it is made of are masked.
    if (computed_ || has_windows(1)) return "";
    if (!product_.packs() && (turned_ || columns_.batch))
      return fmt::format("reads its second factor, buffer {}, as it lies, which is not in panels of its tiles",
                         kernel_.operands[b]);
    const Layout& second = layout_of(kernel_.operands[b]);
    if (second.dense()) return "";
    const std::int64_t width = kernel_.body->type(node_.operands[1]).shape[1].size;
    const std::int64_t rest = (width - 1) % second.panel + 1;
    const std::int64_t piece = turned_ ? kStripBytes / element_ : tile_columns_;
    const std::int64_t last_piece = turned_ ? piece : kernel_.units.step;
    if ((width > second.panel && second.panel % piece != 0) || second.last < to_multiple(rest, last_piece))
      return fmt::format("reads its second factor, buffer {}, over the edge of its panels", kernel_.operands[b]);
    return "";
  }

  /// Vectors of accumulators have a known width. Strips of a transposed rhs alone are packed ahead, between
  /// multiply-adds that take all of K.
  std::string wrong_schedule() const {
    if (columns_.batch && product_.schedule != ProductSchedule::kThroughScratch)
      return "takes sums of a width that only B says from registers";
    const bool may_pack_ahead =
        turned_ && !columns_.batch && tile_.depth_block == 0 && product_.schedule == ProductSchedule::kInRegisters;
    if (product_.panels == RhsPanels::kPackedAhead && !may_pack_ahead) return "cannot pack its panels ahead";
    return "";
  }

  /// Tiles access matrices of the result's shape within one panel of each. Every result is stored, by the tiles or as
  /// column sums.
  std::string wrong_epilogue() const {
    const Shape& shape = node_.types[0].shape;
    const auto fits = [&](int buffer) {
      const Layout& layout = layout_of(buffer);
      return layout.dense() || shape[1].size <= layout.panel || layout.panel % tile_columns_ == 0;
    };
    int column_sums = 0;
    for (std::size_t r = 0; r < kernel_.results.size(); ++r) {
      const ir::Value result = kernel_.body->results()[r];
      const Node& made_by = kernel_.body->node(result);
      const bool sums = made_by.op == ir::Op::kReduceSum && made_by.operands[0] == node_.operands[1];
      if (sums) ++column_sums;
      if (!sums && kernel_.body->type(result).shape != shape)
        return fmt::format("leaves out its result {}", to_string(kernel_.body->type(result)));
      if (!sums && !fits(kernel_.results[r]))
        return fmt::format("stores tiles over the edge of a panel of buffer {}", kernel_.results[r]);
    }
    if (column_sums > 1) return "leaves out sums of columns";
    for (std::size_t p = 0; p < kernel_.operands.size(); ++p) {
      const ir::Value value = kernel_.body->parameters()[p].value;
      const bool is_factor = value == node_.operands[0] || value == node_.operands[1];
      if (!is_factor && kernel_.body->type(value).shape == shape && !fits(kernel_.operands[p]))
        return fmt::format("reads tiles over the edge of a panel of buffer {}", kernel_.operands[p]);
    }
    return "";
  }

  /// Two tiles, then each part up to the next, all at multiples of a vector.
  std::string wrong_scratch() const {
    const ProductScratch& parts = product_.scratch;
    for (const Bytes& part : {parts.panel, parts.next_panel, parts.sums, parts.lists}) {
      if (!is_aligned(part, plan_.vector_bytes)) return "has parts of scratch that begin within a vector";
    }
    if (product_.packs_windows && !is_aligned(parts.windows, plan_.vector_bytes))
      return "packs windows that begin within a vector";
    const std::int64_t row = tile_columns_ * element_;
    const auto fixed = [](std::int64_t bytes) { return [bytes](std::int64_t) { return bytes; }; };
    if (!always_fits(parts.panel, {}, 1, fixed(2 * tile_.rows * row))) return "has no room for two tiles in scratch";
    const std::int64_t strip = turned_ ? kStripBytes / element_ : 1;
    const Dim packed = has_windows(1) ? Dim(tile_.depth_block) : depth_;
    const auto panel = [&](std::int64_t b) { return to_multiple(at(packed, b), strip) * row; };
    if (product_.packs() && !always_fits(parts.next_panel - parts.panel, packed.batch, strip, panel))
      return "has no room for a packed panel in scratch";
    if (product_.panels == RhsPanels::kPackedAhead &&
        !always_fits(parts.sums - parts.next_panel, depth_.batch, strip, panel))
      return "has no room to pack ahead in scratch";
    const auto sums = [&](std::int64_t b) { return to_multiple(at(rows_, b), tile_.rows) * row; };
    if (tile_.depth_block > 0 && !always_fits(parts.lists - parts.sums, rows_.batch, tile_.rows, sums))
      return "has no room for a panel's sums in scratch";
    if (std::string what = wrong_lists(); product_.skips_zeros && !what.empty()) return what;
    if (!always_fits(end_of_lists() - parts.lists, lists_growth(), 1, fixed(0)))
      return "has less scratch than its parts take";
    if (!product_.packs_windows) return "";
    const std::int64_t windows = tile_.rows * window_row(depth_.size, element_) * element_;
    if (!always_fits(parts.end - parts.windows, {}, 1, fixed(windows)))
      return "has no room for the windows of a tile in scratch";
    return "";
  }

  /// Returns the end of the lists, behind which windows lie if there are any.
  Bytes end_of_lists() const { return product_.packs_windows ? product_.scratch.windows : product_.scratch.end; }

  /// Returns the growth of the lists, which is that of the rows or of K: at most one of them grows.
  Growth lists_growth() const { return rows_.batch ? rows_.batch : depth_.batch; }

  /// A line of numbers, a list of all positions, and a list for each block of each tile. A list has a number in front,
  /// entries of two bytes, and after them one vector that is stored and one that is read.
  std::string wrong_lists() const {
    const ProductScratch& parts = product_.scratch;
    if (has_batch_) return "would make lists of one of its matrices for all of them";
    if ((rows_.batch && depth_.batch) || (depth_.batch && tile_.depth_block == 0))
      return "would make lists whose number does not grow as B does";
    const std::int64_t block = tile_.depth_block > 0 ? tile_.depth_block : std::max<std::int64_t>(1, depth_.size);
    if (block > 0xFFFF) return "has positions that no list can hold";
    const std::int64_t entries = to_multiple(block, plan_.vector_bytes / 4) + 1;
    if (parts.list_bytes < 8 + 2 * entries || parts.list_bytes % 8 != 0)
      return fmt::format("has lists of {} bytes for {} positions", parts.list_bytes, block);
    const auto lists = [&](std::int64_t b) {
      return kLine + (1 + ceil_div(at(rows_, b), tile_.rows) * ceil_div(at(depth_, b), block)) * parts.list_bytes;
    };
    const std::int64_t period = rows_.batch ? tile_.rows : depth_.batch ? block : 1;
    if (!always_fits(end_of_lists() - parts.lists, lists_growth(), period, lists))
      return "has no room for its lists in scratch";
    return "";
  }

  static constexpr std::int64_t kStripBytes = 16;

  const Plan& plan_;
  const KernelPlan& kernel_;
  const ProductKernel& product_;
  const Node& node_;
  const Tile& tile_;
  Dim rows_, columns_, depth_;
  Dim matrices_ = 1;
  bool has_batch_ = false;
  bool turned_ = false;
  bool computed_ = false;
  std::int64_t element_ = 4;
  std::int64_t tile_columns_ = 0;
};

}  // namespace

std::int64_t elements_past(const KernelPlan& kernel, std::size_t operand) {
  const ProductKernel* const product = kernel.product();
  if (product == nullptr || product->panels != RhsPanels::kInPlace || operand != product->rhs) return 0;
  const Shape& shape = kernel.body->type(kernel.body->parameters()[operand].value).shape;
  const std::int64_t columns = shape[shape.rank() - 1].size;
  return to_multiple(columns, std::max<std::int64_t>(1, kernel.units.step)) - columns;
}

std::string verify_product(const Plan& plan, const KernelPlan& kernel) {
  const std::uint32_t node = kernel.product()->matmul;
  const auto nodes = kernel.body->nodes();
  if (node >= nodes.size() || nodes[node].op != ir::Op::kMatmul) return fmt::format("has no product at node {}", node);
  return ProductVerifier(plan, kernel).run();
}

}  // namespace sluice::backend

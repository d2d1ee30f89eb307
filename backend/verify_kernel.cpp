#include "backend/verify_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "backend/verify_windows.h"
#include "ir/reduction.h"

namespace sluice::backend {

using ir::Graph;
using ir::Node;

Dim elements_in(const Layout& layout, const Shape& shape) {
  if (layout.dense()) return shape.element_count();
  const std::int64_t panels = (shape[1].size + layout.panel - 1) / layout.panel;
  return shape[0] * ((panels - 1) * layout.panel + layout.last);
}

bool covers(const Units& units, const std::vector<Units::Axis>& axes) { return units.step >= 1 && units.axes == axes; }

namespace {

bool is_single(const Type& type) { return type.shape.element_count() == Dim(1); }

class KernelVerifier {
 public:
  KernelVerifier(const Plan& plan, const KernelPlan& kernel) : plan_(plan), kernel_(kernel), body_(*kernel.body) {}

  std::string run() const {
    using Check = std::string (KernelVerifier::*)() const;
    for (const Check check : {Check(&KernelVerifier::sees_its_types), Check(&KernelVerifier::stays_inside),
                              Check(&KernelVerifier::goes_through_all)}) {
      if (std::string what = (this->*check)(); !what.empty()) return what;
    }
    return "";
  }

 private:
  const Buffer& buffer(int b) const { return plan_.buffers[static_cast<std::size_t>(b)]; }

  /// Calls f(buffer, the type that the body sees there, the operand's number or nothing).
  template <typename F>
  std::string for_each(F f) const {
    for (std::size_t p = 0; p < kernel_.operands.size(); ++p) {
      if (std::string what = f(kernel_.operands[p], body_.type(body_.parameters()[p].value), static_cast<int>(p));
          !what.empty())
        return what;
    }
    for (std::size_t r = 0; r < kernel_.results.size(); ++r) {
      if (std::string what = f(kernel_.results[r], body_.type(body_.results()[r]), -1); !what.empty()) return what;
    }
    return "";
  }

  /// Each buffer has elements of the type and number that the body sees there; what it sees under another shape lies
  /// row by row.
  std::string sees_its_types() const {
    return for_each([&](int b, const Type& type, int) -> std::string {
      const Buffer& at = buffer(b);
      if (at.type == type) return "";
      if (at.type.dtype == type.dtype && at.layout.dense() &&
          at.type.shape.element_count() == type.shape.element_count())
        return "";
      return fmt::format("sees buffer {}, {}{}, as {}", b, to_string(at.type), at.layout.dense() ? "" : " in panels",
                         to_string(type));
    });
  }

  /// The bytes that may be loaded: of memory that Sluice allocates a whole vector past the end, but what the caller
  /// brings ends where its elements do.
  Bytes room_of(const Buffer& at, bool is_read) const {
    constexpr std::int64_t kReadableTail = 64;
    if (at.kind == BufferKind::kTemporary) return at.bytes;
    const auto element = static_cast<std::int64_t>(size_of(at.type.dtype));
    const Dim count = elements_in(at.layout, at.type.shape);
    const bool has_tail = is_read && (at.kind == BufferKind::kState || at.kind == BufferKind::kConstant);
    return count * element + (has_tail ? kReadableTail : 0);
  }

  /// All loads and stores are of elements of the body's values, masked where a vector has more lanes than there are
  /// elements; a product's second factor alone is loaded by whole vectors (elements_past). Where what is needed has a
  /// part that does not grow, it is needed only if there are elements: the room is a multiple of what the elements grow
  /// with, and is large enough if it is where that is 1 and grows as fast.
  std::string stays_inside() const {
    return for_each([&](int b, const Type& type, int operand) -> std::string {
      const Buffer& at = buffer(b);
      const auto element = static_cast<std::int64_t>(size_of(type.dtype));
      const Dim count = elements_in(at.layout, type.shape);
      std::int64_t past = 0;
      if (operand >= 0 && at.layout.dense() && count.size > 0)
        past = elements_past(kernel_, static_cast<std::size_t>(operand)) * element;
      const Bytes need = count * element;
      const Bytes room = room_of(at, operand >= 0);
      if (room.batch == need.batch && room.size >= need.size + past) return "";
      const Bytes left = room - need;  // a tail, if it does not grow
      if (!left.batch && left.size >= past) return "";
      return fmt::format("touches {} bytes of buffer {}, which has {}", to_string(need + past), b, to_string(room));
    });
  }

  /// Its units cover its results, however they are shared out.
  std::string goes_through_all() const {
    if (std::string what = kernel_.product() != nullptr ? verify_product(plan_, kernel_) : wrong_units(); !what.empty())
      return what;
    return wrong_shares();
  }

  std::string wrong_units() const {
    switch (kernel_.kind()) {
      case KernelKind::kLoop:
        return std::get<LoopKernel>(kernel_.how).flat ? wrong_flat_loop() : wrong_loop();
      case KernelKind::kReduce:
      case KernelKind::kRows:
        return wrong_reduction();
      case KernelKind::kArgsort:
        return wrong_argsort();
      case KernelKind::kRecurrence:
        return wrong_recurrence();
      case KernelKind::kAttention:
        return wrong_attention();
      default:
        return wrong_scatter();
    }
  }

  std::string expect_axes(const std::vector<Units::Axis>& axes) const {
    if (covers(kernel_.units, axes)) return "";
    Units expected;
    expected.axes = axes;
    return fmt::format("has units {}, which do not cover {}", to_string(kernel_.units), to_string(expected));
  }

  std::string expect_shapes(const std::vector<Shape>& shapes) const {
    for (const ir::Value result : body_.results()) {
      if (std::ranges::find(shapes, body_.type(result).shape) == shapes.end())
        return fmt::format("leaves out its result {}", to_string(body_.type(result)));
    }
    return "";
  }

  const Shape& shape() const { return body_.type(body_.results()[0]).shape; }

  std::string wrong_loop() const {
    if (std::string what = expect_shapes({shape()}); !what.empty()) return what;
    std::vector<Units::Axis> axes;
    for (const Dim dim : shape()) axes.push_back({dim, 1});
    if (!axes.empty()) axes.back().block = kFlatBlock;
    const auto& how = std::get<LoopKernel>(kernel_.how);
    if (!how.by_positions) return expect_axes(axes);
    if (axes.size() < 2) return "goes by positions of windows along no axis";
    axes[axes.size() - 2].block = kTilePositions;
    if (std::string what = wrong_inner_ranges(body_, how.inner); !what.empty()) return what;
    return expect_axes(axes);
  }

  /// As one long row: all values of many elements have one shape, lie alike, and depend on nothing but elements at the
  /// same place in memory.
  std::string wrong_flat_loop() const {
    if (std::string what = expect_shapes({shape()}); !what.empty()) return what;
    const Layout& layout = buffer(kernel_.results[0]).layout;
    std::string what = for_each([&](int b, const Type& type, int) -> std::string {
      if (is_single(type) || (buffer(b).layout == layout && type.shape == shape())) return "";
      return fmt::format("runs over buffer {} as one long row, which lies unlike its results", b);
    });
    if (!what.empty()) return what;
    for (const Node& node : body_.nodes()) {
      const ir::OpInfo& op = ir::info(node.op);
      if (is_single(node.types[0]) || op.has(ir::kElementwise) || node.op == ir::Op::kParameter) continue;
      if (node.op == ir::Op::kBroadcast && is_single(body_.type(node.operands[0]))) continue;
      const bool by_position =
          node.op == ir::Op::kConstant || node.op == ir::Op::kRandomUniform || node.op == ir::Op::kRandomNormal;
      if (by_position && layout.dense() && node.types[0].shape == shape()) continue;
      return fmt::format("runs as one long row over a {}", op.name);
    }
    return expect_axes({{elements_in(layout, shape()), kFlatBlock}});
  }

  /// One unit for each output, or for a vector of them along a last axis that stays. A rows kernel reduces last axes.
  std::string wrong_reduction() const {
    const bool rows = kernel_.kind() == KernelKind::kRows;
    std::optional<Shape> reduced;
    std::vector<Units::Axis> axes;
    for (const Node& node : body_.nodes()) {
      if (!ir::info(node.op).has(ir::kReduction)) continue;
      const Shape& from = body_.type(node.operands[0]).shape;
      const std::vector<std::int64_t> over = ir::reduced_axes(node);
      std::vector<Units::Axis> kept;
      for (int axis = 0; axis < from.rank(); ++axis) {
        if (std::ranges::find(over, axis) != over.end()) continue;
        kept.push_back({from[axis], axis + 1 == from.rank() ? plan_.vector_bytes / 4 : 1});
      }
      Units same;
      same.axes = kept;
      if (reduced && (*reduced != from || !covers(same, axes))) return "reduces values of several shapes";
      if (rows && (over.size() != 1 || over[0] + 1 != from.rank())) return "goes along rows that are not reduced";
      reduced = from;
      axes = kept;
    }
    if (!reduced) return "reduces nothing";
    std::vector<Dim> outer;
    for (const Units::Axis& axis : axes) outer.push_back(axis.size);
    std::vector<Shape> shapes{Shape(outer)};
    if (rows) {
      shapes.push_back(*reduced);
      outer.emplace_back(1);
      shapes.emplace_back(outer);
    }
    if (std::string what = expect_shapes(shapes); !what.empty()) return what;
    const auto* const how = std::get_if<ReduceKernel>(&kernel_.how);
    if (how == nullptr || how->sweep == Sweep::kByOutputs) return expect_axes(axes);
    if (std::string what = wrong_inner_ranges(body_, how->inner); !what.empty()) return what;
    return expect_axes(axes_of_windows(axes, reduced->rank(), *how));
  }

  /// By positions: rows of the kept axis before the last. By cells: axes of static sizes that are gone through as a
  /// whole; which, is the plan's affair. The last axis stays, with vectors along it.
  std::vector<Units::Axis> axes_of_windows(std::vector<Units::Axis> axes, int rank, const ReduceKernel& how) const {
    const Node& reduction = body_.node(body_.results()[0]);
    if (axes.empty() || ir::reduced_axes(reduction).back() + 1 == rank) return {};
    if (how.sweep == Sweep::kByPositions) {
      if (axes.size() < 2) return {};
      axes[axes.size() - 2].block = kTilePositions;
      axes.back().block = kTileColumns;
      return axes;
    }
    const auto& units = kernel_.units.axes;
    for (std::size_t i = 0; i + 1 < axes.size() && i < units.size(); ++i) {
      const bool is_static = !axes[i].size.batch && axes[i].size.size > 0;
      if (is_static && units[i].block == axes[i].size.size) axes[i].block = units[i].block;
    }
    return axes;
  }

  /// Units are blocks of a row's columns; how large they are is the plan's affair.
  std::string wrong_scatter() const {
    const Shape& table = shape();
    Dim columns = 1;
    for (int axis = 1; axis < table.rank(); ++axis) columns = columns * table[axis];
    const auto& axes = kernel_.units.axes;
    return expect_axes({{columns, axes.size() == 1 ? std::max<std::int64_t>(1, axes[0].block) : 1}});
  }

  /// One unit for each row, which is sorted in scratch: twice its positions and its keys, and the counters of digits.
  /// Where only the first places are wanted, of a row at least twice as long as 256 candidates and as twice those
  /// places, scratch has the candidates in front of what it takes to sort them.
  std::string wrong_argsort() const {
    if (std::string what = expect_shapes({shape()}); !what.empty()) return what;
    const Type& sorted = body_.type(body_.parameters()[0].value);
    const std::int64_t key = size_of(sorted.dtype) == 8 ? 8 : 4;
    const Dim n = sorted.shape[sorted.shape.rank() - 1];
    const Dim kept = shape()[shape().rank() - 1];
    const std::int64_t candidates = std::max<std::int64_t>(256, (kept.size + 7) / 8 * 16);
    const bool selects = kept != n && n.size >= 2 * candidates;
    const Bytes need =
        selects ? Bytes(192 + candidates * (3 * 8 + 3 * key) + 256 * 8 * key) : n * (2 * 8 + 2 * key) + 256 * 8 * key;
    if (kernel_.scratch() != need)
      return fmt::format("sorts in {} bytes of scratch, but has {}", to_string(need), to_string(kernel_.scratch()));
    std::vector<Units::Axis> rows;
    for (int axis = 0; axis + 1 < shape().rank(); ++axis) rows.push_back({shape()[axis], 1});
    return expect_axes(rows);
  }

  /// One unit for each row along the axis, or for a vector of them.
  std::string wrong_recurrence() const {
    if (std::string what = expect_shapes({shape()}); !what.empty()) return what;
    const std::int64_t along = body_.node(body_.results()[0]).attributes.integer(ir::Attr::kAxis);
    std::vector<Units::Axis> rows;
    for (int axis = 0; axis < shape().rank(); ++axis) {
      if (axis != along) rows.push_back({shape()[axis], axis + 1 == shape().rank() ? plan_.vector_bytes / 4 : 1});
    }
    return expect_axes(rows);
  }

  /// One unit for each matrix of queries. The tiles' columns fill two vectors, and the scratch holds what the tiles
  /// make of one matrix: k transposed and the weights of a tile; or of a block of keys, k and v transposed and the
  /// weights and their slopes of a block of queries; and two numbers for each row.
  std::string wrong_attention() const {
    if (!ir::attention_body(body_)) return "has operands or results of attention that it does not find";
    const Node& node = *std::ranges::find_if(body_.nodes(), ir::is_attention);
    const ir::AttentionParts parts = ir::attention_parts(body_, node);
    const auto& [tile, scratch] = std::get<AttentionKernel>(kernel_.how);
    if (tile.lanes * 4 != plan_.vector_bytes || tile.rows < 1 || kQueryBlock % tile.rows != 0 ||
        kKeyBlock % tile.columns() != 0 || tile.columns() % tile.rows != 0)
      return fmt::format("has tiles of {} rows and {} lanes", tile.rows, tile.lanes);
    const Dim all_keys = parts.keys + tile.columns();
    const std::int64_t block = kQueryBlock * kKeyBlock;
    const std::vector<std::pair<Bytes, Bytes>> sizes =
        parts.backward
            ? std::vector<std::pair<Bytes, Bytes>>{{scratch.values - scratch.keys, kKeyBlock * parts.depth},
                                                   {scratch.weights - scratch.values, kKeyBlock * parts.width},
                                                   {scratch.slopes - scratch.weights, block},
                                                   {scratch.sums - scratch.slopes, block},
                                                   {scratch.offsets - scratch.sums, parts.queries + tile.rows},
                                                   {scratch.end - scratch.offsets, parts.queries + tile.rows}}
            : std::vector<std::pair<Bytes, Bytes>>{{scratch.values - scratch.keys, all_keys * parts.depth},
                                                   {scratch.slopes - scratch.weights, all_keys * tile.rows},
                                                   {scratch.offsets - scratch.sums, tile.rows},
                                                   {scratch.end - scratch.offsets, tile.rows}};
    for (const auto& [part, elements] : sizes) {
      if (part != elements * 4 + kLine)
        return fmt::format("has {} bytes of scratch for {} numbers", to_string(part), to_string(elements));
    }
    std::vector<Units::Axis> matrices;
    const Shape& queries = body_.type(node.operands[0]).shape;
    for (int axis = 0; axis + 2 < queries.rank(); ++axis) matrices.push_back({queries[axis], 1});
    return expect_axes(matrices);
  }

  /// Threads take u with share_begin(t) <= u < share_begin(t + 1). The shares partition the units if share_begin is
  /// monotone, 0 for thread 0 and the count for the one after the last. It is the largest u whose cost C(u) is at most
  /// floor(C(count) * t / threads), where C is the cost of the units before u, which grows with every unit, so it is
  /// monotone in t; C(0) = 0. It remains to check that the code computes this: where there are only whole blocks,
  /// only one that is not, and both, which sizes of 1, block - 1, block and block + 1 bring about.
  std::string wrong_shares() const {
    const Units& units = kernel_.units;
    const std::int64_t block = units.axes.empty() ? 1 : units.axes[0].block;
    for (const std::int64_t value : {std::int64_t{1}, std::max<std::int64_t>(1, block - 1), block, block + 1}) {
      Bindings bindings;
      for (const Symbol symbol : plan_.symbols) bindings.set(symbol, value);
      const auto is_none = [&](const Units::Axis& axis) { return axis.size.at(bindings) < 0; };
      if (std::ranges::any_of(units.axes, is_none)) continue;  // no call has such sizes
      const std::int64_t count = units.count(bindings);
      for (const int threads : {1, 2, 3, 7}) {
        std::int64_t before = units.share_begin(0, threads, bindings);
        bool sound = before == 0;
        for (int thread = 1; thread <= threads; ++thread) {
          const std::int64_t begin = units.share_begin(thread, threads, bindings);
          sound = sound && before <= begin;
          before = begin;
        }
        if (!sound || before != count)
          return fmt::format("shares {} units among {} threads so that some are left out or repeated", count, threads);
      }
    }
    return "";
  }

  const Plan& plan_;
  const KernelPlan& kernel_;
  const Graph& body_;
};

}  // namespace

std::string verify_kernel(const Plan& plan, const KernelPlan& kernel) { return KernelVerifier(plan, kernel).run(); }

}  // namespace sluice::backend

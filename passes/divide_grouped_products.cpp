#include "passes/divide_grouped_products.h"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "passes/rebuild.h"

namespace sluice::passes {

using ir::Attr;
using ir::Node;
using ir::Op;
using ir::Value;

namespace {

constexpr std::int64_t kMostGroups = 64;

/// The windows of groups of channels: [groups, windows, cells * channels].
struct GroupedWindows {
  const Node* windows;
  std::int64_t groups;
  std::int64_t channels;  ///< of one group
};

/// Returns the windows that `value` is, if it is a reshape of the transpose [groups, windows, cells, channels] of
/// [windows, cells, groups, channels].
std::optional<GroupedWindows> grouped_windows(const ir::Graph& graph, Value value) {
  const Node& matrices = graph.node(value);
  if (matrices.op != Op::kReshape || matrices.types[0].shape.rank() != 3) return {};
  const Node& transpose = graph.node(matrices.operands[0]);
  if (transpose.op != Op::kTranspose ||
      transpose.attributes.integers(Attr::kPermutation) != std::vector<std::int64_t>{2, 0, 1, 3})
    return {};
  const Node& apart = graph.node(transpose.operands[0]);
  if (apart.op != Op::kReshape) return {};
  const Node& windows = graph.node(apart.operands[0]);
  if (windows.op != Op::kWindows) return {};
  const Shape& all = windows.types[0].shape;
  const Shape& shape = apart.types[0].shape;
  const auto count = static_cast<int>(windows.attributes.integers(Attr::kSizes).size());
  const int first_cell = static_cast<int>(windows.attributes.integer(Attr::kAxis)) + count;
  Dim cells = 1;
  for (const std::int64_t size : windows.attributes.integers(Attr::kSizes)) cells = cells * size;
  const bool fits = first_cell + count + 1 == all.rank() && shape[1] == cells && !shape[2].batch && !shape[3].batch &&
                    shape[2] * shape[3] == all[all.rank() - 1] && shape[2].size > 0 && shape[2].size <= kMostGroups &&
                    shape[3].size > 0 && matrices.types[0].shape == Shape{shape[2], shape[0], cells * shape[3]};
  if (!fits) return {};
  return GroupedWindows{&windows, shape[2].size, shape[3].size};
}

}  // namespace

ir::Graph divide_grouped_products(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  ir::Builder& builder = rebuild.builder();
  std::map<std::pair<const Node*, std::int64_t>, Value> channels;  // by windows and group: the images of the group
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const Node& node = graph.node(i);
    const auto grouped = node.op == Op::kMatmul ? grouped_windows(graph, node.operands[0]) : std::nullopt;
    if (!grouped || node.types[0].shape.element_count().size == 0) {
      rebuild.copy(i);
      continue;
    }
    const auto slice = [&](Value x, int axis, std::int64_t start, std::int64_t size) {
      return builder.add(
          Op::kSlice, {x},
          {{Attr::kAxis, std::int64_t{axis}}, {Attr::kStart, Dim(start)}, {Attr::kLimit, Dim(start + size)}},
          node.origins);
    };
    const auto reshape = [&](Value x, const Shape& shape) {
      return builder.add(Op::kReshape, {x}, {{Attr::kShape, shape}}, node.origins);
    };
    const Shape& rows = graph.type(node.operands[0]).shape;
    const Shape& other = graph.type(node.operands[1]).shape;
    const Value images = grouped->windows->operands[0];
    std::vector<Value> products;
    for (std::int64_t group = 0; group < grouped->groups; ++group) {
      const auto [of_group, is_new] = channels.try_emplace({grouped->windows, group});
      if (is_new) {
        const int last = graph.type(images).shape.rank() - 1;
        of_group->second = slice(rebuild.at(images), last, group * grouped->channels, grouped->channels);
      }
      const Node& from = *grouped->windows;
      const Value windows = builder.add(from.op, {of_group->second}, from.attributes, from.origins);
      const Value rhs = slice(rebuild.at(node.operands[1]), 0, group, 1);
      const Value product =
          builder.add(node.op, {reshape(windows, {rows[1], rows[2]}), reshape(rhs, {other[1], other[2]})},
                      node.attributes, node.origins);
      const Shape& made = node.types[0].shape;
      products.push_back(reshape(product, {1, made[1], made[2]}));
    }
    rebuild.map({i, 0}, builder.add(Op::kConcat, std::move(products), {{Attr::kAxis, std::int64_t{0}}}, node.origins));
  }
  return std::move(rebuild).finish();
}

}  // namespace sluice::passes

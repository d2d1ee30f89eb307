#include "frontend/touched_rows.h"

#include <algorithm>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

std::optional<std::vector<Lookup>> Trace::lookups(const Tensor& y, std::span<const Tensor> tables) const {
  std::vector<ir::Value> wanted;
  for (const Tensor& table : tables) wanted.push_back(value_of(table, "gradient"));
  const std::vector<bool> reached = depends_on(value_of(y, "gradient"));
  const ir::Graph& graph = builder_.graph();
  std::vector<Lookup> found;
  for (std::uint32_t i = 0; i < reached.size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (!reached[i] || (node.op != ir::Op::kGradient && !ir::info(node.op).has(ir::kDifferentiable))) continue;
    for (const ir::Value operand : node.operands) {
      if (std::ranges::find(wanted, operand) == wanted.end()) continue;
      if (node.op != ir::Op::kGather) return std::nullopt;
      found.push_back({tensor({i, 0}), tensor(node.operands[1])});
    }
  }
  if (found.empty()) return std::nullopt;
  return found;
}

void Trace::note_touched(const Tensor& gradient, TouchedRows rows) {
  touched_[value_of(gradient, "gradient")] = std::move(rows);
}

void Trace::note_touched_as(const Tensor& gradient, const Tensor& from) {
  if (const TouchedRows* const rows = touched(from)) note_touched(gradient, {rows->indices, std::nullopt});
}

const TouchedRows* Trace::touched(const Tensor& gradient) const {
  const auto found = gradient.trace_ == number_ ? touched_.find(gradient.value_) : touched_.end();
  return found == touched_.end() ? nullptr : &found->second;
}

namespace detail {

namespace {

/// The indices as [n], and the rows as [n, ...].
TouchedRows flattened(const TouchedRows& touched) {
  const Shape& shape = touched.indices.shape();
  Shape one_by_one{shape.element_count()};
  for (int axis = shape.rank(); axis < touched.rows->rank(); ++axis) one_by_one.push_back(touched.rows->shape()[axis]);
  return {reshape(touched.indices, {one_by_one[0]}), reshape(*touched.rows, one_by_one)};
}

/// The rows of all lookups behind each other.
TouchedRows side_by_side(const std::vector<Lookup>& lookups, std::span<const Tensor> rows) {
  if (lookups.size() == 1) return {lookups[0].indices, rows[0]};
  std::vector<Tensor> indices;
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < lookups.size(); ++i) {
    const TouchedRows flat = flattened({cast(lookups[i].indices, DType::kI64), rows[i]});
    indices.push_back(flat.indices);
    all.push_back(*flat.rows);
  }
  return {concat(indices, 0), concat(all, 0)};
}

}  // namespace

Tensor gradient_of_rows(const Type& table, const std::vector<Lookup>& lookups, std::span<const Tensor> rows) {
  Trace& trace = Trace::required("gradient");
  const TouchedRows touched = side_by_side(lookups, rows);
  const Tensor zeros = full(table.shape, 0, table.dtype);
  const Tensor gradient = trace.add(ir::Op::kScatterAdd, {zeros, touched.indices, *touched.rows});
  trace.note_touched(gradient, touched);
  return gradient;
}

Tensor UpdatedPart::read(const Variable& variable) const {
  if (!indices_) return variable;
  return Trace::required("update").add(ir::Op::kGather, {variable, *indices_});
}

Tensor UpdatedPart::write(const Variable& variable, const Tensor& value) const {
  if (!indices_) {
    variable.assign(value);
    return variable;
  }
  variable.assign(Trace::required("update").add(ir::Op::kScatter, {variable, *indices_, value}));
  return value;
}

UpdatedPart touched_part(const Tensor& gradient, const Variable& position) {
  Trace& trace = Trace::required("update");
  const TouchedRows* const touched = trace.touched(gradient);
  if (touched == nullptr) return UpdatedPart(gradient);
  if (!touched->rows) return {trace.add(ir::Op::kGather, {gradient, touched->indices}), touched->indices};
  const auto [indices, rows] = flattened(*touched);
  const Dim count = indices.shape()[0];
  if (count == Dim(0)) return {*rows, indices};
  position.assign(trace.add(ir::Op::kScatter, {position, indices, iota({count}, 0, DType::kI32)}));
  const Tensor last = trace.add(ir::Op::kGather, {position, indices});
  // One row more, because a table has at least one, and N - 1 may be 0.
  Shape one_more = rows->shape();
  one_more[0] = count + Dim(1);
  const Tensor sums = trace.add(ir::Op::kScatterAdd, {full(one_more, 0, gradient.dtype()), last, *rows});
  const Shape first(std::vector<Dim>(static_cast<std::size_t>(one_more.rank()), 0));
  return {slice(sums, first, rows->shape()), indices};
}

}  // namespace detail

}  // namespace sluice

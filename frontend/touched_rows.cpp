#include "frontend/touched_rows.h"

#include "sluice/detail/trace.h"
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

/// The rows of all lookups behind each other, as [n, ...], and their indices as [n].
TouchedRows side_by_side(const std::vector<Lookup>& lookups, std::span<const Tensor> rows) {
  std::vector<Tensor> indices;
  std::vector<Tensor> flat;
  for (std::size_t i = 0; i < lookups.size(); ++i) {
    const Shape& shape = lookups[i].indices.shape();
    Shape one_by_one{shape.element_count()};
    for (int axis = shape.rank(); axis < rows[i].rank(); ++axis) one_by_one.push_back(rows[i].shape()[axis]);
    const Tensor& index = lookups[i].indices;
    indices.push_back(reshape(lookups.size() == 1 ? index : cast(index, DType::kI64), {one_by_one[0]}));
    flat.push_back(reshape(rows[i], one_by_one));
  }
  if (lookups.size() == 1) return {indices[0], flat[0]};
  return {concat(indices, 0), concat(flat, 0)};
}

}  // namespace

Tensor gradient_of_rows(const Type& table, const std::vector<Lookup>& lookups, std::span<const Tensor> rows) {
  Trace& trace = Trace::required("gradient");
  const TouchedRows touched = side_by_side(lookups, rows);
  const Tensor gradient =
      trace.add(ir::Op::kScatterAdd, {full(table.shape, 0, table.dtype), touched.indices, *touched.rows});
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
  const Tensor& indices = touched->indices;
  if (!touched->rows) return {trace.add(ir::Op::kGather, {gradient, indices}), indices};
  const Dim count = indices.shape()[0];
  position.assign(trace.add(ir::Op::kScatter, {position, indices, iota({count}, 0, DType::kI32)}));
  const Tensor last = trace.add(ir::Op::kGather, {position, indices});
  // One row more, because a table has at least one.
  Shape sums = touched->rows->shape();
  sums[0] = count + Dim(1);
  const Tensor summed = trace.add(ir::Op::kScatterAdd, {full(sums, 0, gradient.dtype()), last, *touched->rows});
  return {slice(summed, Shape(std::vector<Dim>(static_cast<std::size_t>(sums.rank()), 0)), touched->rows->shape()),
          indices};
}

}  // namespace detail

}  // namespace sluice

#include "backend/codegen/folds.h"

#include <algorithm>
#include <limits>

#include "backend/codegen/compensated_sum.h"

namespace sluice::backend {

using ir::Node;
using ir::Op;
using Values = Emitter::Values;

namespace {

bool is_sum(const Node& node) { return node.op == Op::kReduceSum; }

/// Returns the number of values of a chain; that of argmax has the position beside the element.
std::size_t width(const Node& node) { return node.op == Op::kArgmax ? 2 : 1; }

Values part(const Values& values, std::size_t begin, const Node& node) {
  const auto first = values.begin() + static_cast<std::ptrdiff_t>(begin);
  return {first, first + static_cast<std::ptrdiff_t>(width(node))};
}

/// Returns the identity of the reduction: merging with it changes nothing.
Values identity(Emitter& e, const Node& node, DType dtype) {
  llvm::Type* const type = e.register_type(dtype);
  if (is_sum(node)) return {e.number(type, 0)};
  const bool larger = node.op != Op::kReduceMin;
  llvm::Value* const extreme = visit_dtype(dtype, [&](auto zero) -> llvm::Value* {
    using Limits = std::numeric_limits<decltype(zero)>;
    if constexpr (Limits::has_infinity) return e.number(type, larger ? -Limits::infinity() : Limits::infinity());
    return llvm::ConstantInt::get(type, static_cast<std::uint64_t>(larger ? Limits::min() : Limits::max()), true);
  });
  if (node.op != Op::kArgmax) return {extreme};
  return {extreme, e.i64(std::numeric_limits<std::int64_t>::max())};
}

/// Returns the larger element and its index. NaN compares greatest; ties go to the lower index.
Values merge_argmax(Emitter& e, DType dtype, const Values& x, const Values& y) {
  auto& b = e.b;
  llvm::Value* better = nullptr;
  llvm::Value* equal = nullptr;
  if (is_float(dtype)) {
    llvm::Value* const x_nan = b.CreateFCmpUNO(x[0], x[0]);
    llvm::Value* const y_nan = b.CreateFCmpUNO(y[0], y[0]);
    better = b.CreateOr(b.CreateFCmpOGT(x[0], y[0]), b.CreateAnd(x_nan, b.CreateNot(y_nan)));
    equal = b.CreateOr(b.CreateFCmpOEQ(x[0], y[0]), b.CreateAnd(x_nan, y_nan));
  } else {
    better = dtype == DType::kU8 ? b.CreateICmpUGT(x[0], y[0]) : b.CreateICmpSGT(x[0], y[0]);
    equal = b.CreateICmpEQ(x[0], y[0]);
  }
  llvm::Value* const wins = b.CreateOr(better, b.CreateAnd(equal, b.CreateICmpSLT(x[1], y[1])));
  return {b.CreateSelect(wins, x[0], y[0]), b.CreateSelect(wins, x[1], y[1])};
}

}  // namespace

Values Folds::merge(const Node& node, const Values& x, const Values& y) {
  const DType dtype = operand_dtype(node);
  if (node.op == Op::kArgmax) return merge_argmax(e_, dtype, x, y);
  if (!is_sum(node)) return {emit_extreme(e_, dtype, x[0], y[0], node.op == Op::kReduceMax)};
  return {is_float(dtype) ? e_.b.CreateFAdd(y[0], x[0]) : e_.b.CreateAdd(y[0], x[0])};
}

std::int64_t Folds::rows_a_chain(const Emitter& e, Dim size) {
  const int lanes = lanes_for(e, size);
  return size.batch ? 0 : kChain / std::max<std::int64_t>((size.size + lanes - 1) / lanes, 1);
}

Values Folds::nothing(int lanes) {
  Values chain;
  for (const Node* node : nodes_) {
    for (llvm::Value* value : identity(e_, *node, operand_dtype(*node))) chain.push_back(e_.splat(value, lanes));
  }
  return chain;
}

/// As of a chain, and then for each sum of floats what rounding has cut off from it.
Values Folds::start(int lanes) {
  Values total = nothing(lanes);
  for (const Node* node : nodes_) {
    if (sums_floats(*node))
      total.push_back(llvm::Constant::getNullValue(Emitter::vector_of(e_.register_type(operand_dtype(*node)), lanes)));
  }
  return total;
}

Values Folds::join(const Values& total, const Values& chain) {
  Values joined;
  Values lost;
  for (const Node* node : nodes_) {
    const Emitter::At here(e_, *node);
    const std::size_t at = joined.size();
    if (sums_floats(*node)) {
      const auto sum = CompensatedSum{total[at], total[chain.size() + lost.size()]}.plus(e_, chain[at]);
      joined.push_back(sum.sum);
      lost.push_back(sum.lost);
      continue;
    }
    for (llvm::Value* value : merge(*node, part(chain, at, *node), part(total, at, *node))) joined.push_back(value);
  }
  joined.insert(joined.end(), lost.begin(), lost.end());
  return joined;
}

Values Folds::chains(const Values& total, llvm::Value* end, std::int64_t step, Dim count, std::int64_t length,
                     int lanes, const std::function<Values(llvm::Value*, const Values&)>& body) {
  return emit_chains(e_, e_.i64(0), end, step, count, length, nothing(lanes), total, body,
                     [this](const Values& before, const Values& chain) { return join(before, chain); });
}

Values Folds::step(const Values& chain, const Index& index) {
  Elements& elements = frame_.elements;
  Values next;
  for (const Node* node : nodes_) {
    const Emitter::At here(e_, *node);
    Values x{elements.vector_at(node->operands[0], index)};
    if (node->op == Op::kArgmax) {
      const auto axis = static_cast<std::size_t>(node->attributes.integer(ir::Attr::kAxis));
      x.push_back(elements.spread(elements.number_of(index[axis])));
    }
    if (elements.mask() != nullptr) {
      const Values none = identity(e_, *node, operand_dtype(*node));
      for (std::size_t i = 0; i < x.size(); ++i)
        x[i] = e_.b.CreateSelect(elements.mask(), x[i], e_.splat(none[i], elements.lanes()));
    }
    for (llvm::Value* value : merge(*node, x, part(chain, next.size(), *node))) next.push_back(value);
  }
  return next;
}

/// The vectors of a row: those that are whole end at `whole_end`, behind which `rest` elements are left.
struct Folds::Row {
  int lanes;
  llvm::Value* whole_end;
  llvm::Value* rest;
  bool has_rest;
};

Folds::Row Folds::row_of(Dim size) {
  const int lanes = lanes_for(e_, size);
  llvm::Value* const rest = e_.b.CreateAnd(e_.size(size), e_.i64(lanes - 1));
  return {lanes, e_.b.CreateSub(e_.size(size), rest), rest, size.batch || size.size % lanes != 0};
}

Values Folds::vector(const Values& chain, Index index, const Row& row, llvm::Value* first, bool whole) {
  frame_.elements.begin_vector(row.lanes, whole ? nullptr : e_.first_lanes(row.rest, row.lanes));
  index.back() = {first, row.lanes > 1, nullptr, Level::kVector};
  return step(chain, index);
}

Values Folds::row(const Values& chain, const Index& index, Dim size) {
  const Row row = row_of(size);
  const bool one_vector = !size.batch && size.size < row.lanes;
  const Values folded =
      one_vector ? chain
                 : e_.loop(e_.i64(0), row.whole_end, row.lanes, chain,
                           [&](llvm::Value* i, const Values& values) { return vector(values, index, row, i, true); });
  return row.has_rest ? vector(folded, index, row, row.whole_end, false) : folded;
}

Values Folds::along_last_axis(const Values& total, const Index& index, Dim size) {
  if (rows_a_chain(e_, size) > 0) return join(total, row(nothing(lanes_for(e_, size)), index, size));
  const Row row = row_of(size);
  const Values joined =
      chains(total, row.whole_end, row.lanes, batch, kChain, row.lanes,
             [&](llvm::Value* i, const Values& values) { return vector(values, index, row, i, true); });
  return row.has_rest ? join(joined, vector(nothing(row.lanes), index, row, row.whole_end, false)) : joined;
}

/// Lanes are joined halves first: the order depends on their number only.
Values Folds::results(const Values& total, bool join_lanes) {
  Values results;
  std::size_t begin = 0;
  std::size_t lost = 0;
  for (const Node* node : nodes_) lost += width(*node);
  for (const Node* node : nodes_) {
    const Emitter::At here(e_, *node);
    Values folded = part(total, begin, *node);
    begin += folded.size();
    if (sums_floats(*node)) folded = {CompensatedSum{folded[0], total[lost++]}.total(e_)};
    const auto* const vector = llvm::dyn_cast<llvm::FixedVectorType>(folded[0]->getType());
    const int lanes = join_lanes && vector != nullptr ? static_cast<int>(vector->getNumElements()) : 1;
    for (int half = lanes / 2; half >= 1; half /= 2) {
      std::vector<int> low;
      std::vector<int> high;
      for (int i = 0; i < half; ++i) {
        low.push_back(i);
        high.push_back(i + half);
      }
      Values lower;
      Values upper;
      for (llvm::Value* value : folded) {
        lower.push_back(e_.b.CreateShuffleVector(value, low));
        upper.push_back(e_.b.CreateShuffleVector(value, high));
      }
      folded = merge(*node, upper, lower);
    }
    results.push_back(lanes > 1 ? e_.b.CreateExtractElement(folded.back(), std::uint64_t{0}) : folded.back());
  }
  return results;
}

}  // namespace sluice::backend

#include "backend/codegen/folds.h"

#include <limits>

namespace sluice::backend {

using ir::Node;
using ir::Op;
using Values = Emitter::Values;

namespace {

bool is_sum(const Node& node) { return node.op == Op::kReduceSum; }

/// Of argmax, what is carried has the position, too.
std::size_t width(const Node& node) { return node.op == Op::kArgmax ? 2 : 1; }

Values part(const Values& carried, std::size_t begin, const Node& node) {
  const auto first = carried.begin() + static_cast<std::ptrdiff_t>(begin);
  return {first, first + static_cast<std::ptrdiff_t>(width(node))};
}

/// What leaves everything that it is merged with as it is.
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

/// The larger element with its position: NaN is the largest, and of equals the first counts.
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

Values Folds::start(int lanes) {
  Values carried;
  for (const Node* node : nodes_) {
    for (llvm::Value* value : identity(e_, *node, operand_dtype(*node))) carried.push_back(e_.splat(value, lanes));
  }
  return carried;
}

Values Folds::step(const Values& carried, const Index& index) {
  Elements& elements = frame_.elements;
  Values next;
  for (const Node* node : nodes_) {
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
    for (llvm::Value* value : merge(*node, x, part(carried, next.size(), *node))) next.push_back(value);
  }
  return next;
}

Values Folds::along_last_axis(const Values& carried, Index index, Dim size) {
  const int lanes = lanes_for(e_, size);
  llvm::Value* const count = e_.size(size);
  llvm::Value* const rest = e_.b.CreateAnd(count, e_.i64(lanes - 1));
  llvm::Value* const whole_end = e_.b.CreateSub(count, rest);
  const auto vector = [&](llvm::Value* i, llvm::Value* mask, const Values& values) {
    frame_.elements.begin_vector(lanes, mask);
    index.back() = {i, lanes > 1, nullptr, Level::kVector};
    return step(values, index);
  };
  const bool one_vector = !size.batch && size.size < lanes;
  const Values folded =
      one_vector ? carried : e_.loop(e_.i64(0), whole_end, lanes, carried, [&](llvm::Value* i, const Values& values) {
        return vector(i, nullptr, values);
      });
  if (!size.batch && size.size % lanes == 0) return folded;
  return vector(whole_end, e_.first_lanes(rest, lanes), folded);
}

/// Lanes are joined halves first: the order depends on their number only.
Values Folds::results(const Values& carried, bool join_lanes) {
  Values results;
  std::size_t begin = 0;
  for (const Node* node : nodes_) {
    Values folded = part(carried, begin, *node);
    begin += folded.size();
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

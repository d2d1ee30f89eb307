#pragma once

#include <functional>
#include <vector>

#include "backend/codegen/elements.h"

// The rules by which elements are computed, and what they share.
namespace sluice::backend {

using Registers = std::vector<llvm::Value*>;
using Rule = Task<Element>;

/// The element at an index of an op that is not elementwise. One rule for each such op.
template <ir::Op op>
Rule element_code(Elements& k, const ir::Node& node, Index index);

// In window_rules.cpp.
template <>
Rule element_code<ir::Op::kWindows>(Elements& k, const ir::Node& node, Index index);
template <>
Rule element_code<ir::Op::kAddWindows>(Elements& k, const ir::Node& node, Index index);
template <>
Rule element_code<ir::Op::kIsFirstMax>(Elements& k, const ir::Node& node, Index index);

/// Applies `emit` to elements: on scalars, as far out as they allow, where all are uniform; else on vectors.
Element apply(Elements& k, const std::vector<Element>& operands,
              const std::function<llvm::Value*(const Registers&)>& emit);

/// Returns `element` where all conditions hold, else 0.
Element zero_unless(Elements& k, const std::vector<Element>& conditions, Element element);

/// Returns `value` as a constant of the type of the integers x.
llvm::Constant* whole(llvm::Value* x, std::int64_t value);

/// A coordinate of another value, kept within an axis of `size`; `inside` says which were in it.
struct Clamped {
  Coordinate coordinate;
  Element inside;
};
Clamped clamp(Elements& k, const Element& position, Dim size);

/// Returns `by` as a coordinate.
Coordinate offset(Elements& k, Dim by);
/// Returns the number that is `by` more than the coordinate.
Element shifted(Elements& k, const Coordinate& coordinate, Dim by);

}  // namespace sluice::backend

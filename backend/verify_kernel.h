#pragma once

#include <string>

#include "backend/plan.h"

namespace sluice::backend {

/// Returns the first fault in how kernel `kernel` of `plan` accesses memory, or nothing: the layouts of its buffers and
/// their sizes, its units, and its scratch.
std::string verify_kernel(const Plan& plan, const KernelPlan& kernel);

/// Returns the first fault in the units and the scratch of a product (verify_product.cpp).
std::string verify_product(const Plan& plan, const KernelPlan& kernel);

/// The elements that a matrix or array of `shape` takes in `layout`.
Dim elements_in(const Layout& layout, const Shape& shape);

/// The elements past its last one that a product loads of its second factor, lanes without meaning, where it reads that
/// as it lies row by row.
std::int64_t elements_past(const KernelPlan& kernel, std::size_t operand);

/// Returns whether `units` has these axes, in blocks of these sizes. If so, they cover each element of the grid exactly
/// once, for every B: u -> (blocks) is the usual numbering of a grid, one to one for 0 <= u < count(B), and the blocks
/// [b*k, min((b+1)*k, size)) of an axis, for b below ceil(size / k), partition it.
bool covers(const Units& units, const std::vector<Units::Axis>& axes);

}  // namespace sluice::backend

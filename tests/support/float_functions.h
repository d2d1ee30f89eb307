#pragma once

#include <optional>
#include <vector>

#include "ir/infer.h"
#include "sluice/ir/graph.h"

namespace sluice::test {

/// An elementwise op of one float, and a range where its values and slopes are tame; any where there is none.
struct FloatFunction {
  ir::Op op;
  std::optional<ir::Range> range;
};

/// All such ops, from their rows in ops.def: a new one is tested by every table that has these.
inline std::vector<FloatFunction> float_functions() {
  std::vector<FloatFunction> list;
  for (int i = 0; i < ir::kOpCount; ++i) {
    const ir::OpInfo& row = ir::info(static_cast<ir::Op>(i));
    if (!row.has(ir::kElementwise) || row.infer != &ir::infer_unary || row.dtypes != ir::DTypeSet::kFloat) continue;
    std::optional<ir::Range> range;
    if (row.has(ir::kGrows)) range = ir::Range{-4, 4};
    if (row.has(ir::kOfPositive)) range = ir::Range{0.1, 4};
    if (static_cast<ir::Op>(i) == ir::Op::kTan) range = ir::Range{-1.2, 1.2};  // no pole
    list.push_back({row.op, range});
  }
  return list;
}

}  // namespace sluice::test

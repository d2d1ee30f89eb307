#pragma once

#include <algorithm>
#include <array>

#include "runtime/onnx/convert.h"
#include "tests/support/op_cases.h"

namespace sluice::test {

/// Returns the model of a case, whose results are y0, y1, ...
inline SavedModel model_of(const OpCase& c) {
  SavedModel model;
  model.graph = c.graph();
  for (std::size_t i = 0; i < model.graph.results().size(); ++i) model.output_names.push_back(fmt::format("y{}", i));
  return model;
}

/// Returns whether ONNX has the case's op: random numbers, scatter and recurrences are refused.
inline bool is_exported(const OpCase& c) {
  constexpr std::array kRefused{ir::Op::kRandomUniform, ir::Op::kRandomNormal, ir::Op::kScatter,
                                ir::Op::kLinearRecurrence};
  return std::ranges::find(kRefused, c.op) == kRefused.end();
}

}  // namespace sluice::test

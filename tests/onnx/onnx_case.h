#pragma once

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

/// Returns whether ONNX has the case's op: random numbers are refused.
inline bool is_exported(const OpCase& c) { return c.op != ir::Op::kRandomUniform && c.op != ir::Op::kRandomNormal; }

}  // namespace sluice::test

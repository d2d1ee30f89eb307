#pragma once

#include <vector>

#include "sluice/tensor.h"

// Sums of products of tensors whose axes have labels. Inside of the frontend only.
namespace sluice::detail {

using Label = int;
using Labels = std::vector<Label>;

/// A tensor and a label for each of its axes; no label stands twice. A label has one size in all operands.
struct Labelled {
  Tensor x;
  Labels labels;
};

inline bool contains(const Labels& labels, Label label) {
  for (const Label other : labels) {
    if (other == label) return true;
  }
  return false;
}

/// The sum over all labels that `output` does not have, of the products of one or more operands of one dtype of
/// numbers. `output` names labels of the operands, each once.
Tensor sum_of_products(std::vector<Labelled> operands, const Labels& output);

}  // namespace sluice::detail

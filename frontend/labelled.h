#pragma once

#include <vector>

#include "sluice/tensor.h"

// Sums of products of tensors whose axes have labels. Internal to the frontend.
namespace sluice::detail {

using Label = int;
using Labels = std::vector<Label>;

/// A tensor and a distinct label for each of its axes. A label has one size in all operands.
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

/// Returns the sum, over all labels that `output` lacks, of the products of one or more operands of one numeric dtype.
/// `output` lists labels of the operands, each once.
Tensor sum_of_products(std::vector<Labelled> operands, const Labels& output);

}  // namespace sluice::detail

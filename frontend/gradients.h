#pragma once

#include <initializer_list>
#include <source_location>
#include <vector>

#include "frontend/tensor.h"
#include "frontend/variable.h"

namespace sluice {

/// What to derive by: variables, tensors, or both in braces. A variable stands for its value at this point of the
/// function.
class Targets {
 public:
  Targets(std::initializer_list<Arg> targets);
  Targets(const std::vector<Variable>& variables,  // NOLINT: reads as the list that it is
          std::source_location where = std::source_location::current());
  Targets(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {}  // NOLINT: reads as the list that it is

  const std::vector<Tensor>& tensors() const { return tensors_; }

 private:
  std::vector<Tensor> tensors_;
};

/// The derivatives of the float scalar `y` with respect to each target, along all paths; zeros, and a warning, where y
/// does not depend on it. Throws Error at the user's line if there is no target, if y is not a scalar or a target is
/// not of floats.
std::vector<Tensor> gradients(const Arg& y, const Targets& targets);

/// The length of all tensors as one vector: sqrt(sum of squares). Throws Error if there is none.
Tensor global_norm(const std::vector<Tensor>& tensors, std::source_location where = std::source_location::current());

struct ClippedGradients {
  std::vector<Tensor> gradients;
  Tensor global_norm;  ///< before clipping
};
/// Scales all gradients by the same factor, so that their global norm is at most `clip_norm`. Throws Error at the
/// user's line if there is none, or unless clip_norm is above 0.
ClippedGradients clip_by_global_norm(const std::vector<Tensor>& gradients, double clip_norm,
                                     std::source_location where = std::source_location::current());

}  // namespace sluice

#pragma once

#include <initializer_list>
#include <source_location>
#include <variant>
#include <vector>

#include "sluice/tensor.h"
#include "sluice/variable.h"

namespace sluice {

/// A tensor or a variable to derive by.
using Target = std::variant<Tensor, Variable>;

/// What to derive by: variables, tensors, or both in braces.
class Targets {
 public:
  Targets(std::initializer_list<Target> targets) : list_(targets) {}
  Targets(const std::vector<Variable>& variables)  // NOLINT: reads as the list that it is
      : list_(variables.begin(), variables.end()) {}
  Targets(const std::vector<Tensor>& tensors)  // NOLINT: reads as the list that it is
      : list_(tensors.begin(), tensors.end()) {}

  const std::vector<Target>& list() const { return list_; }

 private:
  std::vector<Target> list_;
};

/// Returns the derivatives of the float scalar `y` with respect to each target, along all paths; zeros, and a warning,
/// where y does not depend on it.
///
/// As in TensorFlow and PyTorch, an assignment is not differentiated: after `w.assign(x)`, a read of w has the value of
/// x and no derivative with respect to what x was computed from. The derivative by a variable is the sum over all its
/// reads, before and after assignments. To differentiate through an update, use the assigned tensor x instead of w, or
/// derive by it.
///
/// Throws Error at the user's line if there is no target, if y is not a scalar or a target is not of floats.
std::vector<Tensor> gradients(const Arg& y, const Targets& targets);

/// The length of all tensors as one vector: sqrt(sum of squares), computed without overflow or underflow of the
/// squares. Throws Error if there is none.
Tensor global_norm(const std::vector<Tensor>& tensors, std::source_location where = std::source_location::current());

struct ClippedGradients {
  std::vector<Tensor> gradients;
  Tensor global_norm;  ///< before clipping
};
/// Scales all gradients by the same factor, so that their global norm is at most `clip_norm`; they stay what they are
/// where it is already. If an element is infinite or NaN, all become NaN, as in TensorFlow. Throws Error at the user's
/// line if there is none, or unless clip_norm is above 0 and finite.
ClippedGradients clip_by_global_norm(const std::vector<Tensor>& gradients, double clip_norm,
                                     std::source_location where = std::source_location::current());

}  // namespace sluice

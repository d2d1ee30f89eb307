#pragma once

#include <initializer_list>
#include <source_location>
#include <variant>
#include <vector>

#include "sluice/module.h"
#include "sluice/reduce.h"
#include "sluice/tensor.h"
#include "sluice/variable.h"

namespace sluice {

/// A tensor or a variable to differentiate with respect to.
using Target = std::variant<Tensor, Variable>;

/// The values to differentiate with respect to: a module (its trainable variables), a variable, a tensor, a vector of
/// variables or tensors, or a braced list of these: {encoder, decoder, w}.
class Targets {
 public:
  Targets() = default;
  Targets(const VariableList& variables) : parts_{variables} {}                         // NOLINT: the list that it is
  Targets(const Variable& variable) : parts_{VariableList(variable)} {}                 // NOLINT: a list of one
  Targets(const Module& module) : parts_{VariableList(module)} {}                       // NOLINT: what it holds
  Targets(const std::vector<Variable>& variables) : parts_{VariableList(variables)} {}  // NOLINT: the list that it is
  Targets(const Tensor& tensor) : parts_{tensor} {}                                     // NOLINT: a list of one
  Targets(const Arg& tensor) : parts_{tensor.tensor()} {}                               // NOLINT: a list of one
  Targets(const std::vector<Tensor>& tensors) : parts_(tensors.begin(), tensors.end()) {}  // NOLINT: the list it is
  Targets(std::initializer_list<Targets> targets);

  /// Returns each tensor and variable, in the order of the list.
  std::vector<Target> list() const;

 private:
  std::vector<std::variant<Tensor, VariableList>> parts_;
};

/// Returns the derivatives of the float scalar `y` with respect to each target, along all paths; zeros, and a warning,
/// where y does not depend on it.
///
/// As in TensorFlow and PyTorch, an assignment is not differentiated: after `w.assign(x)`, a read of w has the value of
/// x and no derivative with respect to what x was computed from. The derivative with respect to a variable is the sum
/// over all its reads, before and after assignments. To differentiate through an update, use the assigned tensor x
/// instead of w, or differentiate with respect to it.
///
/// Throws Error at the user's line if there is no target, y is not a scalar, or a target is not of floats.
std::vector<Tensor> gradients(const Arg& y, const Targets& targets);

/// Returns the length of all tensors as one vector: sqrt(sum of squares), computed without overflow or underflow of the
/// squares. Throws Error if there are no tensors.
Tensor global_norm(const std::vector<Tensor>& tensors, std::source_location where = std::source_location::current());

struct ClippedGradients {
  std::vector<Tensor> gradients;
  Tensor global_norm;  ///< before clipping
};
/// Scales all gradients by one factor so that their global norm is at most `clip_norm`; leaves them unchanged if it
/// already is. If an element is infinite or NaN, all become NaN, as in TensorFlow. Throws Error at the user's line if
/// there are no gradients, or unless clip_norm is finite and above 0.
ClippedGradients clip_by_global_norm(const std::vector<Tensor>& gradients, double clip_norm,
                                     std::source_location where = std::source_location::current());
/// Scales x so that its norm along `axes`, by default of all its elements, is at most `clip_norm`; leaves it unchanged
/// where it already is: TensorFlow's function, and Keras's clipnorm for each gradient. The squares neither overflow nor
/// underflow. An infinite or NaN element turns every element under the same norm into NaN. Throws Error at the user's
/// line unless x is of floats and clip_norm is finite and above 0.
Tensor clip_by_norm(const Arg& x, double clip_norm, const Axes& axes = {});

}  // namespace sluice

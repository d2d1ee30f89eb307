#pragma once

#include <cstdint>
#include <source_location>
#include <string_view>
#include <vector>

#include "sluice/module.h"
#include "sluice/nn.h"
#include "sluice/reduce.h"
#include "sluice/tensor.h"

// Normalizations with the names, defaults and meaning of Keras's; channels are the last axis. The variance is the mean
// of the squared distances from the mean, computed in a second pass over the elements, so it does not cancel for
// elements that are large compared with their distances. Each takes f32 and throws Error at the user's line for
// another dtype, for an axis out of range, for a normalized axis whose size is symbolic if it has gamma, beta or a
// scale, and for one whose size differs from that of the first call.
namespace sluice {

namespace detail {

/// The common part of the normalizations: variables along some axes of the input.
class Normalization : public Module {
 protected:
  Normalization(std::string_view kind, double epsilon, const std::source_location& where);

  double epsilon() const { return epsilon_; }
  /// Throws Error unless x is f32 with at least `rank` axes.
  void check_input(const Arg& x, int rank) const;
  /// Returns the axes of x that `axis` names, ascending. Throws Error if there are none.
  std::vector<std::int64_t> normalized_axes(const Arg& x, const Axes& axis) const;
  /// Returns the variable `name` of the sizes of `axes` of x, ascending, initially filled with `value`.
  Variable variable_along(std::string_view name, const Arg& x, const std::vector<std::int64_t>& axes, float value,
                          VariableOptions options = {}) const;
  /// Returns the value of such a variable, shaped to broadcast with x.
  static Tensor shaped_along(const Variable& variable, const Arg& x, const std::vector<std::int64_t>& axes);
  /// Returns normal * gamma + beta, whichever of both it has; they lie along `axes` of x.
  Tensor scaled(const Tensor& normal, const Arg& x, const std::vector<std::int64_t>& axes, bool scale,
                bool center) const;

 private:
  double epsilon_;
};

}  // namespace detail

struct LayerNormalizationOptions {
  Axes axis = -1;         ///< one or several
  double epsilon = 1e-3;  ///< at least 0, added to the variance
  bool center = true;     ///< whether it adds beta
  bool scale = true;      ///< whether it multiplies by gamma
};

/// (x - mean) / sqrt(variance + epsilon) * gamma + beta, with the mean and the variance along `axis` of each example:
/// Ba, Kiros and Hinton (2016). gamma, initially ones, and beta, initially zeros, have the sizes of the axes.
class LayerNormalization : public detail::Normalization {
 public:
  /// Throws Error at the user's line unless epsilon is finite and at least 0.
  explicit LayerNormalization(LayerNormalizationOptions options = {},
                              std::source_location where = std::source_location::current());

  Tensor operator()(const Arg& x) const;

 private:
  LayerNormalizationOptions options_;
};

struct RMSNormOptions {
  Axes axis = -1;         ///< one or several
  double epsilon = 1e-6;  ///< at least 0, added to the mean of the squares
};

/// x / sqrt(mean of x^2 + epsilon) * scale, with the mean along `axis`: Zhang and Sennrich (2019), Keras's
/// RMSNormalization. `scale`, initially ones, has the sizes of the axes.
class RMSNorm : public detail::Normalization {
 public:
  /// Throws Error at the user's line unless epsilon is finite and at least 0.
  explicit RMSNorm(RMSNormOptions options = {}, std::source_location where = std::source_location::current());

  Tensor operator()(const Arg& x) const;

 private:
  RMSNormOptions options_;
};

struct GroupNormalizationOptions {
  double epsilon = 1e-3;  ///< at least 0, added to the variance
  bool center = true;     ///< whether it adds beta
  bool scale = true;      ///< whether it multiplies by gamma
};

/// LayerNormalization within groups of adjacent channels: the mean and the variance of each example and group are taken
/// over the group's channels and all axes between the batch and the channels: Wu and He (2018). gamma and beta have one
/// element for each channel. Takes x of [batch, ..., channels].
class GroupNormalization : public detail::Normalization {
 public:
  /// `groups` must divide the number of channels; -1 makes each channel a group, which is instance normalization.
  /// Throws Error at the user's line for another number below 1, or for an epsilon that is not finite and at least 0.
  explicit GroupNormalization(std::int64_t groups = 32, GroupNormalizationOptions options = {},
                              std::source_location where = std::source_location::current());

  /// Throws Error at the user's line if the groups do not divide the channels.
  Tensor operator()(const Arg& x) const;

 private:
  std::int64_t groups_;
  GroupNormalizationOptions options_;
};

struct BatchNormalizationOptions {
  double momentum = 0.99;  ///< in [0, 1]: the part of the moving statistics that a step keeps
  double epsilon = 1e-3;   ///< at least 0, added to the variance
  bool center = true;      ///< whether it adds beta
  bool scale = true;       ///< whether it multiplies by gamma
};

/// (x - mean) / sqrt(variance + epsilon) * gamma + beta for each channel of x, [batch, ..., channels]: Ioffe and
/// Szegedy (2015). Mode::kTrain uses the mean and the variance of the batch and moves the variables moving_mean,
/// initially zeros, and moving_variance, initially ones, toward them: moving = momentum * moving + (1 - momentum) *
/// statistic. Both use the variance divided by n, as in Keras. A batch without elements leaves them alone.
/// Mode::kEvaluate uses the moving statistics; so does, as in Keras, a training step while the layer is frozen by
/// set_trainable(false), unless it has neither gamma nor beta.
class BatchNormalization : public detail::Normalization {
 public:
  /// Throws Error at the user's line for options outside their limits.
  explicit BatchNormalization(BatchNormalizationOptions options = {},
                              std::source_location where = std::source_location::current());

  Tensor operator()(const Arg& x, Mode mode) const;

 private:
  /// Returns x normalized by the statistics of the batch, toward which the moving ones are moved.
  Tensor by_batch(const Arg& x, const Variable& moving_mean, const Variable& moving_variance) const;

  BatchNormalizationOptions options_;
};

}  // namespace sluice

#pragma once

#include <limits>

#include "sluice/elementwise.h"
#include "sluice/tensor.h"
#include "sluice/variable.h"

// Parts of optimizers with running means. Internal to the frontend.
namespace sluice::detail {

/// The limit of an option that has none.
constexpr double kUnlimited = std::numeric_limits<double>::infinity();

/// Returns x, clamping finite elements whose square would be infinite to the nearest ones whose square is not.
Tensor with_finite_square(const Tensor& x);

/// Moves a running mean, of which a step keeps the part `decay`, toward `value`.
inline void move_mean(const Variable& mean, const Tensor& value, double decay) {
  mean.assign_add((value - mean) * (1 - decay));
}

}  // namespace sluice::detail

#pragma once

#include "sluice/sluice.h"

// Functions that the DSL lacks, composed of those that it has, as a user would compose them.
namespace sluice::oracles {

/// clip_by_value with derivative 0 at both bounds.
Tensor clip_inside(const Arg& x, double low, double high);

/// x where `mask` holds, else 0.
Tensor masked(const Tensor& mask, const Arg& x);

}  // namespace sluice::oracles

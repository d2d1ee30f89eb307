#pragma once

#include "ir/random_arrays.h"

namespace sluice::test {
using sluice::random_array;
using sluice::random_parameters;
using sluice::random_states;
}  // namespace sluice::test

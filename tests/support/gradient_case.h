#pragma once

#include <optional>

#include "tests/support/op_cases.h"

namespace sluice::test {

/// Returns a randomly weighted sum of a case's float results, and its gradient with respect to each float parameter,
/// not yet expanded. Nothing if there is no gradient, or if the case's inputs are not finite.
std::optional<ir::Graph> gradient_graph(const OpCase& c);

}  // namespace sluice::test

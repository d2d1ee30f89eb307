#pragma once

#include <optional>

#include "tests/support/op_cases.h"

namespace sluice::test {

/// A randomly weighted sum of a case's float results, then its gradient by each float parameter, not yet expanded. No
/// graph where there is nothing to derive, or where the case's inputs are not finite.
std::optional<ir::Graph> gradient_graph(const OpCase& c);

}  // namespace sluice::test

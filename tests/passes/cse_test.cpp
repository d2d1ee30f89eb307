#include "passes/cse.h"

#include <doctest/doctest.h>

#include "tests/passes/agreement.h"

namespace {

using namespace sluice;

TEST_CASE("random graphs keep their bits, and one run suffices") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const ir::Graph before = test::random_graph(seed, 5 + static_cast<int>(seed % 90));
    const ir::Graph after = passes::cse(before);
    ir::verify(after);
    REQUIRE(test::same_bits(before, after, seed));
    REQUIRE(ir::equal_structure(passes::cse(after), after));
  }
}

}  // namespace

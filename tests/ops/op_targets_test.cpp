// The same cases, compiled for CPUs with narrower vectors than this one has.
#include "tests/ops/check_case.h"
#include "tests/support/vector_targets.h"

namespace sluice::test {
namespace {

TEST_CASE("code for narrower vectors agrees with the interpreter") {
  for (const std::string& features : vector_targets()) {
    CAPTURE(features);
    if (features.empty()) continue;  // this machine's own, above
    for (const OpCase& c : op_cases()) check_case(c, {.target_features = features}, c.agreement);
  }
}

}  // namespace
}  // namespace sluice::test

// Every case through an executable, including passes and code generation, against the interpreter on the graph as
// written. One executable serves all batch sizes.
#include "tests/ops/check_case.h"

namespace sluice::test {
namespace {

TEST_CASE("the reference engine agrees with the interpreter") {
  for (const OpCase& c : op_cases())
    check_case(c, {.engine = runtime::Engine::kReference}, std::max(c.agreement, Agreement::kRounded));
}

TEST_CASE("compiled code agrees with the interpreter") {
  for (const OpCase& c : op_cases()) check_case(c, {}, c.agreement);
}

}  // namespace
}  // namespace sluice::test

// Long chains and wide fans through the whole compiler.
#include <doctest/doctest.h>

#include "tests/support/large_graphs.h"
#include "tools/check/engine_check.h"

using namespace sluice;

TEST_CASE("compiled large graphs match the interpreter") {
  for (const test::LargeGraph& family : test::large_graphs()) {
    CAPTURE(family.name);
    tools::FullCheckOptions options;
    options.passes.batch_sizes = {3};
    options.engine.threads = {2};
    const passes::CheckReport report = tools::check_graph(family.make(300), options);
    CHECK(report.elements > 0);
    if (!report.difference) continue;
    CAPTURE(report.difference->stage);
    FAIL_CHECK(report.difference->what);
  }
}

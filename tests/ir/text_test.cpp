#include "ir/text.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/ir/every_op.h"

using namespace sluice;
using namespace sluice::ir;

TEST_CASE("a graph with every op survives print and parse") {
  const Graph graph = test::every_op();
  verify(graph);
  std::set<Op> ops;
  for (const Node& node : graph.nodes()) ops.insert(node.op);
  CHECK(ops.size() == kOpCount);
  const std::string text = print(graph);
  const Graph parsed = parse(text);
  CHECK(print(parsed) == text);
  // The inputs come first in a parsed graph, so equality of structure holds from the second time on.
  CHECK(equal_structure(parse(print(parsed)), parsed));
}

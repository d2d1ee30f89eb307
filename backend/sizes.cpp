#include "backend/sizes.h"

#include <memory>

namespace sluice::backend {

namespace {

void find_largest(const ir::Graph& graph, Largest& largest) {
  for (const ir::Node& node : graph.nodes()) {
    for (const Type& type : node.types) {
      const Dim count = type.shape.element_count();
      if (count.batch && count.size > largest.each_batch) largest = {type, count.size};
    }
    if (node.op == ir::Op::kFused) find_largest(node.attributes.body(), largest);
  }
}

}  // namespace

Largest largest_value(const ir::Graph& graph) {
  Largest largest;
  find_largest(graph, largest);
  return largest;
}

std::int64_t bytes_sum(std::int64_t x, std::int64_t y) {
  return x > kMostBytes || y > kMostBytes - x ? kMostBytes + 1 : x + y;
}

std::int64_t bytes_product(std::int64_t x, std::int64_t y) {
  if (x == 0 || y == 0) return 0;
  return x > kMostBytes / y ? kMostBytes + 1 : x * y;
}

}  // namespace sluice::backend

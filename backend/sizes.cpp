#include "backend/sizes.h"

#include <algorithm>
#include <memory>

namespace sluice::backend {

namespace {

void find_largest(const ir::Graph& graph, Largest& largest) {
  for (const ir::Node& node : graph.nodes()) {
    for (const Type& type : node.types) {
      const Dim count = type.shape.element_count();
      if (!count.batch) continue;
      const auto alike = [&](const Type& other) { return other.shape.element_count().batch == count.batch; };
      const auto found = std::ranges::find_if(largest.types, alike);
      if (found == largest.types.end()) {
        largest.types.push_back(type);
      } else if (found->shape.element_count().size < count.size) {
        *found = type;
      }
    }
    if (node.op == ir::Op::kFused) find_largest(node.attributes.body(), largest);
  }
}

}  // namespace

const Type* Largest::too_large(const Bindings& bindings) const {
  for (const Type& type : types) {
    if (type.shape.element_count().at(bindings) > kMostElements) return &type;
  }
  return nullptr;
}

Largest largest_values(const ir::Graph& graph) {
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

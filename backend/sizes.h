#pragma once

#include <cstdint>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::backend {

/// The most elements that a value may have with a B, whether it takes memory or not: positions in it, bytes, and what
/// kernels count by, such as units times threads, all stay within 64 bits. Graphs have no static shape with more.
inline constexpr std::int64_t kMostElements = std::int64_t{1} << 50;
/// The most bytes that a process can address.
inline constexpr std::int64_t kMostBytes = std::int64_t{1} << 47;

/// The values of a graph, or of bodies in it, of which one has the most elements, whatever the symbols are: the largest
/// of those that grow alike.
struct Largest {
  std::vector<Type> types;

  /// The first that has more than kMostElements; null: none.
  const Type* too_large(const Bindings& bindings) const;
};

Largest largest_values(const ir::Graph& graph);

/// x + y and x * y, neither negative, or kMostBytes + 1 if that is larger than kMostBytes.
std::int64_t bytes_sum(std::int64_t x, std::int64_t y);
std::int64_t bytes_product(std::int64_t x, std::int64_t y);

}  // namespace sluice::backend

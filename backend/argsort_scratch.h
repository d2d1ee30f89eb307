#pragma once

#include <algorithm>

#include "backend/product_scratch.h"
#include "sluice/ir/graph.h"

namespace sluice::backend {

/// The scratch in which a thread sorts a row of n numbers: i64[2, n] positions, i64[key bytes, 256] counters, and
/// key[2, n]: numbers as unsigned integers of 4 or 8 bytes in the same order.
struct ArgsortScratch {
  std::int64_t key_bytes = 4;
  Dim n = 0;

  std::int64_t counter_bytes() const { return key_bytes * 256 * 8; }
  Bytes end() const { return n * (2 * 8 + 2 * key_bytes) + counter_bytes(); }
};

/// The scratch in which a thread finds the first `kept` of a longer row: the state of the search, a vector of keys,
/// and `capacity` candidates, i64[capacity] positions and key[capacity], in front of what sorting them takes.
struct SelectionScratch {
  static constexpr std::int64_t kVector = 64;      ///< after the state, as bytes from the beginning
  static constexpr std::int64_t kPositions = 192;  ///< after a vector of at most 16 keys of 8 bytes
  static constexpr std::int64_t kFewCandidates = 256;

  std::int64_t kept = 0;
  std::int64_t key_bytes = 4;

  /// Twice `kept`, so that sorting the candidates, which leaves `kept`, is paid for by as many that came; a multiple
  /// of 16.
  std::int64_t capacity() const { return std::max(kFewCandidates, (2 * kept + 15) / 16 * 16); }
  std::int64_t keys() const { return kPositions + capacity() * 8; }
  ArgsortScratch sorting() const { return {key_bytes, capacity()}; }
  std::int64_t sorting_at() const { return keys() + capacity() * key_bytes; }
  Bytes end() const { return Bytes(sorting_at()) + sorting().end(); }
};

/// How a body of kind argsort finds its places.
struct ArgsortPlan {
  ArgsortScratch all;          ///< to sort whole rows
  SelectionScratch selection;  ///< to find the first places of rows
  bool selects = false;        ///< the latter: rows are at least twice as long as the candidates are many

  Bytes scratch() const { return selects ? selection.end() : all.end(); }
};

inline ArgsortPlan argsort_plan(const ir::Graph& body) {
  const Type& operand = body.type(body.parameters()[0].value);
  const std::int64_t key_bytes = size_of(operand.dtype) == 8 ? 8 : 4;
  const Dim n = operand.shape[operand.shape.rank() - 1];
  ArgsortPlan plan;
  plan.all = {key_bytes, n};
  if (body.node(body.results()[0]).op != ir::Op::kSlice) return plan;
  const Shape& result = body.type(body.results()[0]).shape;
  plan.selection = {result[result.rank() - 1].size, key_bytes};
  plan.selects = n.size >= 2 * plan.selection.capacity();
  return plan;
}

}  // namespace sluice::backend

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::test {

/// The tolerance between two engines for a case's floats; integers and bools are always equal.
enum class Agreement : std::uint8_t {
  kBits,     ///< nothing is computed: the same bits, but for NaN payloads
  kValue,    ///< each result is rounded once: equal, or both NaN
  kRounded,  ///< a few roundings or an approximation, relative to each element
  kSummed,   ///< sums in another order, relative to the largest element
};

/// The contents of a case's inputs.
enum class Fill : std::uint8_t {
  kRandom,     ///< within each parameter's range
  kSpecial,    ///< NaN, infinities, both zeros, the extreme integers: every combination of the operands' values
  kNonFinite,  ///< NaN, infinities and small integers, whose sums are exact
  kTies,       ///< -1, 0 and 1, so that there are ties in maxima and kinks
};

/// One use of one op. `build` adds parameters and nodes to a builder and returns the results.
struct OpCase {
  std::string name;  ///< "add/f32/batch"
  ir::Op op;
  Agreement agreement;
  Fill fill;
  std::function<std::vector<ir::Value>(ir::Builder&)> build;

  ir::Graph graph() const;
  /// Returns an array for each parameter of the case's graph, or of one with the same parameters.
  std::vector<Array> inputs(const ir::Graph& graph, std::int64_t batch_size, std::uint64_t seed = 1) const;
};

/// The table of all cases: each op of ops.def but parameter, state, gradient, custom_gradient and fused, in all dtypes
/// it accepts, with B and with odd static sizes. Run each at several B.
const std::vector<OpCase>& op_cases();

/// The values of B to run cases at: one row, fewer than a vector, a whole number of vectors, several tiles.
inline constexpr std::int64_t kBatchSizes[] = {1, 3, 64, 128};

/// Describes the differences between two results of a case that should agree; empty if there are none.
std::string difference(const Array& computed, const Array& expected, Agreement agreement);

}  // namespace sluice::test

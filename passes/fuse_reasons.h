#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Two neighboring kernels of a fused graph, and the first rule of `fuse` that keeps them apart.
struct Apart {
  std::uint32_t producer;  ///< nodes of the fused graph
  std::uint32_t consumer;
  ir::Op made_by;  ///< the op inside the producer whose value crosses
  ir::Op read_by;  ///< the op inside the consumer that reads it, perhaps through a broadcast or reshape
  std::string rule;
};

struct FuseReport {
  ir::Graph fused;
  std::vector<Apart> apart;  ///< by consumer, then producer; each pair of kernels may have several crossing values
};

/// Runs the pass `fuse` and returns, for each value that goes from one kernel to another, why the two were not fused.
/// Inputs, constants and what every reader recomputes (broadcasts, iota, one_hot) are not kernels here.
FuseReport fuse_with_reasons(const ir::Graph& graph);

}  // namespace sluice::passes

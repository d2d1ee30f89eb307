#pragma once

#include <cstdint>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::test {

/// One training step of a classifier on u8 images [B,4,7] and u8 labels [B]: dense layers of the given widths with relu
/// between them, softmax cross-entropy from logits, and Adam on every weight and bias. Results: mean loss, accuracy. As
/// traced: the gradient is one `gradient` node.
ir::Graph mlp_train_step(const std::vector<std::int64_t>& widths);

/// Returns the updated value of the state with this variable.
ir::Value update_of(const ir::Graph& graph, std::string_view variable);

}  // namespace sluice::test

#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Returns the graph with each product of the windows of several groups of channels, a convolution of groups or the
/// gradient of its filters, as one product for each group. These pack their windows, which the batch of matrices would
/// read from memory, in another order than that of the images. Does not divide products of more than 64 groups.
ir::Graph divide_grouped_products(const ir::Graph& graph);

}  // namespace sluice::passes

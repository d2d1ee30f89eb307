#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice {

/// The structure of a model, layer by layer.
struct ModelSummary {
  struct Variable {
    std::string name;  ///< without the layer: "w"
    Type type;
  };
  struct Layer {
    std::string name;  ///< "dense_0"; what is computed before the first layer is called "input"
    std::vector<Variable> variables;
    std::optional<Type> output;  ///< what the next layer reads; of the last layer, the graph's first result or, where
                                 ///< that is a class, the floats that it was chosen by
    std::int64_t parameters = 0;
    double flops = 0;  ///< for one example, as counted by ir::cost
  };

  std::vector<Layer> layers;

  std::int64_t parameters() const;
  /// Returns the FLOPs for one example.
  double flops() const;
};

/// Returns the layers of `forward`, a graph that computes a model's results from its inputs, without `gradient` nodes.
/// A layer is the common prefix of variables' names before the last '/'; a node belongs to the last of the layers that
/// it depends on, in the order of their first use.
ModelSummary model_summary(const ir::Graph& forward);

/// Returns "12.3 k", with three significant digits and a suitable unit: "", " k", " M", " G" or " T".
std::string short_number(double number);
/// Returns "905,010".
std::string grouped_number(std::int64_t number);

/// Returns the summary as a table for a terminal.
std::string to_string(const ModelSummary& summary);

}  // namespace sluice

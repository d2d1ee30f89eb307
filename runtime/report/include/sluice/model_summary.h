#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice {

/// What a model consists of, layer by layer.
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
    double flops = 0;  ///< for one example, as ir::cost counts them
  };

  std::vector<Layer> layers;

  std::int64_t parameters() const;
  /// For one example.
  double flops() const;
};

/// The layers of `forward`, a graph that computes a model's results from its inputs without `gradient` nodes. A layer
/// is what the names of variables have before the last '/' in common; a node belongs to the last of the layers that it
/// depends on, in the order of their first use.
ModelSummary model_summary(const ir::Graph& forward);

/// "12.3 k", with three digits that count and the unit that fits: "", " k", " M", " G" or " T".
std::string short_number(double number);
/// "905,010".
std::string grouped_number(std::int64_t number);

/// The summary as a table for a terminal.
std::string to_string(const ModelSummary& summary);

}  // namespace sluice

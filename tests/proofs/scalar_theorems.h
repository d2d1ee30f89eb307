#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "passes/rewrite.h"
#include "sluice/ir/graph.h"
#include "tests/proofs/number_model.h"

namespace sluice::proofs {

/// The theorems proven of a rule, and those that failed.
struct Evidence {
  std::set<DType> dtypes;  ///< of the elements that it was proven for
  std::set<std::string> models;
  int theorems = 0;
  std::vector<std::string> failures;
};

/// Returns whether every element of the graph's results depends only on one element of each input, or on constants.
bool is_scalar(const ir::Graph& graph);

/// The elements of a scalar graph's results as terms, with the assumptions on functions without a theory.
struct Elements {
  std::vector<z3::expr> results;
  std::vector<z3::expr> axioms;
};
Elements evaluate(z3::context& c, const ir::Graph& graph, const World& world);

/// Runs `rule` on each graph, in every dtype that its ops accept, and proves that the results' elements stay what the
/// rule's mark promises. Graphs that are not scalar, and those that the rule does not change, prove nothing.
Evidence prove_on_graphs(const passes::Rule& rule, std::span<const ir::Graph> graphs);

}  // namespace sluice::proofs

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"
#include "tools/layout.h"

namespace sluice::tools {

struct GraphView;

/// A node as drawn.
struct BoxView {
  std::string op;
  std::string type;                ///< of the first result
  std::vector<std::string> reads;  ///< its operands that have no box: states, constants, broadcasts of those
  std::vector<std::string> gives;  ///< "result 0", "update dense_0/w"
  std::string kind;                ///< "input", "matmul", "reduce", "element", "move", "fused" or "other"
  std::string statement;           ///< its text
  std::string lines;               ///< the model lines it comes from
  std::vector<GraphView> body;     ///< of a fused node: one
  std::uint32_t node = 0;          ///< its number in the graph
};

struct LinkView {
  std::size_t from;
  std::size_t to;
  std::string value;  ///< "%5: f32[B,700]"
};

/// A graph as boxes and links. States and constants, and views of them, are shown inside their readers' boxes, which
/// keeps the picture of a training step small; so are the parameters of a body.
struct GraphView {
  std::vector<BoxView> boxes;
  std::vector<LinkView> links;
};

GraphView view_of(const ir::Graph& graph);

}  // namespace sluice::tools

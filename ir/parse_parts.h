#pragma once

#include <optional>

#include "ir/lexer.h"
#include "sluice/ir/attributes.h"
#include "sluice/ir/graph.h"

// The parts of a node's text. Private to the parser.
namespace sluice::ir {

/// Parses the value of an attribute according to its row of attributes.def; a constant has the type of its binder,
/// other numbers are f64.
AttrValue read_attribute(Lexer& lexer, Attr key, const Type& type);

/// The values that tools may generate for an input.
struct Hints {
  std::optional<Range> range;
  std::optional<Array> init;
};

/// Parses "{range=[0,10)}" after a parameter, if present.
std::optional<Range> read_parameter_hints(Lexer& lexer);
/// Parses "{range=[0,1), init=0}" or either of them after a state of element type `dtype`, if present.
Hints read_state_hints(Lexer& lexer, DType dtype);

/// Parses a model line: "model.cpp":12.
Location read_place(Lexer& lexer);

}  // namespace sluice::ir

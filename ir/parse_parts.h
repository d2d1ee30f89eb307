#pragma once

#include <optional>

#include "ir/lexer.h"
#include "sluice/ir/attributes.h"
#include "sluice/ir/graph.h"

// What stands between the words of a node. Private to the parser.
namespace sluice::ir {

/// The value of an attribute as its row of attributes.def says; a constant has the type of its binder.
AttrValue read_attribute(Lexer& lexer, Attr key, const Type& type);

/// What tools may put in for an input.
struct Hints {
  std::optional<Range> range;
  std::optional<Array> init;
};

/// "{range=[0,10)}" behind a parameter, if it stands here.
std::optional<Range> read_parameter_hints(Lexer& lexer);
/// "{range=[0,1), init=0}" or one of both behind a state of element type `dtype`, if it stands here.
Hints read_state_hints(Lexer& lexer, DType dtype);

/// A line of a model: "model.cpp":12.
Location read_place(Lexer& lexer);

}  // namespace sluice::ir

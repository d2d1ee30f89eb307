#pragma once

#include <optional>

#include "ir/attributes.h"
#include "ir/graph.h"
#include "ir/lexer.h"

// What stands between the words of a node. Private to the parser.
namespace sluice::ir {

/// The value of an attribute as its row of attributes.def says; a constant has the type of its binder.
AttrValue read_attribute(Lexer& lexer, Attr key, const Type& type);

/// "{range=[0,10)}", if it stands here.
std::optional<Range> read_range(Lexer& lexer);

/// A line of a model: "model.cpp":12.
Location read_place(Lexer& lexer);

}  // namespace sluice::ir

#pragma once

#include <string>

#include "ir/lexer.h"
#include "sluice/array.h"

// Numbers, arrays (bit-exact) and types in a graph's text. Private to the printer and the parser.
namespace sluice::ir {

/// Returns the elements of `array` as nested lists, or the element itself for a scalar: [[1, -0], [nan, 2.5]]. Floats
/// are the shortest decimals that read back to the same bits; a NaN other than the default quiet one shows its bits:
/// nan(0xffc00000). An empty array is [].
std::string literal(const Array& array);

/// Reads the output of literal() for an array of this (static) type. Throws Error at whatever does not fit.
Array read_array(Lexer& lexer, const Type& type);

std::string literal(double value);
double read_double(Lexer& lexer);
std::int64_t read_integer(Lexer& lexer);

DType read_dtype(Lexer& lexer);
/// Parses a size such as 784, 2*B or B*T-1.
Dim read_dim(Lexer& lexer);
/// Parses [B,784] and checks the rules for all shapes.
Shape read_shape(Lexer& lexer);
Type read_type(Lexer& lexer);

}  // namespace sluice::ir

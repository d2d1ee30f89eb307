#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

// Solves for the symbols of a graph from the sizes of its arguments, and checks the sizes that result.
namespace sluice::ir {

/// Returns the symbols in the types of `graph`, those of its parameters first. B is one of them only if a type has it.
std::vector<Symbol> symbols_of(const Graph& graph);

/// An argument whose sizes bind symbols.
struct SizedArgument {
  const Type* declared;
  DType dtype;
  std::span<const std::int64_t> sizes;

  SizedArgument(const Type& type, const Array& given) : declared(&type), dtype(given.dtype()), sizes(given.sizes()) {}
};

/// An argument that does not fit, and the reason: "is f32[3,4], expected f32[B,5] with B = 2 as in input 0, f32[2,7]".
struct Mismatch {
  std::size_t argument;
  std::string what;
};

/// Binds all symbols of the declared types of `count` arguments, each at least 1; and B to 1 if none of them has it. A
/// size with one symbol that is not bound yet, c*T + d, binds it; sizes with more wait until others have bound all but
/// one. Returns the first argument that does not fit what is bound; `name_of` names an argument in its text. Allocates
/// nothing where no size waits and all fit.
std::optional<Mismatch> solve_sizes(std::size_t count, const std::function<SizedArgument(std::size_t)>& argument,
                                    Bindings& bindings, const std::function<std::string(std::size_t)>& name_of);

/// Returns the symbols of these types that no sizes of arguments can bind, such as those of f32[B*T] alone.
std::vector<Symbol> undecided(std::span<const Type* const> declared);

/// A lower bound on a symbolic size, without which a node has no meaning: 0 for an axis, 1 for an axis whose extreme is
/// taken.
struct SizeLimit {
  Dim size;
  std::int64_t least;
  std::string what;  ///< "slice: a size of the result"
  Origins origins;
};

/// Returns the limits of the nodes of `graph`, and of the bodies in it, that some values of its symbols break.
std::vector<SizeLimit> size_limits(const Graph& graph);

/// Throws Error at the line of the first limit that does not hold.
void check_limits(std::string_view graph, std::span<const SizeLimit> limits, const Bindings& bindings);

/// Returns bindings of B and of the symbols of `graph`: those of `given`, or else 1 for B and `otherwise` for the rest.
Bindings completed(const Graph& graph, const Bindings& given, std::int64_t otherwise);

}  // namespace sluice::ir

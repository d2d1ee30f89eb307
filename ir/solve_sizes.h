#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

// What the symbols of a graph stand for in a call, and whether they may.
namespace sluice::ir {

/// The symbols in the types of `graph`, those of its parameters first. B is one of them only if it is there.
std::vector<Symbol> symbols_of(const Graph& graph);

/// An argument whose sizes bind symbols.
struct SizedArgument {
  const Type* declared;
  DType dtype;
  std::span<const std::int64_t> sizes;

  SizedArgument(const Type& type, const Array& given) : declared(&type), dtype(given.dtype()), sizes(given.sizes()) {}
};

/// Why an argument does not fit: "is f32[3,4], expected f32[B,5] with B = 2 as in input 0, f32[2,7]".
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

/// The symbols of these types that no sizes of arguments can bind, such as those of f32[B*T] alone.
std::vector<Symbol> undecided(std::span<const Type* const> declared);

/// What a size with symbols must be at least, for a node to mean something: an axis 0, one whose extreme is taken 1.
struct SizeLimit {
  Dim size;
  std::int64_t least;
  std::string what;  ///< "slice: f32[T-2] has"
  Origins origins;
};

/// Those of the nodes of `graph`, and of the bodies in it, that do not hold whatever its symbols are.
std::vector<SizeLimit> size_limits(const Graph& graph);

/// Throws Error at the line of the first limit that does not hold.
void check_limits(std::string_view graph, std::span<const SizeLimit> limits, const Bindings& bindings);

/// What `given` binds of B and of the symbols of `graph`, which else are 1 and `otherwise`.
Bindings completed(const Graph& graph, const Bindings& given, std::int64_t otherwise);

}  // namespace sluice::ir

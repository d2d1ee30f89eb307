#pragma once

#include <z3++.h>

#include <functional>
#include <string>
#include <vector>

namespace sluice::proofs {

/// A position, or the sizes of a shape, as integers of Z3.
using Index = std::vector<z3::expr>;
using Permutation = std::vector<std::size_t>;

/// Integers NAME0, NAME1, ... for `rank` axes.
Index symbols(z3::context& c, const std::string& name, std::size_t rank);
z3::expr all(z3::context& c, const std::vector<z3::expr>& claims);
z3::expr same(z3::context& c, const Index& x, const Index& y);
/// 0 <= index < size, for each axis.
z3::expr inside(z3::context& c, const Index& index, const Index& sizes);
z3::expr not_negative(z3::context& c, const Index& sizes);
/// Returns the row-major position.
z3::expr flat(z3::context& c, const Index& index, const Index& sizes);

/// A shape of a graph: its sizes, and for each axis whether its Dim is a static 1. An axis with another Dim, such as B,
/// may also have size 1.
struct Sizes {
  Index sizes;
  std::vector<z3::expr> is_one;
};
Sizes shape(z3::context& c, const std::string& name, std::size_t rank);
/// Returns the sizes of `x` preceded by `count` axes of a static 1.
Sizes with_ones_in_front(z3::context& c, const Sizes& x, std::size_t count);

/// Returns the position in `from` that a broadcast reads for `index`.
Index broadcast(z3::context& c, const Index& index, const Index& from);
/// Returns the condition that infer_broadcast checks.
z3::expr may_broadcast(z3::context& c, const Sizes& from, const Index& to);
/// Returns the position that a transpose reads: axis k of the result is axis permutation[k] of its operand.
Index transposed(const Index& index, const Permutation& permutation);
template <typename T>
std::vector<T> permuted(const std::vector<T>& of, const Permutation& permutation) {
  std::vector<T> result;
  for (const std::size_t axis : permutation) result.push_back(of[axis]);
  return result;
}

void for_each_permutation(std::size_t rank, const std::function<void(const Permutation&)>& f);
/// Returns all subsets of 0, 1, ..., size - 1, ascending.
std::vector<std::vector<std::size_t>> subsets(std::size_t size);

}  // namespace sluice::proofs

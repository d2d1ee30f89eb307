#include "tests/proofs/indices.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

namespace sluice::proofs {

using z3::expr;

Index symbols(z3::context& c, const std::string& name, std::size_t rank) {
  Index index;
  for (std::size_t i = 0; i < rank; ++i) index.push_back(c.int_const(fmt::format("{}{}", name, i).c_str()));
  return index;
}

expr all(z3::context& c, const std::vector<expr>& claims) {
  expr result = c.bool_val(true);
  for (const expr& claim : claims) result = result && claim;
  return result;
}

expr same(z3::context& c, const Index& x, const Index& y) {
  if (x.size() != y.size()) return c.bool_val(false);
  std::vector<expr> claims;
  for (std::size_t i = 0; i < x.size(); ++i) claims.push_back(x[i] == y[i]);
  return all(c, claims);
}

expr inside(z3::context& c, const Index& index, const Index& sizes) {
  std::vector<expr> claims;
  for (std::size_t i = 0; i < index.size(); ++i) claims.push_back(index[i] >= 0 && index[i] < sizes[i]);
  return all(c, claims);
}

expr not_negative(z3::context& c, const Index& sizes) {
  std::vector<expr> claims;
  for (const expr& size : sizes) claims.push_back(size >= 0);
  return all(c, claims);
}

expr flat(z3::context& c, const Index& index, const Index& sizes) {
  expr position = c.int_val(0);
  for (std::size_t i = 0; i < index.size(); ++i) position = position * sizes[i] + index[i];
  return position;
}

Sizes shape(z3::context& c, const std::string& name, std::size_t rank) {
  Sizes result{symbols(c, name, rank), {}};
  for (std::size_t i = 0; i < rank; ++i)
    result.is_one.push_back(c.bool_const(fmt::format("{}{} is 1", name, i).c_str()));
  return result;
}

Sizes with_ones_in_front(z3::context& c, const Sizes& x, std::size_t count) {
  Sizes result{Index(count, c.int_val(1)), std::vector<expr>(count, c.bool_val(true))};
  result.sizes.insert(result.sizes.end(), x.sizes.begin(), x.sizes.end());
  result.is_one.insert(result.is_one.end(), x.is_one.begin(), x.is_one.end());
  return result;
}

Index broadcast(z3::context& c, const Index& index, const Index& from) {
  const std::size_t missing = index.size() - from.size();
  Index result;
  for (std::size_t i = 0; i < from.size(); ++i) {
    result.push_back(ite(from[i] == 1, c.int_val(0), index[i + missing]));
  }
  return result;
}

expr may_broadcast(z3::context& c, const Sizes& from, const Index& to) {
  const std::size_t missing = to.size() - from.sizes.size();
  std::vector<expr> claims;
  for (std::size_t i = 0; i < from.sizes.size(); ++i) {
    claims.push_back(implies(from.is_one[i], from.sizes[i] == 1));
    claims.push_back(from.is_one[i] || from.sizes[i] == to[i + missing]);
  }
  return all(c, claims);
}

Index transposed(const Index& index, const Permutation& permutation) {
  Index result = index;
  for (std::size_t i = 0; i < index.size(); ++i) result[permutation[i]] = index[i];
  return result;
}

void for_each_permutation(std::size_t rank, const std::function<void(const Permutation&)>& f) {
  Permutation permutation(rank);
  std::iota(permutation.begin(), permutation.end(), 0);
  do {
    f(permutation);
  } while (std::ranges::next_permutation(permutation).found);
}

std::vector<std::vector<std::size_t>> subsets(std::size_t size) {
  std::vector<std::vector<std::size_t>> all_subsets;
  for (std::size_t bits = 0; bits < (std::size_t{1} << size); ++bits) {
    std::vector<std::size_t> subset;
    for (std::size_t i = 0; i < size; ++i) {
      if ((bits >> i & 1) != 0) subset.push_back(i);
    }
    all_subsets.push_back(std::move(subset));
  }
  return all_subsets;
}

}  // namespace sluice::proofs

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "tests/proofs/index_theorems.h"
#include "tests/proofs/indices.h"
#include "tests/proofs/number_model.h"

// Rules for products, reductions, slice, pad and concat: which elements are combined, and in which order.
namespace sluice::proofs {

using passes::Exactness;
using z3::expr;

namespace {

/// Returns where an operand of a product is read for its row and column, in the matrix that `batch` names.
Index read_at(const Index& batch, bool transposed_operand, const expr& row, const expr& column) {
  Index index = batch;
  index.push_back(transposed_operand ? column : row);
  index.push_back(transposed_operand ? row : column);
  return index;
}

constexpr std::size_t kMostBatchAxes = 3;

/// Swaps the last two of `rank` axes.
Permutation exchange_of_last(std::size_t rank) {
  Permutation permutation(rank);
  std::iota(permutation.begin(), permutation.end(), std::size_t{0});
  std::swap(permutation[rank - 1], permutation[rank - 2]);
  return permutation;
}

void transposed_factor(Prover& p) {
  const expr row = p.c.int_const("row");
  const expr column = p.c.int_const("column");
  for (std::size_t axes = 0; axes <= kMostBatchAxes; ++axes) {
    const Index batch = symbols(p.c, "batch", axes);
    for (const bool flag : {false, true}) {
      const Index before = transposed(read_at(batch, flag, row, column), exchange_of_last(axes + 2));
      p.prove(fmt::format("{} batch axes, flag {}", axes, flag), same(p.c, before, read_at(batch, !flag, row, column)));
    }
  }
}

/// Element (i, j) of the result is element (j, i) of the product a b: there, a is read at (j, k) and b at (k, i).
/// Afterwards, b is the lhs, read at (i, k), and a the rhs, at (k, j). Each step of the sum swaps its factors.
void transposed_product(Prover& p) {
  const expr i = p.c.int_const("i");
  const expr j = p.c.int_const("j");
  const expr k = p.c.int_const("k");
  for (std::size_t axes = 0; axes <= kMostBatchAxes; ++axes) {
    const Index batch = symbols(p.c, "batch", axes);
    const Index result = read_at(batch, false, i, j);
    p.prove(fmt::format("{} batch axes, result", axes),
            same(p.c, transposed(result, exchange_of_last(axes + 2)), read_at(batch, false, j, i)));
    for (const bool a : {false, true}) {
      for (const bool b : {false, true}) {
        p.prove(fmt::format("{} batch axes, flags {}, {}", axes, a, b),
                same(p.c, read_at(batch, a, j, k), read_at(batch, !a, k, j)) &&
                    same(p.c, read_at(batch, b, k, i), read_at(batch, !b, i, k)));
      }
    }
  }
  for (const auto& m : {float_model(p.c, 3, 5), float_model(p.c, 5, 11)}) {
    const expr x = m->variable("x");
    const expr y = m->variable("y");
    p.prove(m->name(), m->same(m->mul(x, y), m->mul(y, x), Exactness::kNanBits));
  }
}

/// Without the axes of size 1, the row-major position is the same.
void fold_only_ones(Prover& p) {
  for (std::size_t rank = 0; rank < 5; ++rank) {
    for (const std::vector<std::size_t>& folded : subsets(rank)) {
      Index n = symbols(p.c, "n", rank);
      Index i = symbols(p.c, "i", rank);
      for (const std::size_t axis : folded) {
        n[axis] = p.c.int_val(1);
        i[axis] = p.c.int_val(0);
      }
      Permutation kept;
      for (std::size_t axis = 0; axis < rank; ++axis) {
        if (std::ranges::find(folded, axis) == folded.end()) kept.push_back(axis);
      }
      p.prove(fmt::format("rank {}, axes [{}]", rank, fmt::join(folded, ",")),
              flat(p.c, i, n) == flat(p.c, permuted(i, kept), permuted(n, kept)));
    }
  }
}

std::vector<std::shared_ptr<const Model>> integers(z3::context& c) {
  return {integer_model(c, 8, false), integer_model(c, 32, true), integer_model(c, 64, true)};
}

void sum_of_ones(Prover& p) {
  fold_only_ones(p);
  std::vector<std::shared_ptr<const Model>> models = integers(p.c);
  for (const auto& [exponent, mantissa] : {std::pair(3U, 5U), std::pair(5U, 11U), std::pair(8U, 24U)}) {
    models.push_back(float_model(p.c, exponent, mantissa));
  }
  models.push_back(bits_model(p.c, 5, 11));
  for (const auto& m : models) {
    const expr x = m->variable("x");
    p.prove(m->name(), m->same(m->add(m->number(0), x), m->add(x, m->number(0)), Exactness::kExact));
  }
}

/// The axes that the joined reduction folds are those folded by either one, for all sets of axes.
void joined_axes(Prover& p) {
  for (std::size_t rank = 0; rank < 5; ++rank) {
    const Index n = symbols(p.c, "n", rank);
    for (const std::vector<std::size_t>& kept : subsets(rank)) {  // by the inner reduction
      for (const std::vector<std::size_t>& left : subsets(kept.size())) {
        const Index twice = permuted(permuted(n, kept), left);
        p.prove(fmt::format("rank {}, [{}], [{}]", rank, fmt::join(kept, ","), fmt::join(left, ",")),
                same(p.c, twice, permuted(n, permuted(kept, left))));
      }
    }
  }
}

void joined_sums(Prover& p) {
  joined_axes(p);
  for (const auto& m : integers(p.c)) {
    const expr a = m->variable("a");
    const expr b = m->variable("b");
    const expr x = m->variable("x");
    p.prove(m->name() + " zero", m->add(a, m->number(0)) == a);
    p.prove(m->name() + " order", m->add(m->add(a, b), x) == m->add(m->add(a, x), b));
  }
}

/// One step of reduce_max or reduce_min, from a state that has seen an element: a later one replaces the best only if
/// it is better, or the first NaN.
expr take(const Model& m, bool largest, const expr& best, const expr& x) {
  const expr better = largest ? m.less(best, x) : m.less(x, best);
  return ite(m.equal(x, best) || m.is_nan(best) || !(m.is_nan(x) || better), best, x);
}

/// The elements a b | c d in two rows: folding rows first and then their results combines them in the order of a single
/// fold. By induction over rows and their lengths, nothing else needs to be shown.
void joined_extremes(Prover& p, bool largest) {
  joined_axes(p);
  std::vector<std::shared_ptr<const Model>> models = integers(p.c);
  for (const auto& [exponent, mantissa] : {std::pair(3U, 5U), std::pair(5U, 11U), std::pair(8U, 24U)}) {
    models.push_back(float_model(p.c, exponent, mantissa));
  }
  models.push_back(bits_model(p.c, 5, 11));
  for (const auto& m : models) {
    const auto fold = [&](const expr& best, const expr& x) { return take(*m, largest, best, x); };
    const expr seen = m->variable("seen");
    const expr row = m->variable("row");
    const expr next = m->variable("next");
    p.prove(m->name() + " in order",
            m->same(fold(seen, fold(row, next)), fold(fold(seen, row), next), Exactness::kExact));
  }
  for (const auto& m : integers(p.c)) {  // in any order
    const auto fold = [&](const expr& best, const expr& x) { return take(*m, largest, best, x); };
    const expr a = m->variable("a");
    const expr b = m->variable("b");
    const expr x = m->variable("x");
    p.prove(m->name() + " exchanged", fold(fold(a, b), x) == fold(fold(a, x), b));
    p.prove(m->name() + " first two", fold(a, b) == fold(b, a));
  }
}

void joined_maxima(Prover& p) { joined_extremes(p, true); }
void joined_minima(Prover& p) { joined_extremes(p, false); }

/// Along the axis: 0 <= start < limit <= size, as infer_slice requires.
void slice_of_all(Prover& p) {
  const expr n = p.c.int_const("n");
  const expr start = p.c.int_const("start");
  const expr limit = p.c.int_const("limit");
  p.prove("size kept", start == 0 && limit == n, {start >= 0, start < limit, limit <= n, limit - start == n});
}

void slice_of_a_slice(Prover& p) {
  const expr n = p.c.int_const("n");
  const expr start = p.c.int_const("start");
  const expr limit = p.c.int_const("limit");
  const expr second_start = p.c.int_const("second start");
  const expr second_limit = p.c.int_const("second limit");
  const expr i = p.c.int_const("i");
  const std::vector<expr> valid{start >= 0,
                                start < limit,
                                limit <= n,
                                second_start >= 0,
                                second_start < second_limit,
                                second_limit <= limit - start};
  const expr from = start + second_start;
  const expr to = start + second_limit;
  p.prove("position", (i + second_start) + start == i + from, valid);
  p.prove("valid", from >= 0 && from < to && to <= n && to - from == second_limit - second_start, valid);
}

void pad_by_nothing(Prover& p) {
  const expr n = p.c.int_const("n");
  const expr low = p.c.int_const("low");
  const expr high = p.c.int_const("high");
  p.prove("size kept", low == 0 && high == 0, {low >= 0, high >= 0, low + n + high == n});
}

/// Operand k starts after the sizes of those before it; the first one at 0.
void concat_of_one(Prover& p) {
  const expr i = p.c.int_const("i");
  const expr n = p.c.int_const("n");
  const Index begins{p.c.int_val(0), n};
  p.prove("position", begins[0] <= i && i < begins[1] && i - begins[0] == i, {i >= 0, i < n});
}

/// Every c that the guard accepts is a power of two whose reciprocal is also normal: exponent field e, and 2 bias - e
/// for the reciprocal.
void division_by_powers_of_two(Prover& p) {
  for (const auto& [exponent, mantissa] : {std::pair(3U, 5U), std::pair(5U, 11U)}) {
    const unsigned bias = (1U << (exponent - 1)) - 1;
    const expr x = p.c.fpa_const("x", exponent, mantissa);
    const expr sign = p.c.bv_const("sign", 1);
    const expr e = p.c.bv_const("e", exponent);
    const expr zeros = p.c.bv_val(0, mantissa - 1);
    const expr divisor = z3::fpa_fp(sign, e, zeros);
    const expr factor = z3::fpa_fp(sign, p.c.bv_val(2 * bias, exponent) - e, zeros);
    p.prove(fmt::format("FP({},{}), all c", exponent, mantissa), x / divisor == x * factor,
            {uge(e, p.c.bv_val(1, exponent)), ule(e, p.c.bv_val(2 * bias - 1, exponent))});
  }
}

constexpr IndexTheorem kTheorems[] = {
    {"x / c -> x * (1 / c) for powers of two", "every c, FP(3,5) and FP(5,11)", division_by_powers_of_two},
    {"matmul(transpose a, b) -> matmul{transpose_a}(a, b)", "0 to 3 batch axes", transposed_factor},
    {"matmul(a, transpose b) -> matmul{transpose_b}(a, b)", "0 to 3 batch axes", transposed_factor},
    {"transpose matmul(a, b) -> matmul{transpose_a, transpose_b}(b, a)", "0 to 3 batch axes", transposed_product},
    {"reduce_sum over axes of size 1 -> reshape x + 0", "ranks 0 to 4, every set of axes", sum_of_ones},
    {"reduce_max over axes of size 1 -> reshape", "ranks 0 to 4, every set of axes", fold_only_ones},
    {"reduce_min over axes of size 1 -> reshape", "ranks 0 to 4, every set of axes", fold_only_ones},
    {"reduce_sum reduce_sum x -> reduce_sum x of integers", "ranks 0 to 4, every two sets of axes", joined_sums},
    {"reduce_sum reduce_sum x -> reduce_sum x", "ranks 0 to 4, every two sets of axes; not the rounding", joined_axes},
    {"reduce_max reduce_max x -> reduce_max x", "ranks 0 to 4, every two sets of axes", joined_maxima},
    {"reduce_min reduce_min x -> reduce_min x", "ranks 0 to 4, every two sets of axes", joined_minima},
    {"slice of all -> x", "all sizes and bounds", slice_of_all},
    {"slice slice x -> slice x", "all sizes and bounds", slice_of_a_slice},
    {"pad by nothing -> x", "all sizes", pad_by_nothing},
    {"concat of one -> x", "all sizes", concat_of_one},
};

}  // namespace

std::span<const IndexTheorem> structure_theorems() { return kTheorems; }

}  // namespace sluice::proofs

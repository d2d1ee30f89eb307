#include <fmt/format.h>

#include "tests/proofs/index_theorems.h"
#include "tests/proofs/indices.h"

// Rules for reshape, broadcast and transpose: the result has the same element at each position before and after. The
// elements of a value are an uninterpreted function of the row-major position.
namespace sluice::proofs {

using z3::expr;

namespace {

z3::func_decl elements(z3::context& c, const char* name) { return c.function(name, c.int_sort(), c.int_sort()); }

/// reshape reads the same position in row-major order, whatever the shapes; infer_reshape compares the counts.
expr reshaped(const expr& position) { return position; }

void reshape_once(Prover& p) {
  const expr i = p.c.int_const("i");
  const z3::func_decl x = elements(p.c, "x");
  p.prove("reshape", x(reshaped(i)) == x(i));
  p.prove("reshape reshape", x(reshaped(reshaped(i))) == x(reshaped(i)));
}

void reshape_of_a_scalar(Prover& p) {
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = 0; to < 4; ++to) {
      const expr before = flat(p.c, broadcast(p.c, symbols(p.c, "i", from), {}), {});
      const expr after = flat(p.c, broadcast(p.c, symbols(p.c, "j", to), {}), {});
      p.prove(fmt::format("ranks {}, {}", from, to), before == after);
    }
  }
}

/// f is an uninterpreted function of elements: any elementwise op.
void reshape_of_an_op(Prover& p) {
  const expr i = p.c.int_const("i");
  const z3::func_decl x = elements(p.c, "x");
  const z3::func_decl y = elements(p.c, "y");  // f(x, c), reshaped
  const z3::func_decl f = p.c.function("f", p.c.int_sort(), p.c.int_sort(), p.c.int_sort());
  const expr scalar = p.c.int_const("c");
  const expr k = p.c.int_const("k");
  p.prove("f(x, c)", y(reshaped(i)) == f(x(reshaped(i)), scalar), {forall(k, y(k) == f(x(k), scalar))});
}

/// The reshape keeps the last axis, so an element has the same position along it before and after, and a vector that
/// repeats along the other axes has the same element there. A scalar has one element.
void op_of_reshapes(Prover& p) {
  const expr i = p.c.int_const("i");
  const z3::func_decl x = elements(p.c, "x");
  const z3::func_decl y = elements(p.c, "y");
  const z3::func_decl z = elements(p.c, "z");  // f(x, y), before it is reshaped
  const z3::func_decl f = p.c.function("f", p.c.int_sort(), p.c.int_sort(), p.c.int_sort());
  const expr k = p.c.int_const("k");
  p.prove("f(x, y)", f(x(reshaped(i)), y(reshaped(i))) == z(reshaped(i)), {forall(k, z(k) == f(x(k), y(k)))});
  for (std::size_t rank = 2; rank < 5; ++rank) {
    const Sizes n = shape(p.c, "n", rank);
    const Index index = symbols(p.c, "i", rank);
    const Index vector{n.sizes.back()};
    const expr rows = flat(p.c, Index(index.begin(), index.end() - 1), Index(n.sizes.begin(), n.sizes.end() - 1));
    p.prove(fmt::format("rank {}, position", rank), flat(p.c, index, n.sizes) == rows * n.sizes.back() + index.back());
    p.prove(fmt::format("rank {}, vector", rank), same(p.c, broadcast(p.c, index, vector), {index.back()}),
            {inside(p.c, index, n.sizes)});
  }
  // Two positions rows * n + j in shapes with the same last size n are equal only if both j are: their rows differ by
  // d, and d * n is 0 or at least n.
  const expr n = p.c.int_const("n");
  const expr d = p.c.int_const("d");
  p.prove("multiple", d * n >= n, {d >= 1, n >= 1});
  const expr multiple = p.c.int_const("d * n");
  const expr from = p.c.int_const("from");
  const expr to = p.c.int_const("to");
  p.prove(
      "along the last axis", from == to,
      {multiple == 0 || multiple >= n || -multiple >= n, multiple + from == to, from >= 0, from < n, to >= 0, to < n});
}

void broadcast_to_own_shape(Prover& p) {
  for (std::size_t rank = 0; rank < 4; ++rank) {
    const Sizes n = shape(p.c, "n", rank);
    const Index i = symbols(p.c, "i", rank);
    p.prove(fmt::format("rank {}", rank), same(p.c, broadcast(p.c, i, n.sizes), i),
            {may_broadcast(p.c, n, n.sizes), inside(p.c, i, n.sizes)});
  }
}

void broadcast_of_a_broadcast(Prover& p) {
  for (std::size_t r0 = 0; r0 < 4; ++r0) {
    for (std::size_t r1 = r0; r1 < 4; ++r1) {
      for (std::size_t r2 = r1; r2 < 4; ++r2) {
        const Sizes a = shape(p.c, "a", r0);
        const Sizes b = shape(p.c, "b", r1);
        const Index to = symbols(p.c, "c", r2);
        const Index i = symbols(p.c, "i", r2);
        const std::string ranks = fmt::format("ranks {}, {}, {}", r0, r1, r2);
        const expr fits = may_broadcast(p.c, a, b.sizes) && may_broadcast(p.c, b, to);
        p.prove(ranks, same(p.c, broadcast(p.c, broadcast(p.c, i, b.sizes), a.sizes), broadcast(p.c, i, a.sizes)),
                {fits, inside(p.c, i, to)});
        // Where a's Dim is not a static 1, b's is the same Dim.
        std::vector<expr> hypotheses{fits};
        for (std::size_t k = 0; k < r0; ++k) hypotheses.push_back(implies(!a.is_one[k], !b.is_one[k + r1 - r0]));
        p.prove(ranks + ", valid", may_broadcast(p.c, a, to), hypotheses);
      }
    }
  }
}

void broadcast_of_ones_in_front(Prover& p) {
  for (std::size_t r0 = 0; r0 < 4; ++r0) {
    for (std::size_t r1 = r0; r1 < 4; ++r1) {
      for (std::size_t r2 = r1; r2 < 4; ++r2) {
        const Sizes a = shape(p.c, "a", r0);
        const Sizes b = with_ones_in_front(p.c, a, r1 - r0);
        const Index to = symbols(p.c, "c", r2);
        const Index i = symbols(p.c, "i", r2);
        const std::string ranks = fmt::format("ranks {}, {}, {}", r0, r1, r2);
        const expr before = flat(p.c, broadcast(p.c, i, b.sizes), b.sizes);
        const expr after = flat(p.c, broadcast(p.c, i, a.sizes), a.sizes);
        p.prove(ranks, before == after, {may_broadcast(p.c, b, to), inside(p.c, i, to)});
        p.prove(ranks + ", valid", may_broadcast(p.c, a, to), {may_broadcast(p.c, b, to)});
      }
    }
  }
}

void broadcast_of_one_element(Prover& p) {
  for (std::size_t from = 1; from < 4; ++from) {
    for (std::size_t to = from; to < 4; ++to) {
      const Index i = symbols(p.c, "i", to);
      const Index ones(from, p.c.int_val(1));
      p.prove(fmt::format("ranks {}, {}", from, to), flat(p.c, broadcast(p.c, i, ones), ones) == 0);
    }
  }
}

void broadcast_of_iota(Prover& p) {
  for (std::size_t from = 1; from < 4; ++from) {
    for (std::size_t to = from; to < 4; ++to) {
      for (std::size_t axis = 0; axis < from; ++axis) {
        const Sizes a = shape(p.c, "a", from);
        const Index sizes = symbols(p.c, "c", to);
        const Index i = symbols(p.c, "i", to);
        const std::size_t moved = axis + to - from;
        p.prove(fmt::format("ranks {}, {}, axis {}", from, to, axis), broadcast(p.c, i, a.sizes)[axis] == i[moved],
                {may_broadcast(p.c, a, sizes), inside(p.c, i, sizes), sizes[moved] == a.sizes[axis]});
      }
    }
  }
}

void op_of_broadcasts(Prover& p) {
  const z3::func_decl x = elements(p.c, "x");
  const z3::func_decl y = elements(p.c, "y");
  const z3::func_decl result = elements(p.c, "r");  // f(x, y, c) before the broadcast
  const z3::sort integer = p.c.int_sort();
  const z3::func_decl f = p.c.function("f", integer, integer, integer, integer);
  const expr k = p.c.int_const("k");
  const expr scalar = p.c.int_const("scalar");
  for (std::size_t from = 0; from < 4; ++from) {
    for (std::size_t to = from; to < 4; ++to) {
      const Sizes a = shape(p.c, "a", from);
      const Index i = symbols(p.c, "i", to);
      const expr at = flat(p.c, broadcast(p.c, i, a.sizes), a.sizes);
      p.prove(fmt::format("ranks {}, {}", from, to), f(x(at), y(at), scalar) == result(at),
              {forall(k, result(k) == f(x(k), y(k), scalar))});
    }
  }
}

void transpose_that_keeps_the_order(Prover& p) {
  for (std::size_t rank = 0; rank < 5; ++rank) {
    for (const std::vector<std::size_t>& ones : subsets(rank)) {
      const auto is_one = [&](std::size_t axis) { return std::ranges::find(ones, axis) != ones.end(); };
      Index n = symbols(p.c, "n", rank);
      for (const std::size_t axis : ones) n[axis] = p.c.int_val(1);
      for_each_permutation(rank, [&](const Permutation& permutation) {
        Permutation others;
        for (const std::size_t axis : permutation) {
          if (!is_one(axis)) others.push_back(axis);
        }
        if (!std::ranges::is_sorted(others)) return;
        Index i = symbols(p.c, "i", rank);
        for (std::size_t k = 0; k < rank; ++k) {
          if (is_one(permutation[k])) i[k] = p.c.int_val(0);
        }
        p.prove(fmt::format("[{}], ones [{}]", fmt::join(permutation, ","), fmt::join(ones, ",")),
                flat(p.c, transposed(i, permutation), n) == flat(p.c, i, permuted(n, permutation)));
      });
    }
  }
}

void transpose_of_a_transpose(Prover& p) {
  for (std::size_t rank = 0; rank < 5; ++rank) {
    const Index i = symbols(p.c, "i", rank);
    const Index n = symbols(p.c, "n", rank);
    for_each_permutation(rank, [&](const Permutation& first) {
      for_each_permutation(rank, [&](const Permutation& second) {
        const Permutation both = permuted(first, second);
        p.prove(fmt::format("[{}] [{}]", fmt::join(first, ","), fmt::join(second, ",")),
                same(p.c, transposed(transposed(i, second), first), transposed(i, both)) &&
                    same(p.c, permuted(permuted(n, first), second), permuted(n, both)));
      });
    });
  }
}

constexpr IndexTheorem kTheorems[] = {
    {"reshape x to its own shape -> x", "all shapes", reshape_once},
    {"reshape reshape x -> reshape x", "all shapes", reshape_once},
    {"reshape broadcast of a scalar -> broadcast", "ranks 0 to 3", reshape_of_a_scalar},
    {"reshape f(x) -> f(reshape x) near an input", "all shapes and elementwise ops", reshape_of_an_op},
    {"f(reshape x) -> reshape f(x) behind folded axes", "all shapes and elementwise ops", op_of_reshapes},
    {"broadcast x to its own shape -> x", "ranks 0 to 3", broadcast_to_own_shape},
    {"broadcast broadcast x -> broadcast x", "ranks 0 to 3", broadcast_of_a_broadcast},
    {"broadcast reshape x with ones in front -> broadcast x", "ranks 0 to 3", broadcast_of_ones_in_front},
    {"broadcast constant of one element -> broadcast of a scalar", "ranks 1 to 3", broadcast_of_one_element},
    {"broadcast iota -> iota", "ranks 1 to 3, every axis", broadcast_of_iota},
    {"f(broadcast x) -> broadcast f(x)", "ranks 0 to 3, all elementwise ops", op_of_broadcasts},
    {"transpose that keeps the order -> reshape", "ranks 0 to 4, every permutation", transpose_that_keeps_the_order},
    {"transpose transpose x -> transpose x", "ranks 0 to 4, every pair of permutations", transpose_of_a_transpose},
};

}  // namespace

std::span<const IndexTheorem> shape_theorems() { return kTheorems; }

}  // namespace sluice::proofs

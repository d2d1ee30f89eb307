// Products of tensors of any rank: matmul, einsum, tensordot, and Dense on more than two axes.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <map>
#include <numeric>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"

namespace sluice::contraction_test {
namespace {

using F = std::vector<float>;
using I = std::vector<std::int64_t>;

/// Small integers, whose sums of products are exact in any order.
Array numbers(const I& sizes, int first = 1) {
  const std::int64_t count = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
  F elements;
  for (int i = 0; i < count; ++i) elements.push_back(static_cast<float>((first + 7 * i) % 11 - 5));
  return Array(elements, sizes);
}

/// Accesses the elements of an array by the values of its labels.
class ByLabel {
 public:
  ByLabel(const Array& array, std::string labels)
      : elements_(test::floats(array)), sizes_(array.sizes()), labels_(std::move(labels)) {}

  float at(const std::map<char, std::int64_t>& index) const {
    std::int64_t position = 0;
    for (std::size_t axis = 0; axis < labels_.size(); ++axis)
      position = position * sizes_[axis] + (sizes_[axis] == 1 ? 0 : index.at(labels_[axis]));
    return elements_[static_cast<std::size_t>(position)];
  }
  void note_sizes(std::map<char, std::int64_t>& sizes) const {
    for (std::size_t axis = 0; axis < labels_.size(); ++axis) {
      std::int64_t& size = sizes[labels_[axis]];
      if (size <= 1) size = sizes_[axis];
    }
  }

 private:
  F elements_;
  I sizes_;
  std::string labels_;
};

/// Adds up all products one by one. Labels of "..." have their own letters here, and may have size 1.
Array summed_up(const std::vector<std::string>& labels, const std::string& output, const std::vector<Array>& arrays) {
  std::vector<ByLabel> operands;
  std::map<char, std::int64_t> sizes;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    operands.emplace_back(arrays[i], labels[i]);
    operands.back().note_sizes(sizes);
  }
  std::string all = output;
  for (const auto& [label, size] : sizes) {
    if (output.find(label) == std::string::npos) all += label;
  }
  I result_sizes;
  for (const char label : output) result_sizes.push_back(sizes.at(label));
  Array result(DType::kF32, result_sizes);
  std::int64_t count = 1;
  for (const char label : all) count *= sizes.at(label);
  for (std::int64_t i = 0; i < count; ++i) {
    std::map<char, std::int64_t> index;
    std::int64_t rest = i;
    for (std::size_t axis = all.size(); axis-- > 0; rest /= sizes.at(all[axis]))
      index[all[axis]] = rest % sizes.at(all[axis]);
    std::int64_t position = 0;
    for (const char label : output) position = position * sizes.at(label) + index.at(label);
    float product = 1;
    for (const ByLabel& operand : operands) product *= operand.at(index);
    result.data<float>()[static_cast<std::size_t>(position)] += product;
  }
  return result;
}

Array run_einsum(const std::string& equation, const std::vector<Array>& arrays) {
  const auto of = [&](auto... x) { return einsum(equation, std::vector<Tensor>{x...}); };
  if (arrays.size() == 1) return function([&](Tensor a) { return of(a); })(arrays[0]);
  if (arrays.size() == 2) return function([&](Tensor a, Tensor b) { return of(a, b); })(arrays[0], arrays[1]);
  return function([&](Tensor a, Tensor b, Tensor c) { return of(a, b, c); })(arrays[0], arrays[1], arrays[2]);
}

void check_same(const Array& got, const Array& expected) {
  CHECK(got.sizes() == expected.sizes());
  CHECK(test::floats(got) == test::floats(expected));
}

struct EinsumCase {
  std::string equation;
  std::vector<std::string> labels;  ///< with letters for the axes of "..."
  std::string output;
  std::vector<I> sizes;
};

const std::vector<EinsumCase> kEinsums{{"ij,jk->ik", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}},
                                       {"ij,jk", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}},
                                       {"ji,jk->ki", {"ji", "jk"}, "ki", {{3, 2}, {3, 4}}},
                                       {" b i j , b j k -> b i k ", {"bij", "bjk"}, "bik", {{2, 3, 4}, {2, 4, 5}}},
                                       {"bij,bkj->bik", {"bij", "bkj"}, "bik", {{2, 3, 4}, {2, 5, 4}}},
                                       {"bqhd,bkhd->bhqk", {"bqhd", "bkhd"}, "bhqk", {{2, 3, 4, 5}, {2, 6, 4, 5}}},
                                       {"bhqk,bkhd->bqhd", {"bhqk", "bkhd"}, "bqhd", {{2, 4, 3, 6}, {2, 6, 4, 5}}},
                                       {"bti,io->bto", {"bti", "io"}, "bto", {{2, 3, 4}, {4, 5}}},
                                       {"bhtd,hde->bte", {"bhtd", "hde"}, "bte", {{2, 3, 4, 5}, {3, 5, 6}}},
                                       {"hde,bhtd->bhte", {"hde", "bhtd"}, "bhte", {{3, 5, 6}, {2, 3, 4, 5}}},
                                       {"i,j->ij", {"i", "j"}, "ij", {{3}, {4}}},
                                       {"i,i", {"i", "i"}, "", {{3}, {3}}},
                                       {"bij,bij->b", {"bij", "bij"}, "b", {{2, 3, 4}, {2, 3, 4}}},
                                       {"ij,j->i", {"ij", "j"}, "i", {{2, 3}, {3}}},
                                       {"ij,k->k", {"ij", "k"}, "k", {{2, 2}, {2}}},
                                       {"ij->ji", {"ij"}, "ji", {{2, 3}}},
                                       {"ba", {"ba"}, "ab", {{2, 3}}},
                                       {"ij->", {"ij"}, "", {{2, 3}}},
                                       {"ii", {"ii"}, "", {{3, 3}}},
                                       {"ii->i", {"ii"}, "i", {{3, 3}}},
                                       {"iij->ij", {"iij"}, "ij", {{2, 2, 2}}},
                                       {"iij->i", {"iij"}, "i", {{2, 2, 2}}},
                                       {"iji,ik->jk", {"iji", "ik"}, "jk", {{2, 3, 2}, {2, 4}}},
                                       {"tiijj->ij", {"tiijj"}, "ij", {{2, 2, 2, 2, 2}}},
                                       {"ij,jk,kl->il", {"ij", "jk", "kl"}, "il", {{2, 3}, {3, 4}, {4, 5}}},
                                       {"ij,ik,il->jkl", {"ij", "ik", "il"}, "jkl", {{2, 3}, {2, 4}, {2, 5}}},
                                       {"bi,bj,b->ij", {"bi", "bj", "b"}, "ij", {{3, 2}, {3, 4}, {3}}},
                                       {"...ij,...jk->...ik", {"xyij", "xyjk"}, "xyik", {{2, 3, 2, 3}, {2, 3, 3, 2}}},
                                       {"...ij,...jk->...ik", {"xyij", "yjk"}, "xyik", {{2, 1, 2, 3}, {4, 3, 2}}},
                                       {"...ij,...jk->...ik", {"ij", "jk"}, "ik", {{2, 3}, {3, 4}}},
                                       {"...ij,jk", {"xij", "jk"}, "xik", {{5, 2, 3}, {3, 4}}},
                                       {"i...,...j->j...i", {"ix", "xj"}, "jxi", {{2, 3}, {3, 4}}},
                                       {"...i->...", {"xyi"}, "xy", {{2, 3, 4}}},
                                       {"...,...->...", {"xy", "y"}, "xy", {{2, 3}, {3}}},
                                       {"...ij->ij", {"xij"}, "ij", {{4, 2, 3}}},
                                       {"aB,Bc->ac", {"aB", "Bc"}, "ac", {{2, 3}, {3, 4}}},
                                       {"bi,bj->ij", {"bi", "bj"}, "ij", {{0, 2}, {0, 3}}},
                                       {"bij,bjk->bik", {"bij", "bjk"}, "bik", {{0, 2, 3}, {0, 3, 2}}},
                                       {"bij,bjk->bik", {"bij", "bjk"}, "bik", {{2, 2, 0}, {2, 0, 3}}}};

TEST_CASE("einsum adds up all products") {
  for (const EinsumCase& c : kEinsums) {
    INFO(c.equation);
    std::vector<Array> arrays;
    for (const I& sizes : c.sizes) arrays.push_back(numbers(sizes, static_cast<int>(arrays.size()) + 1));
    check_same(run_einsum(c.equation, arrays), summed_up(c.labels, c.output, arrays));
  }
}

TEST_CASE("einsum of integers") {
  const auto product = function([](Tensor a, Tensor b) { return einsum("ij,jk->ik", a, b); });
  const Array result = product(Array(I{1, 2, 3, 4}, {2, 2}), Array(I{5, 6, 7, 8}, {2, 2}));
  CHECK(std::vector(result.data<std::int64_t>().begin(), result.data<std::int64_t>().end()) == I{19, 22, 43, 50});
}

TEST_CASE("derivatives of einsum are zero off a diagonal and reach every element of a sum") {
  const auto of = [](const char* equation) {
    return function([equation](Tensor x, Tensor y, Tensor up) {
      return outputs(gradients(reduce_sum(einsum(equation, x, y) * up), {x, y})[0],
                     gradients(reduce_sum(einsum(equation, x, y) * up), {x, y})[1]);
    });
  };
  const auto [dx, dy] = of("ii,i->i")(Array(F{1, 2, 3, 4}, {2, 2}), Array(F{5, 6}, {2}), Array(F{1, 1}, {2}));
  CHECK(test::floats(dx) == F{5, 0, 0, 6});
  CHECK(test::floats(dy) == F{1, 4});
  const auto [dz, dk] = of("ij,k->k")(Array(F{1, 2, 3, 4}, {2, 2}), Array(F{1, 2}, {2}), Array(F{1, 1}, {2}));
  CHECK(test::floats(dz) == F{3, 3, 3, 3});
  CHECK(test::floats(dk) == F{10, 10});
}

TEST_CASE("matmul broadcasts batch axes and takes vectors") {
  struct Case {
    I a, b;
    std::string of_a, of_b, result;
  };
  for (const Case& c :
       {Case{{2, 3, 4}, {2, 4, 5}, "xik", "xkj", "xij"}, Case{{2, 1, 3, 4}, {5, 4, 2}, "xyik", "ykj", "xyij"},
        Case{{3, 4}, {2, 4, 5}, "ik", "xkj", "xij"}, Case{{2, 3, 4}, {4, 5}, "xik", "kj", "xij"},
        Case{{2, 3, 4}, {1, 4, 5}, "xik", "xkj", "xij"}, Case{{1, 3, 4}, {4, 5}, "xik", "kj", "xij"},
        Case{{2, 5, 3, 4}, {1, 1, 4, 5}, "xyik", "xykj", "xyij"}, Case{{4}, {4, 5}, "k", "kj", "j"},
        Case{{3, 4}, {4}, "ik", "k", "i"}, Case{{4}, {4}, "k", "k", ""}, Case{{2, 3, 4}, {4}, "xik", "k", "xi"},
        Case{{4}, {2, 4, 5}, "k", "xkj", "xj"}, Case{{0, 2, 3}, {0, 3, 2}, "xik", "xkj", "xij"},
        Case{{3, 2, 0}, {0, 2}, "xik", "kj", "xij"}}) {
    const Array a = numbers(c.a, 1);
    const Array b = numbers(c.b, 4);
    INFO(fmt::format("{} {}", c.of_a, c.of_b));
    const Array expected = summed_up({c.of_a, c.of_b}, c.result, {a, b});
    check_same(function([](Tensor x, Tensor y) { return matmul(x, y); })(a, b), expected);
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        if (c.a.size() < 2 || c.b.size() < 2) continue;
        const auto turned = [](const Tensor& x) {
          I order(static_cast<std::size_t>(x.rank()));
          std::iota(order.begin(), order.end(), 0);
          std::swap(order.back(), order[order.size() - 2]);
          return transpose(x, order);
        };
        check_same(function([&](Tensor x, Tensor y) {
                     return matmul(transpose_a ? turned(x) : x, transpose_b ? turned(y) : y,
                                   {.transpose_a = transpose_a, .transpose_b = transpose_b});
                   })(a, b),
                   expected);
      }
    }
  }
}

TEST_CASE("the derivative of a product sums over the batch axes that broadcast") {
  const Array a = numbers({2, 1, 3, 4});
  const Array b = numbers({5, 4, 2}, 3);
  const Array up = numbers({2, 5, 3, 2}, 6);
  const auto derivatives = function([](Tensor x, Tensor y, Tensor g) {
    const std::vector<Tensor> d = gradients(reduce_sum(matmul(x, y) * g), {x, y});
    return outputs(d[0], d[1]);
  });
  const auto [da, db] = derivatives(a, b, up);
  check_same(da, summed_up({"ykj", "xyij"}, "xik", {b, up}).reshaped({2, 1, 3, 4}));
  check_same(db, summed_up({"xik", "xyij"}, "ykj", {a.reshaped({2, 3, 4}), up}));
}

TEST_CASE("matmul of a batch whose size is only known in a call") {
  const auto scores = function("scores", {f32(batch, 3, 4), f32(batch, 5, 4)},
                               [](Tensor q, Tensor k) { return matmul(q, k, {.transpose_b = true}); });
  for (const std::int64_t size : {1, 3, 64}) {
    const Array q = numbers({size, 3, 4});
    const Array k = numbers({size, 5, 4}, 2);
    check_same(scores(q, k), summed_up({"bid", "bjd"}, "bij", {q, k}));
  }
  const auto rows = function("rows", {f32(2, batch, 4), f32(2, 4, 3)}, [](Tensor x, Tensor y) { return matmul(x, y); });
  for (const std::int64_t size : {1, 3, 64}) {
    const Array x = numbers({2, size, 4});
    const Array y = numbers({2, 4, 3}, 2);
    check_same(rows(x, y), summed_up({"bid", "bdj"}, "bij", {x, y}));
  }
}

TEST_CASE("tensordot sums over the last axes of one and the first of the other, or over those named") {
  const Array a = numbers({2, 3, 4});
  const Array b = numbers({3, 4, 5}, 2);
  check_same(function([](Tensor x, Tensor y) { return tensordot(x, y); })(a, b),
             summed_up({"ijk", "jkl"}, "il", {a, b}));
  check_same(function([](Tensor x, Tensor y) {
               return tensordot(x, y, {1, -1}, {0, 1});
             })(a, b),
             summed_up({"ijk", "jkl"}, "il", {a, b}));
  const Array c = numbers({4, 2, 3}, 5);
  check_same(function([](Tensor x, Tensor y) {
               return tensordot(x, y, {0, 2}, {1, 0});
             })(a, c),
             summed_up({"ijk", "kim"}, "jm", {a, c}));
  check_same(function([](Tensor x, Tensor y) { return tensordot(x, y, 1); })(a, numbers({4, 2}, 3)),
             summed_up({"ijk", "kl"}, "ijl", {a, numbers({4, 2}, 3)}));
  check_same(function([](Tensor x, Tensor y) { return tensordot(x, y, 0); })(numbers({2}), numbers({3}, 2)),
             summed_up({"i", "j"}, "ij", {numbers({2}), numbers({3}, 2)}));
  check_same(function([](Tensor x, Tensor y) { return tensordot(x, y, 3); })(a, a),
             summed_up({"ijk", "ijk"}, "", {a, a}));
}

TEST_CASE("Dense works on the last axis, whatever precedes it") {
  Dense dense(5, relu);
  const auto layer = function([&](Tensor x) { return dense(x); });
  const Array x = numbers({2, 3, 4});
  const Array rows = layer(x.reshaped({6, 4}));
  const Array result = layer(x);
  CHECK(result.sizes() == I{2, 3, 5});
  CHECK(test::floats(result) == test::floats(rows));
  const auto with_batch = function("layer", {f32(batch, 3, 4)}, [&](Tensor y) { return dense(y); });
  CHECK(test::floats(with_batch(x)) == test::floats(rows));
}

}  // namespace
}  // namespace sluice::contraction_test

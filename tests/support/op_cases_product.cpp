#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

/// M, N and K of a product, one of which may be B.
struct Extents {
  Dim m;
  Dim n;
  Dim k;
};

Value product(Builder& b, DType dtype, const Extents& e, bool transpose_a, bool transpose_b) {
  const Value x = input(b, {dtype, transpose_a ? Shape{e.k, e.m} : Shape{e.m, e.k}});
  const Value y = input(b, {dtype, transpose_b ? Shape{e.n, e.k} : Shape{e.k, e.n}});
  return b(Op::kMatmul, {x, y}, {{Attr::kTransposeA, transpose_a}, {Attr::kTransposeB, transpose_b}});
}

struct NamedExtents {
  std::string_view name;
  std::vector<Extents> list;
};

std::vector<NamedExtents> all_extents() {
  return {{"b_rows", {{batch, 33, 17}, {batch, 10, 100}, {batch, 1, 3}, {2 * batch, 17, 5}}},
          {"b_columns", {{17, batch, 33}, {1, batch, 100}}},
          {"b_inner", {{33, 17, batch}, {100, 10, batch}, {1, 1, batch}}},
          {"static", {{1, 1, 1}, {3, 17, 33}, {33, 100, 1}, {100, 1, 17}, {65, 67, 300}}}};
}

/// Products of a batch of matrices: its axes, then M, N and K. One of them may be B.
struct BatchExtents {
  Shape batch_axes;
  Extents e;
};

Value product_of_batch(Builder& b, DType dtype, const BatchExtents& of, bool transpose_a, bool transpose_b) {
  const auto operand = [&](Dim rows, Dim columns) {
    Shape shape = of.batch_axes;
    shape.push_back(rows);
    shape.push_back(columns);
    return input(b, {dtype, shape});
  };
  const Value x = transpose_a ? operand(of.e.k, of.e.m) : operand(of.e.m, of.e.k);
  const Value y = transpose_b ? operand(of.e.n, of.e.k) : operand(of.e.k, of.e.n);
  return b(Op::kMatmul, {x, y}, {{Attr::kTransposeA, transpose_a}, {Attr::kTransposeB, transpose_b}});
}

struct NamedBatchExtents {
  std::string_view name;
  std::vector<BatchExtents> list;
};

std::vector<NamedBatchExtents> all_batch_extents() {
  return {{"batch/b", {{{batch}, {17, 33, 9}}, {{batch, 2}, {1, 28, 28}}, {{3, 2 * batch}, {13, 1, 5}}}},
          {"batch/b_rows", {{{3}, {batch, 33, 17}}, {{2, 2}, {2 * batch, 5, 7}}}},
          {"batch/b_columns", {{{3}, {17, batch, 9}}, {{1}, {1, 3 * batch, 4}}}},
          {"batch/b_inner", {{{3}, {17, 33, batch}}, {{2, 1}, {1, 5, 2 * batch}}}},
          {"batch/static", {{{1}, {1, 1, 1}}, {{5}, {28, 28, 28}}, {{2, 3}, {65, 67, 70}}, {{2, 1, 2}, {7, 100, 1}}}},
          {"batch/empty",
           {{{batch}, {0, 5, 3}},
            {{batch}, {5, 0, 3}},
            {{batch}, {5, 20, 0}},
            {{0}, {5, 7, batch}},
            {{2, 0}, {3, 5, 7}},
            {{2}, {batch, 5, 0}},
            {{3}, {0, batch, 5}}}}};
}

/// Epilogues of batched products: values of the result's shape, a matrix, a row, a column and the batch, in short
/// chains and in those that go through scratch or run one tile behind.
std::vector<Value> epilogues_of_batch(Builder& b) {
  const Shape shape{batch, 2, 13, 33};
  const auto sums = [&](bool transpose_b) {
    return product_of_batch(b, DType::kF32, {{batch, 2}, {13, 33, 20}}, false, transpose_b);
  };
  const auto repeated = [&](const Shape& from) { return b.broadcast(input(b, {DType::kF32, from}), shape); };
  const Value biased = b(Op::kAdd, {sums(false), repeated({33})});
  const Value masked = b(Op::kAdd, {sums(true), repeated({13, 33})});
  const Value scaled = b(Op::kMul, {sums(false), repeated({batch, 1, 1, 1})});
  const Value shifted = b(Op::kSub, {scaled, repeated({2, 13, 1})});
  const Value x = input(b, {DType::kF32, shape});
  const Value both = b(Op::kMul, {b(Op::kAdd, {sums(false), x}), input(b, {DType::kF32, shape})});
  return {b(Op::kRelu, {biased}), b(Op::kTanh, {masked}), b(Op::kSigmoid, {shifted}), both, b(Op::kSquare, {both})};
}

/// More than a tile or a cache block in each direction, where one case is enough.
void add_large(Cases& cases) {
  cases.push_back({"matmul/f32/batch/epilogues", Op::kMatmul, Agreement::kSummed, Fill::kRandom, epilogues_of_batch});
  cases.push_back({"matmul/f32/batch/large", Op::kMatmul, Agreement::kSummed, Fill::kRandom, [](Builder& b) {
                     return std::vector{product_of_batch(b, DType::kF32, {{2}, {batch, 129, 300}}, false, true),
                                        product_of_batch(b, DType::kF32, {{2}, {70, 130, 5 * batch}}, true, false),
                                        product_of_batch(b, DType::kF32, {{batch}, {64, 96, 64}}, false, true)};
                   }});
  cases.push_back({"matmul/f32/batch/special", Op::kMatmul, Agreement::kSummed, Fill::kNonFinite, [](Builder& b) {
                     return std::vector{product_of_batch(b, DType::kF32, {{batch}, {5, 9, 3}}, false, false)};
                   }});
  cases.push_back({"matmul/f32/large", Op::kMatmul, Agreement::kSummed, Fill::kRandom, [](Builder& b) {
                     return std::vector{product(b, DType::kF32, {batch, 510, 787}, false, false),
                                        product(b, DType::kF32, {787, 510, batch}, true, false),
                                        product(b, DType::kF32, {batch, 787, 510}, false, true)};
                   }});
  cases.push_back({"matmul/f32/special", Op::kMatmul, Agreement::kSummed, Fill::kNonFinite, [](Builder& b) {
                     return std::vector{product(b, DType::kF32, {batch, 17, 3}, false, false)};
                   }});
}

}  // namespace

void add_product_cases(Cases& cases) {
  for (const DType dtype : kFloats) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const NamedExtents& extents : all_extents()) {
          const std::string name = fmt::format("matmul/{}/{}{}/{}", to_string(dtype), transpose_a ? "t" : "n",
                                               transpose_b ? "t" : "n", extents.name);
          cases.push_back({name, Op::kMatmul, Agreement::kSummed, Fill::kRandom, [=](Builder& b) {
                             std::vector<Value> results;
                             for (const Extents& e : extents.list) {
                               results.push_back(product(b, dtype, e, transpose_a, transpose_b));
                             }
                             return results;
                           }});
        }
        for (const NamedBatchExtents& extents : all_batch_extents()) {
          const std::string name = fmt::format("matmul/{}/{}{}/{}", to_string(dtype), transpose_a ? "t" : "n",
                                               transpose_b ? "t" : "n", extents.name);
          cases.push_back({name, Op::kMatmul, Agreement::kSummed, Fill::kRandom, [=](Builder& b) {
                             std::vector<Value> results;
                             for (const BatchExtents& of : extents.list)
                               results.push_back(product_of_batch(b, dtype, of, transpose_a, transpose_b));
                             return results;
                           }});
        }
      }
    }
  }
  add_large(cases);
}

}  // namespace sluice::test

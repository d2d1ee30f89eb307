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
  return {{"b_rows", {{batch, 33, 17}, {batch, 10, 100}, {batch, 1, 3}, {Dim(2, true), 17, 5}}},
          {"b_columns", {{17, batch, 33}, {1, batch, 100}}},
          {"b_inner", {{33, 17, batch}, {100, 10, batch}, {1, 1, batch}}},
          {"static", {{1, 1, 1}, {3, 17, 33}, {33, 100, 1}, {100, 1, 17}, {65, 67, 300}}}};
}

/// More than a tile or a cache block in each direction, where one case is enough.
void add_large(Cases& cases) {
  cases.push_back({"matmul/f32/large", Op::kMatmul, Agreement::kSummed, Fill::kRandom, [](Builder& b) {
                     return std::vector{product(b, DType::kF32, {batch, 510, 787}, false, false),
                                        product(b, DType::kF32, {787, 510, batch}, true, false),
                                        product(b, DType::kF32, {batch, 787, 510}, false, true)};
                   }});
  cases.push_back({"matmul/f32/special", Op::kMatmul, Agreement::kSummed, Fill::kNonFinite,
                   [](Builder& b) { return std::vector{product(b, DType::kF32, {batch, 17, 3}, false, false)}; }});
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
      }
    }
  }
  add_large(cases);
}

}  // namespace sluice::test

#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

/// Indices on both sides of 0 <= i < 10.
Value indices(Builder& b, DType dtype, const Shape& shape) {
  return input(b, {dtype, shape}, dtype == DType::kU8 ? Range{0, 14} : Range{-3, 14});
}

void add_one_hot(Cases& cases, DType from, DType to) {
  cases.push_back({fmt::format("one_hot/{}/{}", to_string(from), to_string(to)), Op::kOneHot, Agreement::kBits,
                   Fill::kRandom, [=](Builder& b) {
                     std::vector<Value> results;
                     for (const Shape& shape : {Shape{batch}, Shape{}, Shape{3, batch}, Shape{17}}) {
                       results.push_back(b(Op::kOneHot, {indices(b, from, shape)},
                                           {{Attr::kDepth, std::int64_t{10}}, {Attr::kDType, to}}));
                     }
                     return results;
                   }});
}

/// Tables and the shapes of indices into them: [N], [N,R], [N,R,S], by a scalar, a row and a matrix of indices.
struct Lookup {
  Shape table;
  Shape indices;
};

std::vector<Lookup> lookups() {
  return {{{10}, {}},         {{10}, {batch}}, {{10, 17}, {batch}}, {{10, 17}, {}},     {{10, 3, 5}, {batch, 2}},
          {{10, 33}, {3, 5}}, {{batch}, {7}},  {{batch, 7}, {3}},   {{10, batch}, {4}}, {{1, 3}, {batch}}};
}

void add_lookups(Cases& cases, DType dtype, DType index) {
  const std::string types = fmt::format("{}/{}", to_string(dtype), to_string(index));
  cases.push_back({"gather/" + types, Op::kGather, Agreement::kBits, Fill::kRandom, [=](Builder& b) {
                     std::vector<Value> results;
                     for (const Lookup& lookup : lookups()) {
                       const Value table = input(b, {dtype, lookup.table});
                       results.push_back(b(Op::kGather, {table, indices(b, index, lookup.indices)}));
                     }
                     return results;
                   }});
  const auto add_scatter = [&](Op op, Agreement agreement) {
    cases.push_back({fmt::format("{}/{}", to_string(op), types), op, agreement, Fill::kRandom, [=](Builder& b) {
                       std::vector<Value> results;
                       for (const Lookup& lookup : lookups()) {
                         const Value table = input(b, {dtype, lookup.table});
                         Shape rows = lookup.indices;
                         for (int axis = 1; axis < lookup.table.rank(); ++axis) rows.push_back(lookup.table[axis]);
                         const Value at = indices(b, index, lookup.indices);
                         results.push_back(b(op, {table, at, input(b, {dtype, rows})}));
                       }
                       return results;
                     }});
  };
  add_scatter(Op::kScatter, Agreement::kBits);
  if (dtype != DType::kBool) add_scatter(Op::kScatterAdd, Agreement::kValue);
}

}  // namespace

void add_index_cases(Cases& cases) {
  for (const DType index : kIntegers) {
    for (const DType dtype : kAllDTypes) {
      add_one_hot(cases, index, dtype);
      add_lookups(cases, dtype, index);
    }
  }
}

}  // namespace sluice::test

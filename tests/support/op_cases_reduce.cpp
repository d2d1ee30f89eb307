#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

using i64 = std::int64_t;
using Axes = std::vector<i64>;

Agreement agreement_of(Op op) { return op == Op::kReduceSum ? Agreement::kSummed : Agreement::kValue; }

/// Every set of axes of a cube with B in each position, and of other ranks.
std::vector<Value> reductions(Builder& b, Op op, DType dtype) {
  std::vector<Value> results;
  // Floats whose mean is not 0, so that long sums are large compared with their rounding errors.
  const auto of = [&](const Shape& shape) {
    return input(b, {dtype, shape}, is_float(dtype) ? Range{-1, 2} : natural_range(dtype));
  };
  const auto add = [&](Value x, const Axes& axes) { results.push_back(b(op, {x}, {{Attr::kAxes, axes}})); };
  const Value cube = of({batch, 5, 17});
  for (const Axes& axes : {Axes{}, Axes{0}, Axes{1}, Axes{2}, Axes{0, 1}, Axes{0, 2}, Axes{1, 2}, Axes{0, 1, 2}}) {
    add(cube, axes);
  }
  add(of({33, batch}), {0});
  add(of({3, batch, 100}), {1});
  add(of({3, batch, 5}), {0, 2});
  add(of({batch}), {0});
  add(of({1}), {0});
  add(of({100, 33}), {0, 1});
  add(of({33, 100}), {1});
  add(of({}), {});
  return results;
}

void add_reductions(Cases& cases, Op op, DType dtype) {
  cases.push_back({fmt::format("{}/{}/axes", to_string(op), to_string(dtype)), op, agreement_of(op), Fill::kRandom,
                   [=](Builder& b) { return reductions(b, op, dtype); }});
}

/// Few elements, so that each result meets only some of the values.
void add_filled(Cases& cases, Op op, DType dtype, std::string_view kind, Fill fill) {
  cases.push_back(
      {fmt::format("{}/{}/{}", to_string(op), to_string(dtype), kind), op, agreement_of(op), fill, [=](Builder& b) {
         const Value x = input(b, {dtype, {batch, 7, 3}});
         std::vector<Value> results;
         for (const Axes& axes : {Axes{0}, Axes{1}, Axes{2}, Axes{0, 1, 2}}) {
           results.push_back(b(op, {x}, {{Attr::kAxes, axes}}));
         }
         return results;
       }});
}

void add_is_first_max(Cases& cases, DType dtype, std::string_view kind, Fill fill) {
  cases.push_back({fmt::format("is_first_max/{}/{}", to_string(dtype), kind), Op::kIsFirstMax, Agreement::kBits, fill,
                   [=](Builder& b) {
                     std::vector<Value> results;
                     const auto add = [&](const Shape& shape, const Axes& axes) {
                       results.push_back(b(Op::kIsFirstMax, {input(b, {dtype, shape})}, {{Attr::kAxes, axes}}));
                     };
                     add({batch, 2, 3, 2, 17}, {1, 3});
                     add({batch, 4, 5}, {1});
                     add({batch, 7}, {1});  // along vectors
                     add({3, 3, batch}, {0, 1});
                     add({batch, 5}, {});
                     add({3}, {0});
                     add({batch, 0, 3}, {1});
                     return results;
                   }});
}

void add_argmax(Cases& cases, DType dtype, std::string_view kind, Fill fill) {
  cases.push_back(
      {fmt::format("argmax/{}/{}", to_string(dtype), kind), Op::kArgmax, Agreement::kBits, fill, [=](Builder& b) {
         std::vector<Value> results;
         const auto add = [&](Value x, i64 axis) { results.push_back(b(Op::kArgmax, {x}, {{Attr::kAxis, axis}})); };
         const Value cube = input(b, {dtype, {batch, 5, 17}});
         for (const i64 axis : {0, 1, 2}) add(cube, axis);
         add(input(b, {dtype, {batch, 10}}), 1);
         add(input(b, {dtype, {33, batch}}), 0);
         add(input(b, {dtype, {3, 100}}), 1);
         add(input(b, {dtype, {1}}), 0);
         return results;
       }});
}

void add_argsort(Cases& cases, DType dtype, std::string_view kind, Fill fill) {
  cases.push_back(
      {fmt::format("argsort/{}/{}", to_string(dtype), kind), Op::kArgsort, Agreement::kBits, fill, [=](Builder& b) {
         std::vector<Value> results;
         const auto add = [&](const Shape& shape, bool descending) {
           results.push_back(b(Op::kArgsort, {input(b, {dtype, shape})}, {{Attr::kDescending, descending}}));
         };
         add({batch, 2, 33}, false);  // by digits
         add({batch, 32}, true);      // by counting
         add({3, 300}, true);
         add({5, 1}, false);
         add({batch}, false);
         add({2, batch}, true);
         // The first places: of short rows, of rows whose candidates are sorted once, twice, and often.
         const auto add_first = [&](const Shape& shape, i64 limit, bool descending) {
           add(shape, descending);
           results.back() = b(Op::kSlice, {results.back()},
                              {{Attr::kAxis, i64{shape.rank() - 1}}, {Attr::kLimit, limit}, {Attr::kStart, i64{0}}});
         };
         add_first({batch, 2, 33}, 2, true);
         add_first({2, 515}, 1, false);
         add_first({batch, 700}, 10, true);
         add_first({1300}, 300, true);
         add_first({1217}, 303, false);
         return results;
       }});
}

/// Along the last axis element by element, along others by vectors of rows. Sums are carried as doubles, so compiled
/// code has the interpreter's bits.
void add_recurrences(Cases& cases, Op op, DType dtype, std::string_view kind, Fill fill) {
  const auto agreement = fill == Fill::kNonFinite ? Agreement::kValue : Agreement::kBits;
  cases.push_back(
      {fmt::format("{}/{}/{}", info(op).name, to_string(dtype), kind), op, agreement, fill, [=](Builder& b) {
         std::vector<Value> results;
         const auto add = [&](const Shape& shape, i64 axis, bool reverse) {
           const ir::Attributes along{{Attr::kAxis, axis}, {Attr::kReverse, reverse}};
           const Value x = input(b, {dtype, shape});
           const bool sums = op == Op::kCumsum;
           results.push_back(sums ? b(op, {x}, along) : b(op, {x, input(b, {dtype, shape})}, along));
         };
         add({batch, 33}, 1, false);
         add({batch, 5}, 1, true);
         add({batch, 33}, 0, true);
         add({7, batch}, 0, false);
         add({3, batch, 17}, 1, false);
         add({2, 5, 64}, 1, true);
         add({100}, 0, false);
         add({batch, 1}, 1, true);
         return results;
       }});
}

}  // namespace

void add_reduction_cases(Cases& cases) {
  for (const DType dtype : kNumbers) {
    for (const Op op : {Op::kReduceSum, Op::kReduceMax, Op::kReduceMin}) add_reductions(cases, op, dtype);
    for (const auto& [kind, fill] :
         {std::pair{"random", Fill::kRandom}, std::pair{"special", Fill::kSpecial}, std::pair{"ties", Fill::kTies}})
      add_is_first_max(cases, dtype, kind, fill);
    add_argsort(cases, dtype, "random", Fill::kRandom);
    add_argsort(cases, dtype, "special", Fill::kSpecial);
    add_argsort(cases, dtype, "ties", Fill::kTies);
    for (const Op op : {Op::kCumsum, Op::kLinearRecurrence}) {
      add_recurrences(cases, op, dtype, "random", Fill::kRandom);
      add_recurrences(cases, op, dtype, "special", is_float(dtype) ? Fill::kNonFinite : Fill::kSpecial);
    }
    add_argmax(cases, dtype, "random", Fill::kRandom);
    add_argmax(cases, dtype, "special", Fill::kSpecial);
    add_argmax(cases, dtype, "ties", Fill::kTies);
    add_filled(cases, Op::kReduceMax, dtype, "special", Fill::kSpecial);
    add_filled(cases, Op::kReduceMin, dtype, "special", Fill::kSpecial);
    add_filled(cases, Op::kReduceSum, dtype, "special", is_float(dtype) ? Fill::kNonFinite : Fill::kSpecial);
    add_filled(cases, Op::kReduceMax, dtype, "ties", Fill::kTies);
    add_filled(cases, Op::kReduceMin, dtype, "ties", Fill::kTies);
  }
}

}  // namespace sluice::test

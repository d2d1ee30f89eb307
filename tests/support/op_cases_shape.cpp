#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

using i64 = std::int64_t;
using Axes = std::vector<i64>;
using Build = std::function<std::vector<Value>(Builder&, DType)>;

/// One case for each dtype: ops that move elements accept all.
void add_moves(Cases& cases, Op op, std::string_view kind, const Build& build) {
  for (const DType dtype : kAllDTypes) {
    cases.push_back({fmt::format("{}/{}/{}", to_string(op), to_string(dtype), kind), op, Agreement::kBits,
                     Fill::kRandom, [=](Builder& b) { return build(b, dtype); }});
  }
}

std::vector<Value> transposes(Builder& b, DType dtype) {
  std::vector<Value> results;
  const auto add = [&](Value x, Axes permutation) {
    results.push_back(b(Op::kTranspose, {x}, {{Attr::kPermutation, std::move(permutation)}}));
  };
  add(input(b, {dtype, {batch, 17}}), {1, 0});
  add(input(b, {dtype, {33, batch}}), {1, 0});
  add(input(b, {dtype, {33, 100}}), {1, 0});
  const Value cube = input(b, {dtype, {3, batch, 5}});
  for (const Axes& permutation :
       {Axes{0, 1, 2}, Axes{0, 2, 1}, Axes{1, 0, 2}, Axes{1, 2, 0}, Axes{2, 0, 1}, Axes{2, 1, 0}}) {
    add(cube, permutation);
  }
  add(input(b, {dtype, {2, 3, batch, 5}}), {3, 1, 0, 2});
  add(input(b, {dtype, {}}), {});
  return results;
}

std::vector<Value> reshapes(Builder& b, DType dtype) {
  const Value images = input(b, {dtype, {batch, 7, 3}});
  const Value pairs = input(b, {dtype, {batch, 6}});
  const Value scalar = input(b, {dtype, {}});
  const Value matrix = input(b, {dtype, {17, 33}});
  return {b.reshape(images, {batch, 21}), b.reshape(images, {21 * batch}), b.reshape(pairs, {2 * batch, 3}),
          b.reshape(scalar, {1, 1}), b.reshape(b.reshape(matrix, {33, 17}), {561})};
}

std::vector<Value> broadcasts(Builder& b, DType dtype) {
  const auto from = [&](const Shape& shape, const Shape& to) { return b.broadcast(input(b, {dtype, shape}), to); };
  return {from({}, {batch, 17}),              // scalar
          from({17}, {batch, 17}),            // row
          from({batch, 1}, {batch, 17}),      // column
          from({3, 1, 5}, {3, batch, 5}),     // middle
          from({batch, 17}, {4, batch, 17}),  // a new first axis
          from({1, 1}, {batch, 3}),
          from({batch, 1, 7}, {batch, 5, 7}),
          from({3, 1, 1}, {3, 1, 100}),
          from({1, batch, 1}, {2, batch, 33})};
}

std::vector<Value> concats(Builder& b, DType dtype) {
  const auto concat = [&](i64 axis, std::vector<Value> operands) {
    return b.add(Op::kConcat, std::move(operands), {{Attr::kAxis, axis}});
  };
  const auto of = [&](const Shape& shape) { return input(b, {dtype, shape}); };
  const Value twice = of({batch, 5});
  return {concat(0, {of({3, batch}), of({1, batch}), of({17, batch})}),
          concat(1, {of({batch, 3, 5}), of({batch, 1, 5})}),
          concat(1, {of({batch, 33}), of({batch, 17})}),
          concat(0, {of({3, 5}), of({4, 5})}),
          concat(2, {of({3, 2, 1}), of({3, 2, 100})}),
          concat(1, {twice, twice}),
          concat(0, {of({7})})};
}

std::vector<Value> slices(Builder& b, DType dtype) {
  const auto slice = [&](Value x, i64 axis, i64 start, i64 limit) {
    return b(Op::kSlice, {x}, {{Attr::kAxis, axis}, {Attr::kLimit, limit}, {Attr::kStart, start}});
  };
  const Value first = input(b, {dtype, {17, batch}});
  const Value middle = input(b, {dtype, {batch, 9, 5}});
  const Value last = input(b, {dtype, {batch, 100}});
  return {slice(first, 0, 3, 8),
          slice(middle, 1, 0, 9),
          slice(middle, 1, 2, 3),
          slice(middle, 2, 1, 4),
          slice(last, 1, 0, 33),
          slice(last, 1, 67, 100),
          slice(input(b, {dtype, {33}}), 0, 32, 33)};
}

std::vector<Value> pads(Builder& b, DType dtype) {
  const auto pad = [&](Value x, i64 axis, i64 low, i64 high) {
    return b(Op::kPad, {x}, {{Attr::kAxis, axis}, {Attr::kHigh, high}, {Attr::kLow, low}});
  };
  const Value middle = input(b, {dtype, {batch, 3, 5}});
  return {pad(input(b, {dtype, {3, batch}}), 0, 2, 1),
          pad(middle, 1, 1, 0),
          pad(middle, 2, 0, 4),
          pad(middle, 2, 0, 0),
          pad(input(b, {dtype, {batch, 17}}), 1, 3, 13),
          pad(input(b, {dtype, {33}}), 0, 1, 1)};
}

}  // namespace

void add_shape_cases(Cases& cases) {
  add_moves(cases, Op::kTranspose, "axes", transposes);
  add_moves(cases, Op::kReshape, "shapes", reshapes);
  add_moves(cases, Op::kBroadcast, "kinds", broadcasts);
  add_moves(cases, Op::kConcat, "axes", concats);
  add_moves(cases, Op::kSlice, "axes", slices);
  add_moves(cases, Op::kPad, "axes", pads);
}

}  // namespace sluice::test

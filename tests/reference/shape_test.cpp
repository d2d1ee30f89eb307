#include "tests/reference/run_op.h"

namespace sluice::ir {
namespace {

using i64 = std::int64_t;
using u8 = std::uint8_t;
using Axes = std::vector<i64>;

Array nullary(Op op, const Attributes& attributes) { return run_op(op, {}, attributes); }

TEST_CASE("constant returns its literal") {
  const Array literal({1.0, kNaN64}, {2, 1});
  CHECK_SAME(nullary(Op::kConstant, {{Attr::kValue, literal}}), literal);
  CHECK_SAME(nullary(Op::kConstant, {{Attr::kValue, Array::scalar(true)}}), Array::scalar(true));
}

Array iota(i64 axis, DType dtype, const Shape& shape) {
  return nullary(Op::kIota, {{Attr::kAxis, axis}, {Attr::kDType, dtype}, {Attr::kShape, shape}});
}

TEST_CASE("iota counts along one axis") {
  CHECK_SAME(iota(0, DType::kI32, {3, 2}), Array({0, 0, 1, 1, 2, 2}, {3, 2}));
  CHECK_SAME(iota(1, DType::kF32, {2, 3}), Array({0.0F, 1.0F, 2.0F, 0.0F, 1.0F, 2.0F}, {2, 3}));
  CHECK_SAME(iota(1, DType::kI64, {2, 2, 2}), array_of<i64>({0, 0, 1, 1, 0, 0, 1, 1}, {2, 2, 2}));
  const Array bytes = iota(0, DType::kU8, {258});
  CHECK(bytes.data<u8>()[255] == 255);
  CHECK(bytes.data<u8>()[256] == 0);
  CHECK(bytes.data<u8>()[257] == 1);
}

Array transpose(const Array& x, const Axes& permutation) {
  return run_op(Op::kTranspose, {x}, {{Attr::kPermutation, permutation}});
}

TEST_CASE("transpose: axis i of the result is axis permutation[i] of x") {
  CHECK_SAME(transpose(Array({1, 2, 3, 4, 5, 6}, {2, 3}), {1, 0}), Array({1, 4, 2, 5, 3, 6}, {3, 2}));
  CHECK_SAME(transpose(cube(), {2, 0, 1}), Array({1, 3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 12}, {2, 2, 3}));
  CHECK_SAME(transpose(cube(), {0, 1, 2}), cube());
  CHECK_SAME(transpose(Array::scalar(3.0F), {}), Array::scalar(3.0F));
}

TEST_CASE("reshape keeps the order") {
  const auto reshape = [](const Array& x, const Shape& shape) {
    return run_op(Op::kReshape, {x}, {{Attr::kShape, shape}});
  };
  CHECK_SAME(reshape(cube(), {4, 3}), Array({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {4, 3}));
  CHECK_SAME(reshape(row({true}), {}), Array::scalar(true));
}

Array broadcast(const Array& x, const Shape& shape) { return run_op(Op::kBroadcast, {x}, {{Attr::kShape, shape}}); }

TEST_CASE("broadcast repeats missing axes and those of size 1") {
  CHECK_SAME(broadcast(Array::scalar(7), {2, 2}), Array({7, 7, 7, 7}, {2, 2}));
  CHECK_SAME(broadcast(row({1, 2}), {3, 2}), Array({1, 2, 1, 2, 1, 2}, {3, 2}));
  CHECK_SAME(broadcast(Array({1, 2}, {2, 1}), {2, 3}), Array({1, 1, 1, 2, 2, 2}, {2, 3}));
  CHECK_SAME(broadcast(Array({1, 2, 3, 4}, {2, 1, 2}), {2, 2, 2}), Array({1, 2, 1, 2, 3, 4, 3, 4}, {2, 2, 2}));
  CHECK_SAME(broadcast(Array({1, 2}, {2, 1}), {2, 2, 1}), Array({1, 2, 1, 2}, {2, 2, 1}));
}

TEST_CASE("concat concatenates operands") {
  const Array x({1, 2, 3, 4}, {2, 2});
  const Array y({5, 6}, {2, 1});
  CHECK_SAME(run_op(Op::kConcat, {x, y, x}, {{Attr::kAxis, i64{1}}}), Array({1, 2, 5, 1, 2, 3, 4, 6, 3, 4}, {2, 5}));
  CHECK_SAME(run_op(Op::kConcat, {row({true}), row({false, true})}, {{Attr::kAxis, i64{0}}}), row({true, false, true}));
  CHECK_SAME(run_op(Op::kConcat, {x}, {{Attr::kAxis, i64{0}}}), x);
}

TEST_CASE("slice and pad along one axis") {
  const auto slice = [](const Array& x, i64 axis, i64 start, i64 limit) {
    return run_op(Op::kSlice, {x}, {{Attr::kAxis, axis}, {Attr::kLimit, limit}, {Attr::kStart, start}});
  };
  const auto pad = [](const Array& x, i64 axis, i64 low, i64 high) {
    return run_op(Op::kPad, {x}, {{Attr::kAxis, axis}, {Attr::kHigh, high}, {Attr::kLow, low}});
  };
  CHECK_SAME(slice(cube(), 1, 1, 3), Array({3, 4, 5, 6, 9, 10, 11, 12}, {2, 2, 2}));
  CHECK_SAME(slice(cube(), 0, 1, 2), Array({7, 8, 9, 10, 11, 12}, {1, 3, 2}));
  CHECK_SAME(slice(row({1.0F, 2.0F, 3.0F}), 0, 2, 3), row({3.0F}));
  CHECK_SAME(pad(Array({1, 2, 3, 4}, {2, 2}), 1, 1, 2), Array({0, 1, 2, 0, 0, 0, 3, 4, 0, 0}, {2, 5}));
  CHECK_SAME(pad(Array({1, 2}, {1, 2}), 0, 1, 0), Array({0, 0, 1, 2}, {2, 2}));
  CHECK_SAME(pad(row({true}), 0, 1, 1), row({false, true, false}));
  CHECK_SAME(pad(row({5.0}), 0, 0, 0), row({5.0}));
}

TEST_CASE("one_hot: a row of zeros where x is out of range") {
  const auto one_hot = [](const Array& x, DType dtype) {
    return run_op(Op::kOneHot, {x}, {{Attr::kDepth, i64{3}}, {Attr::kDType, dtype}});
  };
  CHECK_SAME(one_hot(row({2, 0, -1, 3}), DType::kF32),
             Array({0.0F, 0.0F, 1.0F, 1.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F, 0.0F}, {4, 3}));
  CHECK_SAME(one_hot(Array::scalar<i64>(1), DType::kBool), row({false, true, false}));
  CHECK_SAME(one_hot(array_of<u8>({255, 1}, {1, 2}), DType::kI32), Array({0, 0, 0, 0, 1, 0}, {1, 2, 3}));
}

TEST_CASE("gather selects rows; an index out of range is clamped") {
  const Array table({1, 2, 3, 4, 5, 6}, {3, 2});
  CHECK_SAME(run_op(Op::kGather, {table, row({2, 0, -5, 9})}), Array({5, 6, 1, 2, 1, 2, 5, 6}, {4, 2}));
  CHECK_SAME(run_op(Op::kGather, {table, Array::scalar<u8>(1)}), row({3, 4}));
  CHECK_SAME(run_op(Op::kGather, {row({1.5F, 2.5F}), array_of<i64>({1, 0, kLeast<i64>, kMost<i64>}, {2, 2})}),
             Array({2.5F, 1.5F, 1.5F, 2.5F}, {2, 2}));
}

TEST_CASE("scatter replaces rows, the last one stays; an index out of range is clamped") {
  const Array table({1, 2, 3, 4, 5, 6}, {3, 2});
  CHECK_SAME(run_op(Op::kScatter, {table, row({2, 2, -1}), Array({10, 20, 100, 200, 1000, 2000}, {3, 2})}),
             Array({1000, 2000, 3, 4, 100, 200}, {3, 2}));
  CHECK_SAME(run_op(Op::kScatter, {row({0.0F, 5.0F}), array_of<i64>({0, 0, kLeast<i64>, 0}, {2, 2}),
                                   array_of<float>({1, 2, 3, -0.0F}, {2, 2})}),
             row({-0.0F, 5.0F}));
  CHECK_SAME(run_op(Op::kScatter, {row({true, true}), Array::scalar<u8>(7), Array::scalar(false)}), row({true, false}));
}

TEST_CASE("scatter_add adds rows in order; an index out of range is clamped") {
  const Array table({1, 2, 3, 4, 5, 6}, {3, 2});
  CHECK_SAME(run_op(Op::kScatterAdd, {table, row({2, 2, -1}), Array({10, 20, 100, 200, 1000, 2000}, {3, 2})}),
             Array({1001, 2002, 3, 4, 115, 226}, {3, 2}));
  CHECK_SAME(run_op(Op::kScatterAdd, {row({0.0F, 0.0F}), row<i64>({0, 0, 0}), row({1e8F, 1.0F, -1e8F})}),
             row({(1e8F + 1.0F) - 1e8F, 0.0F}));
  CHECK_SAME(run_op(Op::kScatterAdd, {row<u8>({250}), Array::scalar<u8>(7), Array::scalar<u8>(10)}), row<u8>({4}));
  CHECK_SAME(table, Array({1, 2, 3, 4, 5, 6}, {3, 2}));
}

}  // namespace
}  // namespace sluice::ir

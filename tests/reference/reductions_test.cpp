#include "tests/reference/run_op.h"

namespace sluice::ir {
namespace {

using i32 = std::int32_t;
using i64 = std::int64_t;
using u8 = std::uint8_t;
using Axes = std::vector<i64>;

Array reduce(Op op, const Array& x, const Axes& axes) { return run_op(op, {x}, {{Attr::kAxes, axes}}); }

TEST_CASE("reduce_sum over every kind of axes") {
  CHECK_SAME(reduce(Op::kReduceSum, cube(), {0}), Array({8, 10, 12, 14, 16, 18}, {3, 2}));
  CHECK_SAME(reduce(Op::kReduceSum, cube(), {1}), Array({9, 12, 27, 30}, {2, 2}));
  CHECK_SAME(reduce(Op::kReduceSum, cube(), {2}), Array({3, 7, 11, 15, 19, 23}, {2, 3}));
  CHECK_SAME(reduce(Op::kReduceSum, cube(), {0, 2}), row({18, 26, 34}));
  CHECK_SAME(reduce(Op::kReduceSum, cube(), {0, 1, 2}), Array::scalar(78));
  CHECK_SAME(reduce(Op::kReduceSum, cube(), {}), cube());
  CHECK_SAME(reduce(Op::kReduceSum, row({1.5F, kNaN}), {0}), Array::scalar(kNaN));
  CHECK_SAME(reduce(Op::kReduceSum, row({kMost<i32>, 1}), {0}), Array::scalar(kLeast<i32>));
  CHECK_SAME(reduce(Op::kReduceSum, row<u8>({200, 100}), {0}), Array::scalar<u8>(44));
  CHECK_SAME(reduce(Op::kReduceSum, Array(DType::kF32, {2, 0}), {1}), row({0.0F, 0.0F}));
}

TEST_CASE("reduce_max and reduce_min: NaN if any is NaN") {
  CHECK_SAME(reduce(Op::kReduceMax, cube(), {0, 1}), row({11, 12}));
  CHECK_SAME(reduce(Op::kReduceMin, cube(), {1}), Array({1, 2, 7, 8}, {2, 2}));
  CHECK_SAME(reduce(Op::kReduceMax, cube(), {}), cube());
  const Array x({-kInf, -1.0F, kNaN, 3.0F, 5.0F, kNaN, -kInf, -kInf}, {4, 2});
  CHECK_SAME(reduce(Op::kReduceMax, x, {1}), row({-1.0F, kNaN, kNaN, -kInf}));
  CHECK_SAME(reduce(Op::kReduceMin, x, {1}), row({-kInf, kNaN, kNaN, -kInf}));
  CHECK_SAME(reduce(Op::kReduceMin, row<i64>({kLeast<i64>, 3}), {0}), Array::scalar(kLeast<i64>));
  CHECK_SAME(reduce(Op::kReduceMax, row<u8>({3, 200, 7}), {0}), Array::scalar<u8>(200));
  CHECK_SAME(reduce(Op::kReduceMax, row({-3, -7}), {0}), Array::scalar(-3));
}

Array argmax(const Array& x, i64 axis) { return run_op(Op::kArgmax, {x}, {{Attr::kAxis, axis}}); }

TEST_CASE("argmax: ties and NaNs go to the first index") {
  CHECK_SAME(argmax(Array({1.0F, 3.0F, 3.0F, 2.0F, 0.0F, -1.0F}, {2, 3}), 1), row<i64>({1, 0}));
  CHECK_SAME(argmax(Array({1.0F, kNaN, 3.0F, kNaN, 9.0F, 9.0F}, {2, 3}), 1), row<i64>({1, 0}));
  CHECK_SAME(argmax(row({5.0, kNaN64, 7.0, kNaN64}), 0), Array::scalar<i64>(1));
  CHECK_SAME(argmax(Array({1, 5, 3, 2, 9, 2}, {2, 3}), 0), row<i64>({1, 1, 0}));
  CHECK_SAME(argmax(cube(), 1), array_of<i64>({2, 2, 2, 2}, {2, 2}));
  CHECK_SAME(argmax(row<u8>({7, 200, 200}), 0), Array::scalar<i64>(1));
  CHECK_SAME(argmax(row({-kInf, -kInf}), 0), Array::scalar<i64>(0));
}

TEST_CASE("matmul in its four forms") {
  const Array a({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}, {2, 3});
  const Array b({7.0F, 8.0F, 9.0F, 10.0F, 11.0F, 12.0F}, {3, 2});
  const Array a_t({1.0F, 4.0F, 2.0F, 5.0F, 3.0F, 6.0F}, {3, 2});
  const Array b_t({7.0F, 9.0F, 11.0F, 8.0F, 10.0F, 12.0F}, {2, 3});
  const Array expected({58.0F, 64.0F, 139.0F, 154.0F}, {2, 2});
  CHECK_SAME(run_op(Op::kMatmul, {a, b}), expected);
  CHECK_SAME(run_op(Op::kMatmul, {a_t, b}, {{Attr::kTransposeA, true}}), expected);
  CHECK_SAME(run_op(Op::kMatmul, {a, b_t}, {{Attr::kTransposeB, true}}), expected);
  CHECK_SAME(run_op(Op::kMatmul, {a_t, b_t}, {{Attr::kTransposeA, true}, {Attr::kTransposeB, true}}), expected);
  CHECK_SAME(run_op(Op::kMatmul, {Array({2.0, 3.0}, {1, 2}), Array({5.0, 7.0}, {2, 1})}), Array({31.0}, {1, 1}));
}

TEST_CASE("matmul of each matrix of a batch, in its four forms") {
  const Array a({1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F, 7.0F, 8.0F, 9.0F, 10.0F, 11.0F, 12.0F}, {2, 1, 2, 3});
  const Array a_t({1.0F, 4.0F, 2.0F, 5.0F, 3.0F, 6.0F, 7.0F, 10.0F, 8.0F, 11.0F, 9.0F, 12.0F}, {2, 1, 3, 2});
  const Array b({1.0F, 0.0F, -1.0F, 2.0F, 1.0F, 0.0F}, {2, 1, 3, 1});
  const Array b_t({1.0F, 0.0F, -1.0F, 2.0F, 1.0F, 0.0F}, {2, 1, 1, 3});
  const Array expected({-2.0F, -2.0F, 22.0F, 31.0F}, {2, 1, 2, 1});
  CHECK_SAME(run_op(Op::kMatmul, {a, b}), expected);
  CHECK_SAME(run_op(Op::kMatmul, {a_t, b}, {{Attr::kTransposeA, true}}), expected);
  CHECK_SAME(run_op(Op::kMatmul, {a, b_t}, {{Attr::kTransposeB, true}}), expected);
  CHECK_SAME(run_op(Op::kMatmul, {a_t, b_t}, {{Attr::kTransposeA, true}, {Attr::kTransposeB, true}}), expected);
}

TEST_CASE("matmul adds with K ascending, and skips no zero") {
  const Array a({1e8F, 1.0F, -1e8F}, {1, 3});
  const Array ones({1.0F, 1.0F, 1.0F}, {3, 1});
  CHECK_SAME(run_op(Op::kMatmul, {a, ones}), Array({0.0F}, {1, 1}));
  CHECK_SAME(run_op(Op::kMatmul, {Array({0.0F, 1.0F}, {1, 2}), Array({kInf, 1.0F}, {2, 1})}), Array({kNaN}, {1, 1}));
  CHECK_SAME(run_op(Op::kMatmul, {Array(DType::kF32, {2, 0}), Array(DType::kF32, {0, 1})}), Array(DType::kF32, {2, 1}));
}

}  // namespace
}  // namespace sluice::ir

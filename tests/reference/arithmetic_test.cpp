#include <cmath>

#include "tests/reference/run_op.h"

namespace sluice::ir {
namespace {

using i32 = std::int32_t;
using i64 = std::int64_t;
using u8 = std::uint8_t;

TEST_CASE("add, sub and mul: IEEE floats, integers that wrap around") {
  CHECK_SAME(run_op(Op::kAdd, {row({1.5F, kInf, kNaN}), row({2.0F, -kInf, 1.0F})}), row({3.5F, kNaN, kNaN}));
  CHECK_SAME(run_op(Op::kAdd, {row({0.1}), row({0.2})}), row({0.1 + 0.2}));
  CHECK_SAME(run_op(Op::kAdd, {row({kMost<i32>, -3}), row({1, 1})}), row({kLeast<i32>, -2}));
  CHECK_SAME(run_op(Op::kAdd, {row({kMost<i64>}), row<i64>({2})}), row({kLeast<i64> + 1}));
  CHECK_SAME(run_op(Op::kAdd, {row<u8>({250}), row<u8>({10})}), row<u8>({4}));
  CHECK_SAME(run_op(Op::kSub, {row({1.5F, kInf}), row({2.0F, kInf})}), row({-0.5F, kNaN}));
  CHECK_SAME(run_op(Op::kSub, {row({kLeast<i32>}), row({1})}), row({kMost<i32>}));
  CHECK_SAME(run_op(Op::kSub, {row({kLeast<i64>}), row<i64>({1})}), row({kMost<i64>}));
  CHECK_SAME(run_op(Op::kSub, {row<u8>({3}), row<u8>({5})}), row<u8>({254}));
  CHECK_SAME(run_op(Op::kMul, {row({1.5F, 0.0F, -0.0F}), row({2.0F, kInf, 3.0F})}), row({3.0F, kNaN, -0.0F}));
  CHECK_SAME(run_op(Op::kMul, {row({65536, -7}), row({65536, 6})}), row({0, -42}));
  CHECK_SAME(run_op(Op::kMul, {row({kMost<i64>}), row<i64>({2})}), row<i64>({-2}));
  CHECK_SAME(run_op(Op::kMul, {row<u8>({16, 15}), row<u8>({17, 17})}), row<u8>({16, 255}));
}

TEST_CASE("div: IEEE floats; integers truncate, and division by 0 and overflow have a result") {
  CHECK_SAME(run_op(Op::kDiv, {row({1.0F, -1.0F, 0.0F, 1.0F}), row({3.0F, 0.0F, 0.0F, -0.0F})}),
             row({1.0F / 3.0F, -kInf, kNaN, -kInf}));
  CHECK_SAME(run_op(Op::kDiv, {row({1.0}), row({3.0})}), row({1.0 / 3.0}));
  CHECK_SAME(run_op(Op::kDiv, {row({7, -7, 7, -7, 5, 0, kLeast<i32>, kLeast<i32>}), row({2, 2, -2, -2, 0, 0, -1, 0})}),
             row({3, -3, -3, 3, 0, 0, kLeast<i32>, 0}));
  CHECK_SAME(run_op(Op::kDiv, {row<i64>({kLeast<i64>, 9, 3}), row<i64>({-1, -2, 0})}), row<i64>({kLeast<i64>, -4, 0}));
  CHECK_SAME(run_op(Op::kDiv, {row<u8>({200, 7, 255}), row<u8>({3, 0, 255})}), row<u8>({66, 0, 1}));
}

TEST_CASE("pow is C's") {
  CHECK_SAME(run_op(Op::kPow, {row({2.0F, -2.0F, 4.0F, 0.0F, -8.0F, 5.0F, 0.0F, kNaN}),
                               row({10.0F, 3.0F, 0.5F, 0.0F, 1.0F / 3, -1.0F, -1.0F, 0.0F})}),
             row({1024.0F, -8.0F, 2.0F, 1.0F, kNaN, 0.2F, kInf, 1.0F}));
  CHECK_SAME(run_op(Op::kPow, {row({9.0}), row({0.5})}), row({3.0}));
}

TEST_CASE("maximum and minimum: NaN if either is NaN") {
  CHECK_SAME(run_op(Op::kMaximum, {row({1.0F, kNaN, 2.0F, -kInf}), row({3.0F, 5.0F, kNaN, -1.0F})}),
             row({3.0F, kNaN, kNaN, -1.0F}));
  CHECK_SAME(run_op(Op::kMinimum, {row({1.0, kNaN64, 2.0, -kInf64}), row({3.0, 5.0, kNaN64, -1.0})}),
             row({1.0, kNaN64, kNaN64, -kInf64}));
  CHECK_SAME(run_op(Op::kMaximum, {row({-1, 7}), row({-2, 9})}), row({-1, 9}));
  CHECK_SAME(run_op(Op::kMinimum, {row<i64>({-1, 7}), row<i64>({-2, 9})}), row<i64>({-2, 7}));
  CHECK_SAME(run_op(Op::kMaximum, {row<u8>({200, 7}), row<u8>({100, 9})}), row<u8>({200, 9}));
}

TEST_CASE("neg, abs, square: integers wrap around") {
  CHECK_SAME(run_op(Op::kNeg, {row({1.5F, 0.0F, -kInf})}), row({-1.5F, -0.0F, kInf}));
  CHECK_SAME(run_op(Op::kNeg, {row({5, kLeast<i32>})}), row({-5, kLeast<i32>}));
  CHECK_SAME(run_op(Op::kNeg, {row<u8>({1, 0})}), row<u8>({255, 0}));
  CHECK_SAME(run_op(Op::kAbs, {row({-1.5F, -0.0F, -kInf, kNaN})}), row({1.5F, 0.0F, kInf, kNaN}));
  CHECK_SAME(run_op(Op::kAbs, {row({-5, 5, kLeast<i32>})}), row({5, 5, kLeast<i32>}));
  CHECK_SAME(run_op(Op::kAbs, {row<i64>({kLeast<i64>, -1})}), row<i64>({kLeast<i64>, 1}));
  CHECK_SAME(run_op(Op::kAbs, {row<u8>({200})}), row<u8>({200}));
  CHECK_SAME(run_op(Op::kSquare, {row({-1.5, kInf64})}), row({2.25, kInf64}));
  CHECK_SAME(run_op(Op::kSquare, {row({65536, 65537, -3})}), row({0, 131073, 9}));
  CHECK_SAME(run_op(Op::kSquare, {row<u8>({17})}), row<u8>({33}));
}

TEST_CASE("exp, expm1, log, log1p, sqrt, rsqrt, tanh, sigmoid") {
  CHECK_SAME(run_op(Op::kExp, {row({0.0F, 1.0F, -kInf, kInf, 1000.0F, kNaN})}),
             row({1.0F, std::exp(1.0F), 0.0F, kInf, kInf, kNaN}));
  CHECK_SAME(run_op(Op::kLog, {row({1.0, 0.0, -0.0, -1.0, kInf64})}), row({0.0, -kInf64, -kInf64, kNaN64, kInf64}));
  CHECK_SAME(run_op(Op::kExpm1, {row({0.0F, -0.0F, 1e-10F, -kInf, kInf, kNaN})}),
             row({0.0F, -0.0F, 1e-10F, -1.0F, kInf, kNaN}));
  CHECK_SAME(run_op(Op::kLog1p, {row({0.0, -0.0, 1e-20, -1.0, -2.0, kInf64})}),
             row({0.0, -0.0, 1e-20, -kInf64, kNaN64, kInf64}));
  CHECK_SAME(run_op(Op::kSqrt, {row({4.0F, 2.0F, -1.0F, -0.0F})}), row({2.0F, std::sqrt(2.0F), kNaN, -0.0F}));
  CHECK_SAME(run_op(Op::kRsqrt, {row({4.0F, 3.0F, 0.0F, -1.0F, kInf})}),
             row({0.5F, 1.0F / std::sqrt(3.0F), kInf, kNaN, 0.0F}));
  CHECK_SAME(run_op(Op::kTanh, {row({0.0, kInf64, -kInf64, 0.5, kNaN64})}),
             row({0.0, 1.0, -1.0, std::tanh(0.5), kNaN64}));
  CHECK_SAME(run_op(Op::kSigmoid, {row({0.0F, kInf, -kInf, -1000.0F, kNaN})}), row({0.5F, 1.0F, 0.0F, 0.0F, kNaN}));
  CHECK(run_op(Op::kSigmoid, {row({1.0})}).item<double>() == doctest::Approx(0.7310585786300049).epsilon(1e-15));
}

TEST_CASE("erf: odd, and 1 at infinity; the values of Abramowitz and Stegun, table 7.1") {
  CHECK_SAME(run_op(Op::kErf, {row({0.0, -0.0, kInf64, -kInf64, kNaN64})}), row({0.0, -0.0, 1.0, -1.0, kNaN64}));
  CHECK(run_op(Op::kErf, {row({0.5})}).item<double>() == doctest::Approx(0.5204998778).epsilon(1e-10));
  CHECK(run_op(Op::kErf, {row({-1.0})}).item<double>() == doctest::Approx(-0.8427007929).epsilon(1e-10));
  CHECK_SAME(run_op(Op::kErf, {row({0.5F, 4.0F})}), row({0.52049988F, 1.0F}));
}

TEST_CASE("relu: keeps NaN and -0") {
  CHECK_SAME(run_op(Op::kRelu, {row({-1.0F, 2.0F, 0.0F, -0.0F, kNaN, -kInf, kInf})}),
             row({0.0F, 2.0F, 0.0F, -0.0F, kNaN, 0.0F, kInf}));
  CHECK_SAME(run_op(Op::kRelu, {row({-1, 2, kLeast<i32>})}), row({0, 2, 0}));
  CHECK_SAME(run_op(Op::kRelu, {row<u8>({255})}), row<u8>({255}));
}

TEST_CASE("sign and floor") {
  const Array signs = run_op(Op::kSign, {row({-1.5F, 2.0F, kNaN, kInf, -kInf})});
  CHECK_SAME(signs, row({-1.0F, 1.0F, kNaN, 1.0F, -1.0F}));
  CHECK(run_op(Op::kSign, {row({-0.0F})}).item<float>() == 0);
  CHECK_SAME(run_op(Op::kSign, {row({-7, 0, 7})}), row({-1, 0, 1}));
  CHECK_SAME(run_op(Op::kSign, {row<u8>({0, 200})}), row<u8>({0, 1}));
  CHECK_SAME(run_op(Op::kFloor, {row({-1.5F, 1.5F, 3.0F, -kInf, kNaN, -0.0F})}),
             row({-2.0F, 1.0F, 3.0F, -kInf, kNaN, -0.0F}));
  CHECK_SAME(run_op(Op::kFloor, {row({-1e300, 0.5})}), row({-1e300, 0.0}));
}

}  // namespace
}  // namespace sluice::ir

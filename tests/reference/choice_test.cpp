#include "tests/reference/run_op.h"

namespace sluice::ir {
namespace {

using i32 = std::int32_t;
using i64 = std::int64_t;
using u8 = std::uint8_t;

TEST_CASE("comparisons: only not_equal is true for a NaN") {
  const Array x = row({1.0F, 2.0F, 3.0F, kNaN, 1.0F, kNaN, 0.0F});
  const Array y = row({2.0F, 2.0F, 2.0F, 1.0F, kNaN, kNaN, -0.0F});
  CHECK_SAME(run_op(Op::kEqual, {x, y}), row({false, true, false, false, false, false, true}));
  CHECK_SAME(run_op(Op::kNotEqual, {x, y}), row({true, false, true, true, true, true, false}));
  CHECK_SAME(run_op(Op::kLess, {x, y}), row({true, false, false, false, false, false, false}));
  CHECK_SAME(run_op(Op::kLessEqual, {x, y}), row({true, true, false, false, false, false, true}));
  CHECK_SAME(run_op(Op::kGreater, {x, y}), row({false, false, true, false, false, false, false}));
  CHECK_SAME(run_op(Op::kGreaterEqual, {x, y}), row({false, true, true, false, false, false, true}));
}

TEST_CASE("comparisons of integers and bools") {
  CHECK_SAME(run_op(Op::kLess, {row({-1, 1}), row({1, -1})}), row({true, false}));
  CHECK_SAME(run_op(Op::kLess, {row<u8>({200, 1}), row<u8>({1, 200})}), row({false, true}));
  CHECK_SAME(run_op(Op::kGreaterEqual, {row<i64>({kLeast<i64>, 1}), row<i64>({kMost<i64>, 1})}), row({false, true}));
  CHECK_SAME(run_op(Op::kEqual, {row({true, false}), row({true, true})}), row({true, false}));
  CHECK_SAME(run_op(Op::kNotEqual, {row({true, false}), row({true, true})}), row({false, true}));
}

TEST_CASE("logic") {
  const Array x = row({false, false, true, true});
  const Array y = row({false, true, false, true});
  CHECK_SAME(run_op(Op::kLogicalAnd, {x, y}), row({false, false, false, true}));
  CHECK_SAME(run_op(Op::kLogicalOr, {x, y}), row({false, true, true, true}));
  CHECK_SAME(run_op(Op::kLogicalNot, {x}), row({true, true, false, false}));
}

TEST_CASE("select takes x where the condition holds") {
  const Array condition = row({true, false, true});
  CHECK_SAME(run_op(Op::kSelect, {condition, row({1.0F, kNaN, -0.0F}), row({kNaN, 5.0F, 6.0F})}),
             row({1.0F, 5.0F, -0.0F}));
  CHECK_SAME(run_op(Op::kSelect, {condition, row<u8>({1, 2, 3}), row<u8>({4, 5, 6})}), row<u8>({1, 5, 3}));
  CHECK_SAME(run_op(Op::kSelect, {condition, row({true, true, false}), row({false, false, true})}),
             row({true, false, false}));
}

Array cast(const Array& x, DType dtype) { return run_op(Op::kCast, {x}, {{Attr::kDType, dtype}}); }

TEST_CASE("cast from float to integer truncates, saturates, and maps NaN to 0") {
  CHECK_SAME(cast(row({1.9F, -1.9F, kNaN, kInf, -kInf, 3e9F, -3e9F}), DType::kI32),
             row({1, -1, 0, kMost<i32>, kLeast<i32>, kMost<i32>, kLeast<i32>}));
  CHECK_SAME(cast(row({2147483647.9, 2147483646.5, -2147483648.5, -2147483649.5}), DType::kI32),
             row({kMost<i32>, kMost<i32> - 1, kLeast<i32>, kLeast<i32>}));
  CHECK_SAME(cast(row({0x1p63F, -0x1p63F, 0x1.fffffep62F, kNaN, 1e30F}), DType::kI64),
             row<i64>({kMost<i64>, kLeast<i64>, 0x7fffff8000000000, 0, kMost<i64>}));
  CHECK_SAME(cast(row({0x1p63, 0x1.fffffffffffffp62, -1e300}), DType::kI64),
             row<i64>({kMost<i64>, 0x7ffffffffffffc00, kLeast<i64>}));
  CHECK_SAME(cast(row({255.9F, 256.0F, -0.5F, -1.0F, 254.5F, kNaN, kInf}), DType::kU8),
             row<u8>({255, 255, 0, 0, 254, 0, 255}));
}

TEST_CASE("cast between integers keeps the low bits") {
  CHECK_SAME(cast(row({257, -1, 255}), DType::kU8), row<u8>({1, 255, 255}));
  CHECK_SAME(cast(row<i64>({0x100000002, -1, 0x80000000}), DType::kI32), row({2, -1, kLeast<i32>}));
  CHECK_SAME(cast(row({-5, 5}), DType::kI64), row<i64>({-5, 5}));
  CHECK_SAME(cast(row<u8>({200}), DType::kI32), row({200}));
}

TEST_CASE("cast to and from bool") {
  CHECK_SAME(cast(row({0.0F, -0.0F, kNaN, 0.5F}), DType::kBool), row({false, false, true, true}));
  CHECK_SAME(cast(row({0, 256, -1}), DType::kBool), row({false, true, true}));
  CHECK_SAME(cast(row({true, false}), DType::kF32), row({1.0F, 0.0F}));
  CHECK_SAME(cast(row({true, false}), DType::kU8), row<u8>({1, 0}));
}

TEST_CASE("cast to float rounds to nearest") {
  CHECK_SAME(cast(row({16777217, 16777219, -3}), DType::kF32), row({16777216.0F, 16777220.0F, -3.0F}));
  CHECK_SAME(cast(row<i64>({kMost<i64>, 9007199254740993}), DType::kF64), row({0x1p63, 9007199254740992.0}));
  CHECK_SAME(cast(row({0.1, 1e300, kNaN64}), DType::kF32), row({0.1F, kInf, kNaN}));
  CHECK_SAME(cast(row({0.1F}), DType::kF64), row({static_cast<double>(0.1F)}));
  CHECK_SAME(cast(row<u8>({255}), DType::kF32), row({255.0F}));
}

TEST_CASE("stop_gradient returns its operand") {
  CHECK_SAME(run_op(Op::kStopGradient, {row({1.0F, kNaN})}), row({1.0F, kNaN}));
  CHECK_SAME(run_op(Op::kStopGradient, {row({true, false})}), row({true, false}));
}

}  // namespace
}  // namespace sluice::ir

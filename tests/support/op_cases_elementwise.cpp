#include <algorithm>

#include "tests/support/float_functions.h"
#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

/// The differences between elementwise ops on numbers.
struct ElementwiseRow {
  Op op;
  int arity;
  std::span<const DType> dtypes;
  Agreement floats;
  std::vector<Range>
      ranges;  ///< of the float operands where results and derivatives are well-behaved; natural if empty
};

std::vector<ElementwiseRow> elementwise_rows() {
  constexpr Range kPositive{0.1, 4};
  std::vector<ElementwiseRow> rows{
      {Op::kAdd, 2, kNumbers, Agreement::kValue, {}},
      {Op::kSub, 2, kNumbers, Agreement::kValue, {}},
      {Op::kMul, 2, kNumbers, Agreement::kValue, {}},
      {Op::kDiv, 2, kNumbers, Agreement::kValue, {{-2, 2}, {0.5, 3}}},
      {Op::kPow, 2, kFloats, Agreement::kRounded, {{0.1, 3}, {-2, 3}}},
      {Op::kMaximum, 2, kNumbers, Agreement::kValue, {}},
      {Op::kMinimum, 2, kNumbers, Agreement::kValue, {}},
      {Op::kNeg, 1, kNumbers, Agreement::kBits, {}},
      {Op::kAbs, 1, kNumbers, Agreement::kBits, {}},
      {Op::kLog1p, 1, kFloats, Agreement::kRounded, {{-0.9, 4}}},
      {Op::kSqrt, 1, kFloats, Agreement::kBits, {kPositive}},
      {Op::kRsqrt, 1, kFloats, Agreement::kValue, {kPositive}},
      {Op::kRelu, 1, kNumbers, Agreement::kBits, {}},
      {Op::kSquare, 1, kNumbers, Agreement::kValue, {}},
      {Op::kSign, 1, kNumbers, Agreement::kValue, {}},
      {Op::kFloor, 1, kFloats, Agreement::kValue, {}},
      {Op::kRound, 1, kFloats, Agreement::kValue, {}},
      {Op::kStopGradient, 1, kAllDTypes, Agreement::kBits, {}},
  };
  for (const FloatFunction& function : float_functions()) {
    if (std::ranges::find(rows, function.op, &ElementwiseRow::op) != rows.end()) continue;
    std::vector<Range> ranges;
    if (function.range) ranges.push_back(*function.range);
    rows.push_back({function.op, 1, kFloats, Agreement::kRounded, std::move(ranges)});
  }
  return rows;
}

Value apply(Builder& b, const ElementwiseRow& row, const Type& type) {
  std::vector<Value> operands;
  for (std::size_t i = 0; i < static_cast<std::size_t>(row.arity); ++i) {
    const bool ranged = is_float(type.dtype) && !row.ranges.empty();
    operands.push_back(input(b, type, ranged ? std::optional(row.ranges[i]) : std::nullopt));
  }
  return b.add(row.op, operands);
}

void add_row(Cases& cases, const ElementwiseRow& row) {
  for (const DType dtype : row.dtypes) {
    const auto name = [&](std::string_view kind) {
      return fmt::format("{}/{}/{}", to_string(row.op), to_string(dtype), kind);
    };
    const auto add = [&](std::string_view kind, Fill fill, std::vector<Shape> shapes) {
      cases.push_back({name(kind), row.op, row.floats, fill, [row, dtype, shapes](Builder& b) {
                         std::vector<Value> results;
                         for (const Shape& shape : shapes) results.push_back(apply(b, row, {dtype, shape}));
                         return results;
                       }});
    };
    add("batch", Fill::kRandom, {{batch, 17}, {batch}, {3, 2 * batch}});
    add("static", Fill::kRandom, {{}, {1}, {3}, {17, 33}, {100}});
    add("special", Fill::kSpecial, {{batch, kSpecialWidth}});
  }
}

/// A larger domain than the one where derivatives are compared.
void add_wide(Cases& cases, Op op, DType dtype, Range range) {
  cases.push_back({fmt::format("{}/{}/wide", to_string(op), to_string(dtype)), op, Agreement::kRounded, Fill::kRandom,
                   [=](Builder& b) {
                     return std::vector{b(op, {input(b, {dtype, {batch, 1000}}, range)})};
                   }});
}

void add_ties(Cases& cases, Op op, int arity) {
  cases.push_back({fmt::format("{}/f32/ties", to_string(op)), op, Agreement::kValue, Fill::kTies, [=](Builder& b) {
                     std::vector<Value> operands;
                     for (int i = 0; i < arity; ++i) operands.push_back(input(b, {DType::kF32, {batch, 9}}));
                     return std::vector{b.add(op, operands)};
                   }});
}

/// A constant on either side is compiled otherwise than two arrays are.
void add_limits(Cases& cases, Op op, DType dtype) {
  cases.push_back({fmt::format("{}/{}/limits", to_string(op), to_string(dtype)), op, Agreement::kValue, Fill::kSpecial,
                   [=](Builder& b) {
                     const Type type{dtype, {batch, kSpecialWidth}};
                     const Value x = input(b, type);
                     std::vector<Value> results;
                     for (const double number : {1.5, -0.5, 0.0}) {
                       const Value limits = b.full(type, number);
                       results.push_back(b(op, {x, limits}));
                       results.push_back(b(op, {limits, x}));
                     }
                     return results;
                   }});
}

}  // namespace

void add_elementwise_cases(Cases& cases) {
  for (const ElementwiseRow& row : elementwise_rows()) add_row(cases, row);
  for (const DType dtype : kFloats) {
    add_limits(cases, Op::kMaximum, dtype);
    add_limits(cases, Op::kMinimum, dtype);
    for (const FloatFunction& function : float_functions()) {
      if (info(function.op).has(kJumps)) continue;
      if (!info(function.op).has(kOfPositive)) add_wide(cases, function.op, dtype, {-1e-3, 1e-3});
      if (!function.range) add_wide(cases, function.op, dtype, {-12, 12});
    }
    add_wide(cases, Op::kExp, dtype, {-80, 80});
    add_wide(cases, Op::kLog, dtype, {1e-6, 1e6});
    add_wide(cases, Op::kLog, dtype, {0.9, 1.1});
    add_wide(cases, Op::kLog1p, dtype, {-1e-3, 1e-3});
    add_wide(cases, Op::kSigmoid, dtype, {-40, 40});
  }
  add_ties(cases, Op::kMaximum, 2);
  add_ties(cases, Op::kMinimum, 2);
  add_ties(cases, Op::kAbs, 1);
  add_ties(cases, Op::kRelu, 1);
  // An operand that is used twice.
  cases.push_back({"mul/f32/same", Op::kMul, Agreement::kValue, Fill::kRandom, [](Builder& b) {
                     const Value x = input(b, {DType::kF32, {batch, 33}});
                     return std::vector{b(Op::kMul, {x, x})};
                   }});
}

}  // namespace sluice::test

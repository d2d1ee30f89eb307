#include "tests/support/op_case_lists.h"

namespace sluice::test {

using namespace ir;

namespace {

void add_comparison(Cases& cases, Op op, DType dtype) {
  const auto add = [&](std::string_view kind, Fill fill, std::vector<Shape> shapes) {
    cases.push_back(
        {fmt::format("{}/{}/{}", to_string(op), to_string(dtype), kind), op, Agreement::kBits, fill, [=](Builder& b) {
           std::vector<Value> results;
           for (const Shape& shape : shapes) {
             const Value x = input(b, {dtype, shape});
             results.push_back(b(op, {x, input(b, {dtype, shape})}));
           }
           return results;
         }});
  };
  add("shapes", Fill::kRandom, {{batch, 17}, {}, {1}, {3, 33}, {100}});
  add("special", Fill::kSpecial, {{batch, kSpecialWidth}});
}

void add_logic(Cases& cases) {
  for (const Op op : {Op::kLogicalAnd, Op::kLogicalOr, Op::kLogicalNot}) {
    cases.push_back(
        {fmt::format("{}/bool/shapes", to_string(op)), op, Agreement::kBits, Fill::kRandom, [op](Builder& b) {
           std::vector<Value> results;
           for (const Shape& shape : {Shape{batch, 17}, Shape{}, Shape{3, 33}, Shape{100}}) {
             std::vector<Value> operands{input(b, {DType::kBool, shape})};
             if (op != Op::kLogicalNot) operands.push_back(input(b, {DType::kBool, shape}));
             results.push_back(b.add(op, operands));
           }
           return results;
         }});
  }
}

void add_select(Cases& cases, DType dtype, Fill fill) {
  const std::string_view kind = fill == Fill::kRandom ? "random" : "special";
  cases.push_back(
      {fmt::format("select/{}/{}", to_string(dtype), kind), Op::kSelect, Agreement::kBits, fill, [=](Builder& b) {
         std::vector<Value> results;
         std::vector<Shape> shapes{{batch, kSpecialWidth}};
         if (fill == Fill::kRandom) shapes = {{batch, 17}, {}, {1}, {3, 33}, {100}};
         for (const Shape& shape : shapes) {
           const Value condition = input(b, {DType::kBool, shape});
           const Value x = input(b, {dtype, shape});
           results.push_back(b(Op::kSelect, {condition, x, input(b, {dtype, shape})}));
         }
         return results;
       }});
}

/// From one dtype to all of them.
void add_casts(Cases& cases, DType from, Fill fill) {
  const std::string_view kind = fill == Fill::kRandom ? "random" : "special";
  cases.push_back(
      {fmt::format("cast/{}/{}", to_string(from), kind), Op::kCast, Agreement::kBits, fill, [=](Builder& b) {
         std::vector<Value> results;
         // Floats exceed u8's range, and i64 what a float holds exactly.
         Range range = natural_range(from);
         if (is_float(from)) range = {-300, 300};
         if (from == DType::kI64) range = {-1e18, 1e18};
         const Value x = input(b, {from, {batch, kSpecialWidth}}, range);
         const Value y = input(b, {from, {3}}, range);
         for (const DType to : kAllDTypes) {
           results.push_back(b(Op::kCast, {x}, {{Attr::kDType, to}}));
           results.push_back(b(Op::kCast, {y}, {{Attr::kDType, to}}));
         }
         return results;
       }});
}

}  // namespace

void add_choice_cases(Cases& cases) {
  for (const DType dtype : kAllDTypes) {
    add_comparison(cases, Op::kEqual, dtype);
    add_comparison(cases, Op::kNotEqual, dtype);
    for (const Fill fill : {Fill::kRandom, Fill::kSpecial}) {
      add_select(cases, dtype, fill);
      add_casts(cases, dtype, fill);
    }
  }
  for (const DType dtype : kNumbers) {
    for (const Op op : {Op::kLess, Op::kLessEqual, Op::kGreater, Op::kGreaterEqual}) {
      add_comparison(cases, op, dtype);
    }
  }
  add_logic(cases);
}

}  // namespace sluice::test

// Ops that create values from nothing, or from a key and a counter.
#include <limits>

#include "tests/support/op_case_lists.h"
#include "tests/support/random_arrays.h"

namespace sluice::test {

using namespace ir;

namespace {

/// B needs a parameter that has it.
void declare_batch(Builder& b) { input(b, {DType::kF32, {batch}}); }

void add_constants(Cases& cases, DType dtype) {
  cases.push_back(
      {fmt::format("constant/{}", to_string(dtype)), Op::kConstant, Agreement::kBits, Fill::kRandom, [=](Builder& b) {
         std::vector<Value> results;
         for (const Shape& shape : {Shape{}, Shape{1}, Shape{17, 3}, Shape{100}}) {
           results.push_back(b.constant(random_array({dtype, shape}, 1, 5, natural_range(dtype))));
         }
         return results;
       }});
}

void add_iotas(Cases& cases, DType dtype) {
  cases.push_back(
      {fmt::format("iota/{}", to_string(dtype)), Op::kIota, Agreement::kBits, Fill::kRandom, [=](Builder& b) {
         declare_batch(b);
         std::vector<Value> results;
         const auto add = [&](std::int64_t axis, const Shape& shape) {
           results.push_back(b(Op::kIota, {}, {{Attr::kAxis, axis}, {Attr::kDType, dtype}, {Attr::kShape, shape}}));
         };
         add(0, {batch});
         add(0, {300});
         for (const std::int64_t axis : {0, 1, 2}) add(axis, {3, batch, 5});
         add(1, {batch, 17});
         add(0, {1});
         return results;
       }});
}

void add_random(Cases& cases, Op op, DType dtype) {
  constexpr double kEnd = 9e18;
  const Agreement agreement = op == Op::kRandomUniform ? Agreement::kBits : Agreement::kSummed;
  cases.push_back(
      {fmt::format("{}/{}", to_string(op), to_string(dtype)), op, agreement, Fill::kRandom, [=](Builder& b) {
         declare_batch(b);
         const Value key = input(b, {DType::kI64, {}}, Range{-kEnd, kEnd});
         const Value counter = input(b, {DType::kI64, {}}, Range{-kEnd, kEnd});
         std::vector<Value> results;
         for (const Shape& shape : {Shape{batch, 17}, Shape{}, Shape{1}, Shape{33}, Shape{3, 2 * batch}}) {
           results.push_back(b(op, {key, counter}, {{Attr::kDType, dtype}, {Attr::kShape, shape}}));
         }
         return results;
       }});
}

}  // namespace

void add_source_cases(Cases& cases) {
  for (const DType dtype : kAllDTypes) add_constants(cases, dtype);
  for (const DType dtype : kNumbers) add_iotas(cases, dtype);
  for (const DType dtype : kFloats) {
    add_random(cases, Op::kRandomUniform, dtype);
    add_random(cases, Op::kRandomNormal, dtype);
  }
  cases.push_back({"batch_size/i64", Op::kBatchSize, Agreement::kBits, Fill::kRandom, [](Builder& b) {
                     declare_batch(b);
                     return std::vector{b(Op::kBatchSize, {})};
                   }});
}

}  // namespace sluice::test

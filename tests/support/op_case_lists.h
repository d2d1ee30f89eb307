#pragma once

#include <fmt/format.h>

#include <utility>

#include "tests/support/op_cases.h"

// The parts of the table of op_cases.h.
namespace sluice::test {

using Cases = std::vector<OpCase>;

void add_elementwise_cases(Cases& cases);
void add_choice_cases(Cases& cases);
void add_shape_cases(Cases& cases);
void add_window_cases(Cases& cases);
void add_index_cases(Cases& cases);
void add_reduction_cases(Cases& cases);
void add_product_cases(Cases& cases);
void add_attention_cases(Cases& cases);
void add_source_cases(Cases& cases);
void add_empty_cases(Cases& cases);

inline constexpr DType kAllDTypes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool};
inline constexpr DType kNumbers[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8};
inline constexpr DType kFloats[] = {DType::kF32, DType::kF64};
inline constexpr DType kIntegers[] = {DType::kI32, DType::kI64, DType::kU8};

/// Wide enough for every combination of two numbers' special values and a bool, and odd.
inline constexpr std::int64_t kSpecialWidth = 401;

/// Ranges that cover what a dtype can hold, for cases that need no other.
inline ir::Range natural_range(DType dtype) {
  if (dtype == DType::kU8) return {0, 256};
  if (is_integer(dtype)) return {-1000, 1000};
  return {-2, 2};
}

/// Adds a parameter p0, p1, ... in the order of the calls.
inline ir::Value input(ir::Builder& b, const Type& type, std::optional<ir::Range> range = {}) {
  return b.parameter(fmt::format("p{}", b.graph().parameters().size()), type,
                     range ? range : natural_range(type.dtype));
}

}  // namespace sluice::test

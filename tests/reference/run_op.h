#pragma once

#include <doctest/doctest.h>

#include <bit>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "ir/reference/interpreter.h"

namespace sluice::ir {

/// 1 to 12.
inline Array cube() { return Array({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, {2, 3, 2}); }

inline constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInf = std::numeric_limits<float>::infinity();
inline constexpr double kNaN64 = std::numeric_limits<double>::quiet_NaN();
inline constexpr double kInf64 = std::numeric_limits<double>::infinity();
template <typename T>
inline constexpr T kLeast = std::numeric_limits<T>::min();
template <typename T>
inline constexpr T kMost = std::numeric_limits<T>::max();

/// Returns a graph of one node on parameters of the operands' types.
inline Graph graph_of(Op op, const std::vector<Array>& operands, Attributes attributes = {}) {
  Builder builder("op");
  std::vector<Value> values;
  for (const Array& operand : operands) {
    values.push_back(builder.parameter(fmt::format("p{}", values.size()), operand.type()));
  }
  builder.set_results({builder.add(op, values, std::move(attributes))});
  return std::move(builder).finish();
}

/// Returns the result of one op.
inline Array run_op(Op op, const std::vector<Array>& operands, Attributes attributes = {}) {
  return evaluate(graph_of(op, operands, std::move(attributes)), operands, {}).results[0];
}

/// A vector.
template <typename T>
Array row(std::initializer_list<T> values) {
  return Array(values, {static_cast<std::int64_t>(values.size())});
}

template <typename T>
Array array_of(std::initializer_list<T> values, std::vector<std::int64_t> sizes) {
  return Array(values, std::move(sizes));
}

/// Compares type and elements bit by bit, except that any NaN equals any other.
inline bool same(const Array& a, const Array& b) {
  if (a.type() != b.type()) return false;
  return visit_dtype(a.dtype(), [&]<typename T>(T) {
    const auto x = a.data<T>();
    const auto y = b.data<T>();
    for (std::size_t i = 0; i < x.size(); ++i) {
      if (x[i] != x[i] && y[i] != y[i]) continue;
      if (std::memcmp(&x[i], &y[i], sizeof(T)) != 0) return false;
    }
    return true;
  });
}

}  // namespace sluice::ir

namespace doctest {
template <>
struct StringMaker<sluice::Array> {
  static String convert(const sluice::Array& array) { return sluice::to_string(array).c_str(); }
};
}  // namespace doctest

/// Checks one op on vectors against hand-computed elements.
#define CHECK_SAME(computed, expected)        \
  do {                                        \
    const ::sluice::Array left_ = computed;   \
    const ::sluice::Array right_ = expected;  \
    INFO(::sluice::to_string(left_));         \
    INFO(::sluice::to_string(right_));        \
    CHECK(::sluice::ir::same(left_, right_)); \
  } while (false)

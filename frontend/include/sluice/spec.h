#pragma once

#include <optional>
#include <string>
#include <utility>

#include "sluice/ir/graph.h"
#include "sluice/type.h"

namespace sluice {

/// An argument in a function's signature: its type, and optionally its name in the graph and its range of values (a
/// hint for tools that generate inputs; it is not checked).
class TensorSpec {
 public:
  TensorSpec(DType dtype, Shape shape) : type_{dtype, std::move(shape)} {}

  /// The same with low <= x < high.
  TensorSpec range(double low, double high) const {
    TensorSpec spec = *this;
    spec.range_ = {low, high};
    return spec;
  }
  /// The same, called `name` in the graph.
  TensorSpec named(std::string name) const {
    TensorSpec spec = *this;
    spec.name_ = std::move(name);
    return spec;
  }

  const Type& type() const { return type_; }
  const std::string& name() const { return name_; }  ///< empty: the graph assigns one
  const std::optional<ir::Range>& range() const { return range_; }

 private:
  Type type_;
  std::string name_;
  std::optional<ir::Range> range_;
};

/// A dtype by its short name: cast(x, f32); called with sizes, a spec: f32(batch, 784), f32() for a scalar.
struct DTypeName {
  DType dtype;
  constexpr operator DType() const { return dtype; }  // NOLINT: it is one
  template <typename... Dims>
  TensorSpec operator()(Dims... dims) const {
    return {dtype, Shape{Dim(dims)...}};
  }
};

inline constexpr DTypeName f32{DType::kF32};
inline constexpr DTypeName f64{DType::kF64};
inline constexpr DTypeName i32{DType::kI32};
inline constexpr DTypeName i64{DType::kI64};
inline constexpr DTypeName u8{DType::kU8};
inline constexpr DTypeName bool_{DType::kBool};

}  // namespace sluice

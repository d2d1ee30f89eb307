#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/array.h"
#include "sluice/tensor.h"

// How operands become tensors of one type. Internal to the frontend.
namespace sluice::detail {

/// Returns the shape to which all of `tensors` broadcast by NumPy's rule. Throws Error, naming `op`, if there is none.
Shape broadcast_shape(std::string_view op, std::span<const Tensor> tensors);
/// Returns x broadcast to `shape`, or x itself if it already has that shape.
Tensor broadcast(const Tensor& x, const Shape& shape);
/// Returns `literal` as an array of one element of `dtype`. Throws Error, naming `op`, if the dtype cannot hold it.
Array to_array(std::string_view op, const Literal& literal, DType dtype);
/// The same as a constant of the graph. Throws Error, naming `op`, if the dtype cannot hold it.
Tensor scalar(std::string_view op, const Literal& literal, DType dtype);
/// Returns `numbers` as elements of `dtype`, if all are integers or both types are floats, and all are in range;
/// otherwise returns nothing and shows a number that does not fit in `lost`.
std::optional<Array> converted_numbers(const Array& numbers, DType dtype, std::string& lost);
/// Returns all operands as tensors: a number takes the dtype of the first tensor. Throws Error, naming `op`, if there
/// is no tensor or if their dtypes differ.
std::vector<Tensor> to_tensors(std::string_view op, std::span<const TensorOrNumber> operands);
/// The same, broadcast to one shape.
std::vector<Tensor> unify(std::string_view op, std::span<const TensorOrNumber> operands);

/// Throws Error, naming `op`, unless x has floats.
void expect_floats(std::string_view op, const Arg& x);

}  // namespace sluice::detail

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/array.h"
#include "sluice/tensor.h"

// How operands become tensors of one type. Inside of the frontend only.
namespace sluice::detail {

/// The shape to which all of `tensors` broadcast by NumPy's rule. Throws Error, naming `op`, if there is none.
Shape broadcast_shape(std::string_view op, std::span<const Tensor> tensors);
/// x repeated to `shape`; x itself if it has it.
Tensor broadcast(const Tensor& x, const Shape& shape);
/// `literal` as an array of one element of `dtype`. Throws Error, naming `op`, if the dtype cannot hold it.
Array to_array(std::string_view op, const Literal& literal, DType dtype);
/// The same as a constant of the graph. Throws Error, naming `op`, if the dtype cannot hold it.
Tensor scalar(std::string_view op, const Literal& literal, DType dtype);
/// `numbers` as elements of `dtype`, where all are whole or both are floats, and in range; none if it does not hold one
/// of them, which `lost` then shows.
std::optional<Array> converted_numbers(const Array& numbers, DType dtype, std::string& lost);
/// All operands as tensors: a number takes the dtype of the first tensor. Throws Error, naming `op`, if there is no
/// tensor or if their dtypes differ.
std::vector<Tensor> to_tensors(std::string_view op, std::span<const TensorOrNumber> operands);
/// The same, broadcast to one shape.
std::vector<Tensor> unify(std::string_view op, std::span<const TensorOrNumber> operands);

}  // namespace sluice::detail

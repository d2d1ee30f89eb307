#include "frontend/broadcasting.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "sluice/detail/trace.h"

namespace sluice::detail {

namespace {

std::string to_text(const Literal& literal) {
  return std::visit([](auto value) { return fmt::format("{}", value); }, literal.value());
}

std::string join_types(std::span<const Tensor> tensors) {
  std::string out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    if (i > 0) out += i + 1 == tensors.size() ? " and " : ", ";
    out += to_string(tensors[i].type());
  }
  return out;
}

/// Returns `number` as a T if T can hold it. Only floating-point numbers may be rounded, and only to a finite, nonzero
/// T.
template <typename T, typename Number>
std::optional<T> converted(Number number) {
  if constexpr (std::is_same_v<T, bool> != std::is_same_v<Number, bool>) {
    return std::nullopt;
  } else if constexpr (std::is_same_v<T, bool>) {
    return number;
  } else if constexpr (std::is_integral_v<Number> && std::is_integral_v<T>) {
    return std::in_range<T>(number) ? std::optional(static_cast<T>(number)) : std::nullopt;
  } else if constexpr (std::is_integral_v<Number>) {
    const T rounded = static_cast<T>(number);
    // The largest integers round up to a power of two outside their type, which cannot be converted back.
    if (!(rounded < std::ldexp(T{1}, std::numeric_limits<Number>::digits))) return std::nullopt;
    return static_cast<Number>(rounded) == number ? std::optional(rounded) : std::nullopt;
  } else if constexpr (std::is_floating_point_v<T>) {
    const T rounded = static_cast<T>(number);
    const bool lost = (std::isinf(rounded) && !std::isinf(number)) || (rounded == 0 && number != 0);
    return lost ? std::nullopt : std::optional(rounded);
  } else {
    return std::nullopt;
  }
}

template <typename T>
Array convert(std::string_view op, const Literal& literal) {
  const auto element = std::visit([](auto number) { return converted<T>(number); }, literal.value());
  if (element) return Array::scalar(*element);
  fail_at_user(fmt::format("{}: the number {} does not fit the element type {} of its tensor", op, to_text(literal),
                           to_string(dtype_of<T>)));
}

}  // namespace

Shape broadcast_shape(std::string_view op, std::span<const Tensor> tensors) {
  int rank = 0;
  for (const Tensor& tensor : tensors) rank = std::max(rank, tensor.rank());
  Shape shape(std::vector<Dim>(static_cast<std::size_t>(rank), Dim(1)));
  for (const Tensor& tensor : tensors) {
    for (int axis = 0; axis < tensor.rank(); ++axis) {
      Dim& to = shape[axis + rank - tensor.rank()];
      const Dim from = tensor.shape()[axis];
      if (from == Dim(1) || from == to) continue;
      if (to != Dim(1)) fail_at_user(fmt::format("{}: shapes do not broadcast: {}", op, join_types(tensors)), tensors);
      to = from;
    }
  }
  return shape;
}

Tensor broadcast(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return Trace::required("broadcast_to").add(ir::Op::kBroadcast, {x}, {{ir::Attr::kShape, shape}});
}

Array to_array(std::string_view op, const Literal& literal, DType dtype) {
  return visit_dtype(dtype, [&](auto zero) { return convert<decltype(zero)>(op, literal); });
}

Tensor scalar(std::string_view op, const Literal& literal, DType dtype) {
  return Trace::required(op).add(ir::Op::kConstant, {}, {{ir::Attr::kValue, to_array(op, literal, dtype)}});
}

std::optional<Array> converted_numbers(const Array& numbers, DType dtype, std::string& lost) {
  Array result(dtype, numbers.sizes());
  const bool whole = visit_dtype(numbers.dtype(), [&]<typename From>(From) {
    return visit_dtype(dtype, [&]<typename To>(To) {
      const std::span<const From> from = numbers.data<From>();
      const std::span<To> to = result.data<To>();
      for (std::size_t i = 0; i < from.size(); ++i) {
        std::optional<To> number = converted<To>(from[i]);
        if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && !std::is_same_v<To, bool>) {
          if (std::trunc(from[i]) == from[i] && sluice::detail::fits<To>(from[i])) number = static_cast<To>(from[i]);
        }
        if (!number) {
          lost = fmt::format("{}", from[i]);
          return false;
        }
        to[i] = *number;
      }
      return true;
    });
  });
  return whole ? std::optional(std::move(result)) : std::nullopt;
}

std::vector<Tensor> to_tensors(std::string_view op, std::span<const TensorOrNumber> operands) {
  std::vector<Tensor> given;
  for (const TensorOrNumber& operand : operands) {
    if (operand.tensor() != nullptr) given.push_back(*operand.tensor());
  }
  if (given.empty()) fail_at_user(fmt::format("{}: expected at least one tensor, got numbers only", op));
  for (const Tensor& tensor : given) {
    if (tensor.dtype() != given[0].dtype()) {
      fail_at_user(
          fmt::format("{}: operands have different element types: {}; convert with cast", op, join_types(given)),
          given);
    }
  }
  std::vector<Tensor> tensors;
  for (const TensorOrNumber& operand : operands) {
    tensors.push_back(operand.tensor() != nullptr ? *operand.tensor()
                                                  : scalar(op, *operand.literal(), given[0].dtype()));
  }
  return tensors;
}

std::vector<Tensor> unify(std::string_view op, std::span<const TensorOrNumber> operands) {
  std::vector<Tensor> tensors = to_tensors(op, operands);
  const Shape shape = broadcast_shape(op, tensors);
  for (Tensor& tensor : tensors) tensor = broadcast(tensor, shape);
  return tensors;
}

void expect_floats(std::string_view op, const Arg& x) {
  if (is_float(x.dtype())) return;
  fail_at_user(fmt::format("{}: expected floats, got {}; convert with cast", op, to_string(x.type())),
               std::array{x.tensor()});
}

}  // namespace sluice::detail

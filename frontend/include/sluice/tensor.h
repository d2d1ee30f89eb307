#pragma once

#include <concepts>
#include <cstdint>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "sluice/ir/graph.h"
#include "sluice/print.h"
#include "sluice/type.h"

namespace sluice {

class Variable;

class TensorOrNumber;
namespace detail {
class Index;
}

/// A value inside a function that is being traced: a handle to a node's result, without elements. Valid only until the
/// function's trace ends.
class Tensor {
 public:
  /// An empty tensor, to be assigned before it is used: any use throws Error.
  Tensor() = default;
  /// Reads the variable: its value before the call, or the value that the trace has assigned to it since. Throws Error
  /// outside a trace.
  Tensor(const Variable& variable, std::source_location where = std::source_location::current());  // NOLINT: a read

  /// Returns whether this holds no tensor.
  bool empty() const { return trace_ == 0; }
  const Type& type() const {
    if (trace_ == 0) fail_empty();
    return type_;
  }
  DType dtype() const { return type().dtype; }
  const Shape& shape() const { return type().shape; }
  int rank() const { return shape().rank(); }

  /// x[i]: row i, which is the tensor without its first axis; x[-1] is the last. Throws Error at the user's line if
  /// there is no such row, or if the first axis is symbolic.
  Tensor operator[](const detail::Index& index) const;

  /// x += y is x = x + y: the C++ variable x then refers to another tensor.
  Tensor& operator+=(const TensorOrNumber& y);
  Tensor& operator-=(const TensorOrNumber& y);
  Tensor& operator*=(const TensorOrNumber& y);
  Tensor& operator/=(const TensorOrNumber& y);

  template <std::same_as<bool> T>
  explicit operator T() const {
    static_assert(!std::same_as<T, bool>,
                  "a Tensor has no value while a function is traced, so C++ cannot branch on it: use select(condition, "
                  "x, y), logical_and(x, y), logical_or(x, y) or logical_not(x)");
    return false;
  }

 private:
  friend class Trace;
  friend std::string to_string(const Tensor& tensor);
  Tensor(std::uint64_t trace, ir::Value value, Type type) : trace_(trace), value_(value), type_(std::move(type)) {}
  [[noreturn]] static void fail_empty();

  std::uint64_t trace_ = 0;  ///< the number of its trace, never reused in the process; 0: there is no tensor
  ir::Value value_;
  Type type_;
};

/// Returns "f32[B,784]", or says that there is no tensor yet.
std::string to_string(const Tensor& tensor);

namespace detail {

/// An integer of any C++ type, with the line of the call: x[i].
class Index {
 public:
  template <std::integral T>
  requires(!std::same_as<T, bool>)
      Index(T position, std::source_location where = std::source_location::current())  // NOLINT: stands for the number
      : position_(static_cast<std::int64_t>(position)), where_(where) {}

  std::int64_t position() const { return position_; }
  const std::source_location& where() const { return where_; }

 private:
  std::int64_t position_;
  std::source_location where_;
};

}  // namespace detail

// Public functions take their arguments as the classes below: the implicit conversion records the line of the call, so
// that every node and every error knows it. Your own functions may use them as well.

/// A tensor, or a variable, which stands for its value, with the line of the call.
class Arg {
 public:
  Arg(const Tensor& tensor, std::source_location where = std::source_location::current())  // NOLINT: see above
      : tensor_(tensor), where_(where) {}
  Arg(const Variable& variable, std::source_location where = std::source_location::current())  // NOLINT: see above
      : tensor_(variable, where), where_(where) {}

  operator const Tensor&() const { return tensor_; }  // NOLINT: an Arg is a Tensor with a line
  const Tensor& tensor() const { return tensor_; }
  const std::source_location& where() const { return where_; }
  const Type& type() const { return tensor_.type(); }
  DType dtype() const { return tensor_.dtype(); }
  const Shape& shape() const { return tensor_.shape(); }
  int rank() const { return tensor_.rank(); }
  Tensor operator[](const detail::Index& index) const { return tensor_[index]; }

 private:
  Tensor tensor_;
  std::source_location where_;
};

/// A C++ number in an expression with tensors, without loss.
class Literal {
 public:
  template <typename T>
  requires std::is_arithmetic_v<T> &&(sizeof(T) <= 8) Literal(T number)
      : value_(widened(number)) {}  // NOLINT: stands for the number

  /// A std::uint64_t only if std::int64_t cannot hold it.
  const std::variant<bool, std::int64_t, std::uint64_t, double>& value() const { return value_; }

 private:
  template <typename T>
  static std::variant<bool, std::int64_t, std::uint64_t, double> widened(T number) {
    if constexpr (std::same_as<T, bool>) {
      return number;
    } else if constexpr (std::is_floating_point_v<T>) {
      return static_cast<double>(number);
    } else {
      if (std::in_range<std::int64_t>(number)) return static_cast<std::int64_t>(number);
      return static_cast<std::uint64_t>(number);
    }
  }

  std::variant<bool, std::int64_t, std::uint64_t, double> value_;
};

/// A tensor, a variable or a C++ number, with the line of the call. A number takes the dtype of the other operand.
/// Throws Error if that dtype cannot hold the number: integers must be exact; floating-point numbers are rounded, must
/// neither overflow nor underflow to zero, and fit only floats.
class TensorOrNumber {
 public:
  TensorOrNumber(const Tensor& tensor, std::source_location where = std::source_location::current())  // NOLINT: see Arg
      : value_(tensor), where_(where) {}
  TensorOrNumber(const Variable& variable,  // NOLINT: see Arg
                 std::source_location where = std::source_location::current())
      : value_(Tensor(variable, where)), where_(where) {}
  TensorOrNumber(const Arg& arg) : value_(arg.tensor()), where_(arg.where()) {}  // NOLINT: see Arg
  template <typename T>
    requires std::is_arithmetic_v<T> && (sizeof(T) <= 8)
  TensorOrNumber(T literal, std::source_location where = std::source_location::current())  // NOLINT: see Arg
      : value_(Literal(literal)), where_(where) {}

  const Tensor* tensor() const { return std::get_if<Tensor>(&value_); }
  const Literal* literal() const { return std::get_if<Literal>(&value_); }
  const std::source_location& where() const { return where_; }

 private:
  std::variant<Tensor, Literal> value_;
  std::source_location where_;
};

// Elementwise with NumPy's broadcasting; both sides have one dtype (a number takes the tensor's). sluice/ir/ops.def
// defines the edge cases. Comparisons return bool tensors. && and || are omitted on purpose: C++ would promise not to
// evaluate the right side; & | and ~ take bool tensors, as in NumPy.
Tensor operator+(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator-(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator*(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator/(const TensorOrNumber& x, const TensorOrNumber& y);
/// mod(x, y): the result has the sign of y, as in NumPy.
Tensor operator%(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator-(const Arg& x);
Tensor operator==(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator!=(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator<(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator<=(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator>(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator>=(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator&(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator|(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor operator~(const Arg& x);

template <>
inline constexpr bool prints_by_to_string<Tensor> = true;

}  // namespace sluice

template <>
struct fmt::formatter<sluice::Tensor> : sluice::ByToString<sluice::Tensor> {};

#pragma once

#include <concepts>
#include <cstdint>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

#include "sluice/ir/graph.h"
#include "sluice/type.h"

namespace sluice {

class Variable;

/// A value inside a function that is being traced: a handle of a node's result, without elements. It is good only
/// until the function's trace ends.
class Tensor {
 public:
  /// Reads the variable: its value before the call, or what the trace has assigned to it since. Throws Error outside
  /// of a trace.
  Tensor(const Variable& variable, std::source_location where = std::source_location::current());  // NOLINT: a read

  const Type& type() const { return type_; }
  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  int rank() const { return type_.shape.rank(); }

  template <std::same_as<bool> T>
  explicit operator T() const {
    static_assert(!std::same_as<T, bool>,
                  "a Tensor has no value while a function is traced, so C++ cannot branch on it: use select(condition, "
                  "x, y), logical_and(x, y), logical_or(x, y) or logical_not(x)");
    return false;
  }

 private:
  friend class Trace;
  Tensor(std::uint64_t trace, ir::Value value, Type type) : trace_(trace), value_(value), type_(std::move(type)) {}

  std::uint64_t trace_;  ///< the number of its trace, never used again in the process
  ir::Value value_;
  Type type_;
};

/// How public functions take a tensor: with the line of the call, so that every node knows the user's line. Made by
/// implicit conversion; a function of your own may take it as well as a Tensor.
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

  /// A std::uint64_t only where std::int64_t does not hold it.
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

/// How public functions take what may be a tensor or a C++ number, which takes the dtype of the tensor beside it. It is
/// an Error if that dtype does not hold the number: integers must be exact, and floating-point numbers, which are
/// rounded, must neither overflow nor become zero; only floats take them.
class Operand {
 public:
  Operand(const Tensor& tensor, std::source_location where = std::source_location::current())  // NOLINT: see Arg
      : value_(tensor), where_(where) {}
  Operand(const Variable& variable, std::source_location where = std::source_location::current())  // NOLINT: see Arg
      : value_(Tensor(variable, where)), where_(where) {}
  Operand(const Arg& arg) : value_(arg.tensor()), where_(arg.where()) {}  // NOLINT: see Arg
  template <typename T>
  requires std::is_arithmetic_v<T> &&(sizeof(T) <= 8)
      Operand(T literal, std::source_location where = std::source_location::current())  // NOLINT: see Arg
      : value_(Literal(literal)), where_(where) {}

  const Tensor* tensor() const { return std::get_if<Tensor>(&value_); }
  const Literal* literal() const { return std::get_if<Literal>(&value_); }
  const std::source_location& where() const { return where_; }

 private:
  std::variant<Tensor, Literal> value_;
  std::source_location where_;
};

// Elementwise with NumPy's broadcasting; both sides have one dtype (a number takes that of the tensor). What each means
// at the edges stands in sluice/ir/ops.def. Comparisons give bool tensors. && and || are left out on purpose: C++ would
// promise not to look at the right side; & | and ~ take bool tensors, as NumPy's do.
Tensor operator+(const Operand& x, const Operand& y);
Tensor operator-(const Operand& x, const Operand& y);
Tensor operator*(const Operand& x, const Operand& y);
Tensor operator/(const Operand& x, const Operand& y);
Tensor operator-(const Arg& x);
Tensor operator==(const Operand& x, const Operand& y);
Tensor operator!=(const Operand& x, const Operand& y);
Tensor operator<(const Operand& x, const Operand& y);
Tensor operator<=(const Operand& x, const Operand& y);
Tensor operator>(const Operand& x, const Operand& y);
Tensor operator>=(const Operand& x, const Operand& y);
Tensor operator&(const Operand& x, const Operand& y);
Tensor operator|(const Operand& x, const Operand& y);
Tensor operator~(const Arg& x);

}  // namespace sluice

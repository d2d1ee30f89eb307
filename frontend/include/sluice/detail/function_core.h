#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/detail/effects.h"
#include "sluice/detail/trace.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"
#include "sluice/spec.h"
#include "sluice/tensor.h"

// The part shared by functions of all arities: tracing, the cache of executables, argument checks. Users see
// sluice/function.h.
namespace sluice::detail {

/// An argument of a call from outside: an array or C++ numbers (one, a list, or a vector), with the line of the call.
/// Numbers are converted to the signature's dtype if that loses nothing but a floating-point rounding. Arrays are not
/// copied, so use this only as a parameter.
class HostArgument {
 public:
  HostArgument(const Array& array, std::source_location where = std::source_location::current())  // NOLINT: converts
      : array_(&array), where_(where) {}
  template <typename T>
  requires std::is_arithmetic_v<T> HostArgument(
      T number, std::source_location where = std::source_location::current())  // NOLINT: converts
      : numbers_(scalar(number, where)), where_(where) {}
  template <typename T>
  requires std::is_arithmetic_v<T> HostArgument(const std::vector<T>& numbers,  // NOLINT: converts
                                                std::source_location where = std::source_location::current())
      : numbers_(Array(numbers, {static_cast<std::int64_t>(numbers.size())})), where_(where) {}
  template <Number T>
  HostArgument(std::initializer_list<T> numbers,  // NOLINT: converts
               std::source_location where = std::source_location::current())
      : numbers_(Array(numbers)), where_(where) {}
  template <Number T>
  HostArgument(std::initializer_list<std::initializer_list<T>> rows,  // NOLINT: converts
               std::source_location where = std::source_location::current())
      : numbers_(Array(rows)), where_(where) {}

  const Array& array() const { return numbers_ ? *numbers_ : *array_; }
  const std::source_location& where() const { return where_; }
  /// Converts numbers to `dtype`; leaves arrays unchanged. Throws Error at the user's line, naming the function and the
  /// argument's position, if that would lose more than a rounding.
  void convert(DType dtype, std::string_view function, std::size_t position);

 private:
  template <typename T>
  static Array scalar(T number, const std::source_location& where) {
    if constexpr (Number<T>) {
      return Array::scalar(number);
    } else if constexpr (std::is_floating_point_v<T>) {
      return Array::scalar(static_cast<double>(number));
    } else if constexpr (sizeof(T) < sizeof(std::int32_t)) {
      return Array::scalar(static_cast<std::int32_t>(number));
    } else {
      if (!std::in_range<std::int64_t>(number)) fail_too_large(static_cast<std::uint64_t>(number), where);
      return Array::scalar(static_cast<std::int64_t>(number));
    }
  }
  [[noreturn]] static void fail_too_large(std::uint64_t number, const std::source_location& where);

  const Array* array_ = nullptr;
  std::optional<Array> numbers_;
  std::source_location where_;
};

class FunctionCore {
 public:
  using Body = std::function<std::vector<Tensor>(std::span<const Tensor>)>;
  using Signature = std::optional<std::vector<TensorSpec>>;

  /// `arity` is empty for a function of a vector of tensors. `where` is the user's line that creates the function.
  /// Throws Error if the signature's number of arguments differs from `arity`.
  FunctionCore(std::string name, Signature signature, std::optional<std::size_t> arity, Body body,
               const std::source_location& where);

  const std::string& name() const { return name_; }

  /// The function's own results of a call, valid during its lifetime: it keeps other threads out.
  struct Call {
    std::unique_lock<std::recursive_mutex> lock;
    std::span<const Array> results;
  };
  /// Runs the function, tracing and compiling it first if there is no executable for these arguments. Does not allocate
  /// once there is one, provided that nobody holds the results of the previous call.
  Call call(std::span<HostArgument> arguments);

  /// Throws Error, as a call would, unless a call with these arguments could run. Throws Error if there is no
  /// signature.
  void check(std::span<HostArgument> arguments);
  /// A call with tensors inside the trace of another function, during its lifetime.
  class InlinedCall {
   public:
    explicit InlinedCall(int& depth) : depth_(depth) { ++depth_; }
    ~InlinedCall() { --depth_; }
    InlinedCall(const InlinedCall&) = delete;
    InlinedCall& operator=(const InlinedCall&) = delete;

   private:
    int& depth_;
  };
  /// Throws Error if tensors of another trace do not fit the signature, or if the function calls itself without end.
  [[nodiscard]] InlinedCall begin_inlined(std::span<const Tensor> arguments);
  void compile();
  void check_numerics();
  const ir::Graph& graph() { return latest_version().graph; }
  /// Returns the graph without the results of prints. Throws Error at the line of a check.
  const ir::Graph& graph_to_save();
  const runtime::Variables& variables() { return latest_version().variables; }
  std::string dump(std::string_view stage);
  /// Returns its name and types, as far as they are known: "step(f32[B,3], u8[B]) -> f32[]".
  std::string to_text();
  int traces() const { return traces_; }

 private:
  /// The function for one list of argument types.
  struct Version {
    std::vector<TensorSpec> arguments;
    ir::Graph graph;
    runtime::Variables variables;
    std::vector<ExpectedIndices> expected_indices;
    std::vector<AskedTrainable> asked_trainable;
    StepEffects effects;
    std::optional<ir::Graph> without_effects;
    std::uint64_t trainable_changes = 0;              ///< runtime::trainable_changes() when those last held
    std::unique_ptr<runtime::Executable> executable;  ///< null until the first call
    std::vector<Array> inputs;                        ///< kept so that a call need not allocate their sizes
    std::vector<Array> results;
    std::uint64_t last_call = 0;  ///< `calls_` at its last use
  };

  Version* find_version(std::span<const HostArgument> arguments);
  /// Drops the versions whose trace would differ because variables were frozen or unfrozen.
  void drop_outdated();
  Version& signed_version();
  Version& latest_version();
  Version& trace_for(std::span<const HostArgument> arguments);
  Version& trace(std::vector<TensorSpec> arguments);
  /// Drops the least recently used versions until fewer than max_versions() remain.
  void make_room();
  void check_not_busy() const;
  /// Throws Error unless the arguments' sizes determine every symbol of the signature.
  void check_decided(const std::vector<TensorSpec>& arguments) const;
  /// Converts numbers to the dtypes of the signature and checks all arguments against it.
  void check_arguments(std::span<HostArgument> arguments) const;
  void check_indices(const Version& version, std::span<const HostArgument> arguments) const;
  void compile(Version& version);
  void log_trace(const std::vector<TensorSpec>& arguments) const;

  std::string name_;
  Signature signature_;
  std::optional<std::size_t> arity_;
  Body body_;
  std::source_location where_;
  std::recursive_mutex mutex_;  ///< taken after tracing_lock(); recursive, to detect a call of itself
  bool busy_ = false;
  int inlined_depth_ = 0;  ///< nested calls with tensors; under tracing_lock(), as every trace is
  bool check_numerics_ = false;
  std::vector<std::unique_ptr<Version>> versions_;  ///< in the order of tracing
  int traces_ = 0;
  std::uint64_t calls_ = 0;
};

}  // namespace sluice::detail

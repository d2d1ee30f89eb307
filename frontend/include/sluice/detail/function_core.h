#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sluice/array.h"
#include "sluice/detail/trace.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"
#include "sluice/spec.h"
#include "sluice/tensor.h"

// What functions of all arities share: tracing, the cache of executables, checks. Users see sluice/function.h.
namespace sluice::detail {

/// An argument of a call from outside: an array, a number, or a vector as a tensor of rank 1; with the line of the
/// call. An array is not copied, so this is no more than a parameter.
class HostArgument {
 public:
  HostArgument(const Array& array, std::source_location where = std::source_location::current())  // NOLINT: converts
      : array_(&array), where_(where) {}
  template <typename T>
  requires std::is_arithmetic_v<T> HostArgument(
      T value, std::source_location where = std::source_location::current())  // NOLINT: converts
      : owned_(Array::scalar(value)), where_(where) {}
  template <typename T>
  requires(!std::is_same_v<T, bool>) HostArgument(const std::vector<T>& values,  // NOLINT: converts
                                                  std::source_location where = std::source_location::current())
      : owned_(Array(values, {static_cast<std::int64_t>(values.size())})), where_(where) {}

  const Array& array() const { return owned_ ? *owned_ : *array_; }
  const std::source_location& where() const { return where_; }

 private:
  const Array* array_ = nullptr;
  std::optional<Array> owned_;
  std::source_location where_;
};

class FunctionCore {
 public:
  using Body = std::function<std::vector<Tensor>(std::span<const Tensor>)>;
  using Signature = std::optional<std::vector<TensorSpec>>;

  /// `where` is the user's line that makes the function. Throws Error if the signature has another number of arguments
  /// than `arity`.
  FunctionCore(std::string name, Signature signature, std::size_t arity, Body body, const std::source_location& where);

  const std::string& name() const { return name_; }

  /// The results of a call, good while it lives: it keeps other threads out.
  struct Call {
    std::unique_lock<std::recursive_mutex> lock;
    std::span<const Array> results;
  };
  /// Runs; traces and compiles before that if there is no executable for these arguments. Does not allocate once there
  /// is one and the results of the call before are held by nobody.
  Call call(std::span<const HostArgument> arguments);

  /// Throws Error, as a call would, unless it could run with these arguments. Throws Error if there is no signature.
  void check(std::span<const HostArgument> arguments);
  /// A call with tensors inside of the trace of another function, while it lives.
  class InlinedCall {
   public:
    explicit InlinedCall(int& depth) : depth_(depth) { ++depth_; }
    ~InlinedCall() { --depth_; }
    InlinedCall(const InlinedCall&) = delete;
    InlinedCall& operator=(const InlinedCall&) = delete;

   private:
    int& depth_;
  };
  /// Throws Error unless tensors of another trace fit the signature, and if the function calls itself without end.
  [[nodiscard]] InlinedCall begin_inlined(std::span<const Tensor> arguments);
  void compile();
  void check_numerics();
  const ir::Graph& graph() { return latest_version().graph; }
  const runtime::Variables& variables() { return latest_version().variables; }
  std::string dump(std::string_view stage);
  int traces() const { return traces_; }

 private:
  /// The function for one list of argument types.
  struct Version {
    std::vector<TensorSpec> arguments;
    ir::Graph graph;
    runtime::Variables variables;
    std::vector<ExpectedLabels> expected_labels;
    std::unique_ptr<runtime::Executable> executable;  ///< null until the first call
    std::vector<Array> inputs;                        ///< kept, so that a call does not allocate their sizes
    std::vector<Array> results;
    std::uint64_t last_call = 0;  ///< the number of the function's call that used it last
  };

  Version* find_version(std::span<const HostArgument> arguments) const;
  Version& signed_version();
  Version& latest_version();
  Version& trace_for(std::span<const HostArgument> arguments);
  Version& trace(std::vector<TensorSpec> arguments);
  /// Drops the versions that were not used for longest where there are more than max_versions() less one.
  void make_room();
  void check_not_busy() const;
  void check_arguments(std::span<const HostArgument> arguments) const;
  void check_labels(const Version& version, std::span<const HostArgument> arguments) const;
  void compile(Version& version);
  void log_trace(const std::vector<TensorSpec>& arguments) const;

  std::string name_;
  Signature signature_;
  std::size_t arity_;
  Body body_;
  std::source_location where_;
  std::recursive_mutex mutex_;  ///< after tracing_lock(); recursive to tell a call of itself from another thread's
  bool busy_ = false;
  int inlined_depth_ = 0;  ///< calls with tensors, one inside of the other; under tracing_lock(), as every trace is
  bool check_numerics_ = false;
  std::vector<std::unique_ptr<Version>> versions_;  ///< in the order in which they were traced
  int traces_ = 0;
  std::uint64_t calls_ = 0;
};

}  // namespace sluice::detail

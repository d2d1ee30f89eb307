#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/detail/function_core.h"
#include "sluice/detail/trace.h"
#include "sluice/spec.h"
#include "sluice/tensor.h"

namespace sluice {

/// Several results of a function: return outputs(loss, accuracy).
template <typename... T>
std::array<Tensor, sizeof...(T)> outputs(const T&... tensors) {
  return {Tensor(tensors)...};
}

namespace detail {

/// How the results of a traced function become arrays: Tensor -> Array, outputs(...) -> std::array<Array, N>,
/// std::vector<Tensor> -> std::vector<Array>, void -> void.
template <typename R>
struct Results {
  static_assert(sizeof(R) == 0,
                "a traced function returns a Tensor, outputs(x, y, ...), a std::vector<Tensor> or nothing");
};
/// What a lambda's result counts as: a Variable or an Arg is the Tensor that it stands for.
template <typename R>
using ResultOf = std::conditional_t<std::is_convertible_v<R, Tensor>, Tensor, R>;

template <>
struct Results<void> {
  static void to_arrays(std::span<const Array>) {}
};
template <>
struct Results<Tensor> {
  static std::vector<Tensor> flatten(const Tensor& result) { return {result}; }
  static Array to_arrays(std::span<const Array> arrays) { return arrays[0]; }
};
template <std::size_t N>
struct Results<std::array<Tensor, N>> {
  static std::vector<Tensor> flatten(const std::array<Tensor, N>& results) { return {results.begin(), results.end()}; }
  static std::array<Array, N> to_arrays(std::span<const Array> arrays) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) { return std::array<Array, N>{arrays[I]...}; }
    (std::make_index_sequence<N>());
  }
};
template <>
struct Results<std::vector<Tensor>> {
  static std::vector<Tensor> flatten(std::vector<Tensor> results) { return results; }
  static std::vector<Array> to_arrays(std::span<const Array> arrays) { return {arrays.begin(), arrays.end()}; }
};

/// The same types for every index, to be expanded with packs of them. Not plain aliases: clang 19 takes the pack in an
/// alias that does not use its parameter for one element.
template <std::size_t>
struct AtIndex {
  using ArgType = const Arg&;
  using HostType = const HostArgument&;
  using TensorType = const Tensor&;
};
template <std::size_t I>
using ArgAt = typename AtIndex<I>::ArgType;
template <std::size_t I>
using HostArgumentAt = typename AtIndex<I>::HostType;
template <std::size_t I>
using TensorAt = typename AtIndex<I>::TensorType;

template <typename R, typename Indices>
class Function;

}  // namespace detail

/// A traced and compiled function of N tensors; R is what its lambda returns. A handle: copies are the same function.
/// Called with arrays (or C++ numbers, or vectors for tensors of rank 1) it runs; called with tensors inside of another
/// function it becomes part of that. Threads may share it: their calls run one after the other.
template <typename R, std::size_t N>
using Function = detail::Function<R, std::make_index_sequence<N>>;

namespace detail {

template <typename R, std::size_t... I>
class Function<R, std::index_sequence<I...>> {
 public:
  template <typename F>
  Function(std::string name, std::optional<std::vector<TensorSpec>> signature, F body,
           const std::source_location& where)
      : body_(std::make_shared<std::function<R(TensorAt<I>...)>>(std::move(body))),
        core_(std::make_shared<FunctionCore>(
            std::move(name), std::move(signature), sizeof...(I),
            [traced = body_](std::span<const Tensor> arguments) -> std::vector<Tensor> {
              if constexpr (std::is_void_v<R>) {
                (*traced)(arguments[I]...);
                return {};
              } else {
                return Results<R>::flatten((*traced)(arguments[I]...));
              }
            },
            where)) {}

  /// Runs. Throws Error, with both types, if an argument does not fit the signature.
  auto operator()(HostArgumentAt<I>... arguments) const {
    const std::array<HostArgument, sizeof...(I)> given{arguments...};
    const FunctionCore::Call call = core_->call(given);
    return Results<R>::to_arrays(call.results);
  }

  /// Becomes part of the function that is being traced. Throws Error if an argument does not fit the signature, and if
  /// it calls itself a thousand levels deep.
  R operator()(ArgAt<I>... arguments) const
    requires(sizeof...(I) > 0)
  {
    const Scope scope((arguments, ...).where());
    const FunctionCore::InlinedCall call =
        core_->begin_inlined(std::array<Tensor, sizeof...(I)>{arguments.tensor()...});
    return (*body_)(arguments.tensor()...);
  }

  /// Throws Error, as a call would, unless it could run with these arguments: of the types of its signature, and with
  /// labels that there are classes for. Throws Error if it has no signature.
  void check(HostArgumentAt<I>... arguments) const {
    core_->check(std::array<HostArgument, sizeof...(I)>{arguments...});
  }

  const std::string& name() const { return core_->name(); }
  /// Traces and compiles now instead of at the first call. Throws Error unless it has a signature.
  void compile() const { core_->compile(); }
  /// From now on a call that makes a NaN or an infinity throws Error, which names the line whose op does, and leaves
  /// all variables as before (runtime/execution/numerics.h). What was compiled before is compiled anew.
  void check_numerics() const { core_->check_numerics(); }
  /// Its graph as traced; without a signature the last one, good until another call traces. Throws Error if it has no
  /// signature and no call was made.
  const ir::Graph& graph() const { return core_->graph(); }
  /// The variables that its graph reads or assigns, in the order of the graph's states. Throws Error as graph() does.
  const runtime::Variables& variables() const { return core_->variables(); }
  /// The text of its graph after a stage: "traced" or the name of a pass. Throws Error if there is no such stage.
  std::string dump(std::string_view stage = "traced") const { return core_->dump(stage); }
  /// How often it has been traced.
  int traces() const { return core_->traces(); }

 private:
  std::shared_ptr<std::function<R(TensorAt<I>...)>> body_;
  std::shared_ptr<FunctionCore> core_;
};

/// With how many tensors F can be called: the least such number.
template <typename F, std::size_t N = 0>
constexpr std::size_t arity() {
  static_assert(
      N <= 16,
      "a traced function takes tensors only (Tensor or Arg), 16 at most, and its body must compile with them: "
      "several results are returned by outputs(x, y), not as {x, y}");
  constexpr bool fits = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::is_invocable_v<F&, TensorAt<I>...>;
  }
  (std::make_index_sequence<N>());
  if constexpr (fits || N > 16) {
    return N;
  } else {
    return arity<F, N + 1>();
  }
}

template <typename F>
auto make_function(std::string name, std::optional<std::vector<TensorSpec>> signature, F body,
                   const std::source_location& where) {
  constexpr std::size_t kArity = arity<F>();
  return [&]<std::size_t... I>(std::index_sequence<I...> indices) {
    using R = ResultOf<std::remove_cvref_t<std::invoke_result_t<F&, TensorAt<I>...>>>;
    return Function<R, decltype(indices)>(std::move(name), std::move(signature), std::move(body), where);
  }
  (std::make_index_sequence<kArity>());
}

}  // namespace detail

/// Makes a function of `body`, a lambda of tensors. With a signature it is traced and compiled once, and serves every
/// size of `batch`. `where` is the line that its parameters come from. Throws Error if the signature has another number
/// of arguments than the lambda.
template <typename F>
auto function(std::string name, std::vector<TensorSpec> signature, F body,
              std::source_location where = std::source_location::current()) {
  return detail::make_function(std::move(name), std::optional(std::move(signature)), std::move(body), where);
}
/// Without a signature all sizes are static: arguments of new types trace and compile again. So many versions are kept
/// as set_max_versions says.
template <typename F>
auto function(std::string name, F body, std::source_location where = std::source_location::current()) {
  return detail::make_function(std::move(name), std::nullopt, std::move(body), where);
}
template <typename F>
auto function(F body, std::source_location where = std::source_location::current()) {
  return detail::make_function("function", std::nullopt, std::move(body), where);
}

}  // namespace sluice

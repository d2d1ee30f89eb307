#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
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

/// Returns several results from a function: return outputs(loss, accuracy).
template <typename... T>
std::array<Tensor, sizeof...(T)> outputs(const T&... tensors) {
  return {Tensor(tensors)...};
}

namespace detail {

/// How the results of a traced function become arrays: Tensor -> Array, outputs(...) -> std::array<Array, N>,
/// std::vector<Tensor> -> std::vector<Array>, void -> void.
template <typename R>
struct Results;
/// The type to which a lambda's result is converted: Tensor for a Variable or an Arg.
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

/// The same type for every index, for expansion with packs of indices. Not plain aliases: clang 19 treats the pack in
/// an alias that does not use its parameter as one element.
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

/// Stands for the number of arguments: one vector of any number of tensors.
struct AnyNumber {};

template <typename R, typename Arguments>
class Function;

}  // namespace detail

/// The members that all functions have, whatever they take and return.
class AnyFunction {
 public:
  const std::string& name() const { return core_->name(); }
  /// Traces and compiles now instead of on the first call. Throws Error unless it has a signature.
  void compile() const { core_->compile(); }
  /// Makes every later call throw Error if an op produces a NaN or an infinity. The error names the op's line, and all
  /// variables keep their values (runtime/execution/numerics.h). Recompiles existing versions.
  void check_numerics() const { core_->check_numerics(); }
  /// Returns its graph as traced, in which the values of prints and checks follow the function's own results; without a
  /// signature, that of the last trace, until another call traces. Throws Error if there is none yet.
  const ir::Graph& graph() const { return core_->graph(); }
  /// The graph that save() writes: without the values of prints. Throws Error at the line of a check.
  const ir::Graph& graph_to_save() const { return core_->graph_to_save(); }
  /// Returns the variables of its graph, in the order of its states. Throws Error as graph() does.
  const runtime::Variables& variables() const { return core_->variables(); }
  /// Returns the text of its graph, and a comment for each print and check, after a stage: "traced" or the name of a
  /// pass. Throws Error if there is no such stage.
  std::string dump(std::string_view stage = "traced") const { return core_->dump(stage); }
  /// Returns how often it has been traced.
  int traces() const { return core_->traces(); }

 protected:
  explicit AnyFunction(std::shared_ptr<detail::FunctionCore> core) : core_(std::move(core)) {}
  AnyFunction(const AnyFunction&) = default;
  AnyFunction(AnyFunction&&) = default;
  AnyFunction& operator=(const AnyFunction&) = default;
  AnyFunction& operator=(AnyFunction&&) = default;
  ~AnyFunction() = default;

  friend std::string to_string(const AnyFunction& function) { return function.core_->to_text(); }

  std::shared_ptr<detail::FunctionCore> core_;
};

/// A traced and compiled function of N tensors; R is its lambda's result. A handle: copies are the same function.
/// Called with arrays or C++ numbers (a number for a scalar, a list or a vector for a tensor of rank 1), it runs;
/// called with tensors inside another function, it becomes part of that function. Threads may share it; their calls run
/// one after the other.
template <typename R, std::size_t N>
using Function = detail::Function<R, std::make_index_sequence<N>>;
/// A function of a std::vector<Tensor>: called with a vector of arrays, or with arguments in braces.
template <typename R>
using ListFunction = detail::Function<R, detail::AnyNumber>;

namespace detail {

template <typename R, std::size_t... I>
class Function<R, std::index_sequence<I...>> : public AnyFunction {
 public:
  template <typename F>
  Function(std::string name, std::optional<std::vector<TensorSpec>> signature, F body,
           const std::source_location& where)
      : Function(std::move(name), std::move(signature),
                 std::make_shared<std::function<R(TensorAt<I>...)>>(std::move(body)), where) {}

  /// Runs. Throws Error, with both types, if an argument does not fit the signature.
  auto operator()(HostArgumentAt<I>... arguments) const {
    std::array<HostArgument, sizeof...(I)> given{arguments...};
    const FunctionCore::Call call = core_->call(given);
    return Results<R>::to_arrays(call.results);
  }

  /// Becomes part of the function that is being traced. Throws Error if an argument does not fit the signature.
  R operator()(ArgAt<I>... arguments) const
    requires(sizeof...(I) > 0)
  {
    const Scope scope((arguments, ...).where());
    const FunctionCore::InlinedCall call =
        core_->begin_inlined(std::array<Tensor, sizeof...(I)>{arguments.tensor()...});
    return (*body_)(arguments.tensor()...);
  }

  /// Throws Error, as a call would, unless it could run with these arguments: the types must fit its signature, and
  /// labels and indices must be in range. Throws Error if it has no signature.
  void check(HostArgumentAt<I>... arguments) const {
    std::array<HostArgument, sizeof...(I)> given{arguments...};
    core_->check(given);
  }

 private:
  using Body = std::function<R(TensorAt<I>...)>;

  Function(std::string name, std::optional<std::vector<TensorSpec>> signature, std::shared_ptr<Body> body,
           const std::source_location& where)
      : AnyFunction(std::make_shared<FunctionCore>(
            std::move(name), std::move(signature), sizeof...(I),
            [body](std::span<const Tensor> arguments) -> std::vector<Tensor> {
              if constexpr (std::is_void_v<R>) {
                (*body)(arguments[I]...);
                return {};
              } else {
                return Results<R>::flatten((*body)(arguments[I]...));
              }
            },
            where)),
        body_(std::move(body)) {}

  std::shared_ptr<Body> body_;
};

template <typename R>
class Function<R, AnyNumber> : public AnyFunction {
 public:
  template <typename F>
  Function(std::string name, std::optional<std::vector<TensorSpec>> signature, F body,
           const std::source_location& where)
      : Function(std::move(name), std::move(signature), std::make_shared<Body>(std::move(body)), where) {}

  /// Runs. Throws Error, with both types, if an argument does not fit the signature.
  auto operator()(const std::vector<Array>& arguments,
                  std::source_location where = std::source_location::current()) const {
    std::vector<HostArgument> given;
    for (const Array& argument : arguments) given.emplace_back(argument, where);
    return run(given);
  }
  auto operator()(std::initializer_list<HostArgument> arguments) const {
    std::vector<HostArgument> given(arguments);
    return run(given);
  }

  /// Becomes part of the function that is being traced. Throws Error if an argument does not fit the signature.
  R operator()(const std::vector<Tensor>& arguments,
               std::source_location where = std::source_location::current()) const {
    const Scope scope(where);
    const FunctionCore::InlinedCall call = core_->begin_inlined(arguments);
    return (*body_)(arguments);
  }

  /// Throws Error, as a call would, unless it could run with these arguments. Throws Error if it has no signature.
  void check(const std::vector<Array>& arguments, std::source_location where = std::source_location::current()) const {
    std::vector<HostArgument> given;
    for (const Array& argument : arguments) given.emplace_back(argument, where);
    core_->check(given);
  }

 private:
  using Body = std::function<R(const std::vector<Tensor>&)>;

  Function(std::string name, std::optional<std::vector<TensorSpec>> signature, std::shared_ptr<Body> body,
           const std::source_location& where)
      : AnyFunction(std::make_shared<FunctionCore>(
            std::move(name), std::move(signature), std::nullopt,
            [body](std::span<const Tensor> arguments) -> std::vector<Tensor> {
              if constexpr (std::is_void_v<R>) {
                (*body)({arguments.begin(), arguments.end()});
                return {};
              } else {
                return Results<R>::flatten((*body)({arguments.begin(), arguments.end()}));
              }
            },
            where)),
        body_(std::move(body)) {}

  auto run(std::span<HostArgument> arguments) const {
    const FunctionCore::Call call = core_->call(arguments);
    return Results<R>::to_arrays(call.results);
  }

  std::shared_ptr<Body> body_;
};

template <typename... T>
struct TypeList {};

/// The parameters and the result of a callable with a single signature. Reads the lambda's signature without its body,
/// so that an error in the body is the compiler's only message, at the user's line.
template <typename F>
struct CallOf {};
template <typename Result, typename... T>
struct CallOf<Result (*)(T...)> {
  using R = Result;
  using Parameters = TypeList<T...>;
};
template <typename Class, typename Result, typename... T>
struct CallOf<Result (Class::*)(T...)> : CallOf<Result (*)(T...)> {};
template <typename Class, typename Result, typename... T>
struct CallOf<Result (Class::*)(T...) const> : CallOf<Result (*)(T...)> {};
template <typename Class, typename Result, typename... T>
struct CallOf<Result (Class::*)(T...) noexcept> : CallOf<Result (*)(T...)> {};
template <typename Class, typename Result, typename... T>
struct CallOf<Result (Class::*)(T...) const noexcept> : CallOf<Result (*)(T...)> {};

template <typename T>
concept TakesTensor = std::is_convertible_v<const Tensor&, T>;
template <typename T>
concept TakesTensors = std::is_convertible_v < const std::vector<Tensor>
&, T > ;

/// Whether nothing is known about how to call an F: its call operator is a template or overloaded, or it is a lambda
/// whose body has an error, after which compilers continue with an incomplete closure type.
template <typename F>
inline constexpr bool kMayBeBroken = std::is_class_v<F> && !requires { &F::operator(); };

/// Rejects what cannot be called, at code generation: so it stays silent if the compiler has already reported an error,
/// which is the one to show.
[[gnu::error("no number of tensors up to 16 fits the parameters of this function, some of which are of type auto")]]
void refuse_function();
[[gnu::error("a layer or an activation is called with a Tensor, or with a Tensor and a Mode, and returns a Tensor")]]
void refuse_layer();

/// Stands for a function that cannot be created, so that the compiler reports it once and not at each use.
struct NoFunction : AnyFunction {
  template <typename F>
  NoFunction(const std::string&, const std::optional<std::vector<TensorSpec>>&, const F&, const std::source_location&)
      : AnyFunction(nullptr) {
    if constexpr (kMayBeBroken<F>) refuse_function();
  }
  /// Accepts any number of arguments, and lists, for which no type is deduced.
  template <typename... T>
  Array operator()(T&&...) const {
    return {};
  }
  Array operator()(const HostArgument&) const { return {}; }
  Array operator()(const HostArgument&, const HostArgument&) const { return {}; }
};

template <typename R, typename... T>
constexpr auto function_type(TypeList<T...>) {
  constexpr bool kList = sizeof...(T) == 1 && (TakesTensors<T> && ...);
  constexpr bool kTensors = (TakesTensor<T> && ...);
  constexpr bool kResult = requires { sizeof(Results<R>); };
  static_assert(kList || kTensors,
                "a traced function takes tensors only: its parameters are Tensor, const Tensor& or Arg, or one "
                "std::vector<Tensor>");
  static_assert(kResult, "a traced function returns a Tensor, outputs(x, y, ...), a std::vector<Tensor> or nothing");
  if constexpr (!kResult || !(kList || kTensors)) {
    return std::type_identity<NoFunction>();
  } else if constexpr (kList) {
    return std::type_identity<Function<R, AnyNumber>>();
  } else {
    return std::type_identity<Function<R, std::make_index_sequence<sizeof...(T)>>>();
  }
}

constexpr std::size_t kMostProbed = 16;

/// The number of tensors with which an F can be called that does not have a single parameter list: the least such
/// number, or kMostProbed + 1.
template <typename F, std::size_t N = 0>
constexpr std::size_t arity() {
  constexpr bool fits = []<std::size_t... I>(std::index_sequence<I...>) {
    return std::is_invocable_v<F&, TensorAt<I>...>;
  }
  (std::make_index_sequence<N>());
  if constexpr (fits || N > kMostProbed) {
    return N;
  } else {
    return arity<F, N + 1>();
  }
}

/// The Function type for an F.
template <typename F>
constexpr auto function_of() {
  if constexpr (requires { &F::operator(); }) {
    using Call = CallOf<decltype(&F::operator())>;
    return function_type<ResultOf<std::remove_cvref_t<typename Call::R>>>(typename Call::Parameters());
  } else if constexpr (std::is_pointer_v<F>) {
    using Call = CallOf<F>;
    return function_type<ResultOf<std::remove_cvref_t<typename Call::R>>>(typename Call::Parameters());
  } else {
    constexpr std::size_t kArity = arity<F>();
    if constexpr (kArity > kMostProbed) {
      return std::type_identity<NoFunction>();
    } else {
      return []<std::size_t... I>(std::index_sequence<I...>) {
        using R = std::invoke_result_t<F&, TensorAt<I>...>;
        return function_type<ResultOf<std::remove_cvref_t<R>>>(TypeList<TensorAt<I>...>());
      }
      (std::make_index_sequence<kArity>());
    }
  }
}

template <typename F>
auto make_function(std::string name, std::optional<std::vector<TensorSpec>> signature, F body,
                   const std::source_location& where) {
  using Made = typename decltype(function_of<F>())::type;
  return Made(std::move(name), std::move(signature), std::move(body), where);
}

}  // namespace detail

/// Creates a function from `body`, a lambda on tensors. With a signature it is traced and compiled once and serves
/// every size of `batch`. `where` is the line that its parameters come from. Throws Error if the signature's number of
/// arguments differs from the lambda's.
template <typename F>
auto function(std::string name, std::vector<TensorSpec> signature, F body,
              std::source_location where = std::source_location::current()) {
  return detail::make_function(std::move(name), std::optional(std::move(signature)), std::move(body), where);
}
/// Without a signature all sizes are static: arguments of new types trace and compile again. set_max_versions limits
/// the number of versions kept.
template <typename F>
auto function(std::string name, F body, std::source_location where = std::source_location::current()) {
  return detail::make_function(std::move(name), std::nullopt, std::move(body), where);
}
template <typename F>
auto function(F body, std::source_location where = std::source_location::current()) {
  return detail::make_function("function", std::nullopt, std::move(body), where);
}

template <typename T>
  requires std::derived_from<T, AnyFunction>
inline constexpr bool prints_by_to_string<T> = true;

}  // namespace sluice

template <typename T>
  requires std::derived_from<T, sluice::AnyFunction>
struct fmt::formatter<T> : sluice::ByToString<T> {};

#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <source_location>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/function.h"
#include "sluice/tensor.h"

// Functions with custom gradients, like tf.custom_gradient and jax.custom_vjp.
namespace sluice {

namespace detail {

using TensorSpan = std::span<const Tensor>;

/// A function and its gradient, both on lists of tensors.
struct CustomGradientCore {
  std::string name;
  std::function<std::vector<Tensor>(TensorSpan inputs)> forward;
  std::function<std::vector<Tensor>(TensorSpan inputs, TensorSpan outputs, TensorSpan adjoints)> backward;

  /// Traces both and adds them to the function being traced.
  std::vector<Tensor> apply(TensorSpan inputs) const;
};

inline std::vector<Tensor> list_of(TensorSpan tensors) { return {tensors.begin(), tensors.end()}; }

/// Calls `f` with the N tensors of `all` as separate arguments.
template <std::size_t N, typename F>
auto call_flat(F& f, const std::vector<Tensor>& all) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) { return f(all[I]...); }
  (std::make_index_sequence<N>());
}

template <typename F, std::size_t N>
concept TakesTensorsOfNumber = requires(F& f, const std::vector<Tensor>& all) {
  call_flat<N>(f, all);
};

template <typename R>
inline constexpr std::size_t kResultCount = 1;
template <std::size_t N>
inline constexpr std::size_t kResultCount<std::array<Tensor, N>> = N;

template <typename R>
R unflattened(std::vector<Tensor> results) {
  if constexpr (std::is_same_v<R, Tensor>) {
    return results[0];
  } else if constexpr (std::is_same_v<R, std::vector<Tensor>>) {
    return results;
  } else {
    R array;
    std::copy(results.begin(), results.end(), array.begin());
    return array;
  }
}

template <typename Result>
std::vector<Tensor> flattened(const Result& result) {
  return Results<ResultOf<Result>>::flatten(result);
}

}  // namespace detail

/// The result of custom_gradient: calling it with tensors while a function is traced adds it to that function.
template <typename R, typename Arguments>
class CustomGradient;

template <typename R, std::size_t... I>
class CustomGradient<R, std::index_sequence<I...>> {
 public:
  template <typename Forward, typename Backward>
  CustomGradient(std::string name, Forward forward, Backward backward) : core_(std::make_shared<Core>()) {
    constexpr std::size_t kInputs = sizeof...(I);
    constexpr std::size_t kOutputs = detail::kResultCount<R>;
    static_assert(kInputs > 0, "a function with a custom gradient takes at least one tensor");
    static_assert(!std::is_void_v<R> && !std::is_same_v<R, std::vector<Tensor>>,
                  "a function with a custom gradient that returns a std::vector<Tensor> must also take one");
    static_assert(detail::TakesTensorsOfNumber<Backward, kInputs + 2 * kOutputs>,
                  "the backward function of a custom gradient takes the inputs, the outputs and the adjoints of the "
                  "outputs, each a Tensor");
    core_->name = std::move(name);
    core_->forward = [f = std::move(forward)](detail::TensorSpan inputs) mutable {
      return detail::flattened(f(inputs[I]...));
    };
    core_->backward = [f = std::move(backward)](detail::TensorSpan inputs, detail::TensorSpan outputs,
                                                detail::TensorSpan adjoints) mutable {
      std::vector<Tensor> all = detail::list_of(inputs);
      all.insert(all.end(), outputs.begin(), outputs.end());
      all.insert(all.end(), adjoints.begin(), adjoints.end());
      return detail::flattened(detail::call_flat<kInputs + 2 * kOutputs>(f, all));
    };
  }

  R operator()(detail::ArgAt<I>... arguments) const {
    const std::array<const Arg*, sizeof...(I)> all{&arguments...};
    const Scope scope(all[0]->where());
    return detail::unflattened<R>(core_->apply(std::array<Tensor, sizeof...(I)>{arguments.tensor()...}));
  }

 private:
  using Core = detail::CustomGradientCore;
  std::shared_ptr<Core> core_;
};

template <typename R>
class CustomGradient<R, detail::AnyNumber> {
 public:
  template <typename Forward, typename Backward>
  CustomGradient(std::string name, Forward forward, Backward backward) : core_(std::make_shared<Core>()) {
    using List = const std::vector<Tensor>&;
    static_assert(
        std::is_invocable_v<Backward&, List, List, List>,
        "the backward function of a custom gradient whose function takes a std::vector<Tensor> takes three: the "
        "inputs, the outputs and the adjoints of the outputs");
    core_->name = std::move(name);
    core_->forward = [f = std::move(forward)](detail::TensorSpan inputs) mutable {
      return detail::flattened(f(detail::list_of(inputs)));
    };
    core_->backward = [f = std::move(backward)](detail::TensorSpan inputs, detail::TensorSpan outputs,
                                                detail::TensorSpan adjoints) mutable {
      return detail::flattened(f(detail::list_of(inputs), detail::list_of(outputs), detail::list_of(adjoints)));
    };
  }

  R operator()(const std::vector<Tensor>& arguments,
               std::source_location where = std::source_location::current()) const {
    const Scope scope(where);
    return detail::unflattened<R>(core_->apply(arguments));
  }

 private:
  using Core = detail::CustomGradientCore;
  std::shared_ptr<Core> core_;
};

namespace detail {

template <typename R, std::size_t... I>
std::type_identity<CustomGradient<R, std::index_sequence<I...>>> custom_gradient_of(
    std::type_identity<Function<R, std::index_sequence<I...>>>);
template <typename R>
std::type_identity<CustomGradient<R, AnyNumber>> custom_gradient_of(std::type_identity<Function<R, AnyNumber>>);

}  // namespace detail

/// Returns a function of tensors that computes `forward` and whose derivative is computed by `backward`. `forward`
/// takes Tensors, or one std::vector<Tensor>, of any dtypes and shapes, and returns a Tensor, outputs(x, y, ...) or a
/// std::vector<Tensor>. `backward` is called with the inputs, the outputs and the adjoints of the outputs (the
/// derivatives of the differentiated value with respect to each output, of the output's type; zeros for outputs it does
/// not depend on), as separate Tensors or as three vectors. It returns the adjoint of each input, a tensor of the
/// input's type, or an empty Tensor() if no derivative flows to that input, which is required for integers and bools.
/// Higher-order derivatives differentiate `backward`, in which the outputs have this gradient as well.
/// Both may use only their arguments: variables and other tensors must be passed in. Each call traces both, and throws
/// Error at the user's line if they use anything else, or if the result of `backward` does not match the inputs.
template <typename Forward, typename Backward>
auto custom_gradient(std::string name, Forward forward, Backward backward) {
  using Plain = typename decltype(detail::function_of<Forward>())::type;
  using Made = typename decltype(detail::custom_gradient_of(std::type_identity<Plain>()))::type;
  return Made(std::move(name), std::move(forward), std::move(backward));
}
template <typename Forward, typename Backward>
auto custom_gradient(Forward forward, Backward backward) {
  return custom_gradient("custom_gradient", std::move(forward), std::move(backward));
}

}  // namespace sluice

#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/detail/clone.h"
#include "sluice/elementwise.h"
#include "sluice/function.h"
#include "sluice/module.h"
#include "sluice/nn.h"
#include "sluice/random.h"
#include "sluice/spec.h"

namespace sluice {

/// A function of a tensor: an activation or a whole layer. Calls pass an Arg to keep the user's line.
class Activation {
 public:
  /// Empty: cannot be called.
  Activation() = default;
  Activation(std::nullptr_t) {}  // NOLINT: also empty
  /// For the name of a function that C++ overloads, such as tanh.
  Activation(Tensor (*function)(const Arg&)) : function_(function) {}  // NOLINT: stands for the function
  template <typename F>
  Activation(F function) {  // NOLINT: stands for the function
    if constexpr (std::is_invocable_r_v<Tensor, F&, const Arg&>) {
      function_ = std::move(function);
    } else {
      static_assert(detail::kMayBeBroken<F>,
                    "an activation is called with a Tensor and returns a Tensor: relu (not its name as text), or "
                    "[](const Tensor& x) { return softmax(x, 1); } for a function with more parameters");
      detail::refuse_layer();
    }
  }

  explicit operator bool() const { return static_cast<bool>(function_); }
  Tensor operator()(const Arg& x) const { return function_(x); }

 private:
  std::function<Tensor(const Arg&)> function_;
};

/// activation(x @ w + b) for x of [..., in], as in Keras; the result is [..., out]. `weights` (sluice/random.h) creates
/// w, f32[in, out], on the first call, when `in` is known; b is f32[out], initially zero.
class Dense : public Module {
 public:
  /// Throws Error unless out >= 1 and neither function is empty. `activation` may be the name of a function that C++
  /// overloads, as in Dense(10, tanh), or a lambda.
  explicit Dense(std::int64_t out, Activation activation = identity, Initializer weights = glorot_uniform);

  /// Throws Error at the user's line unless x is f32 of rank 2 or more with the `in` of the first call, and `weights`
  /// returns f32[in, out].
  Tensor operator()(const Arg& x) const;

 private:
  std::int64_t out_;
  Activation activation_;
  Initializer weights_;
};

/// dropout(x, rate, mode) as a layer: MLP model(Dense(64, relu), Dropout(0.2), Dense(10)).
class Dropout {
 public:
  /// dropout checks `rate` when the layer is called.
  explicit Dropout(double rate) : rate_(rate) {}

  Tensor operator()(const Arg& x, Mode mode) const { return dropout(x, rate_, mode); }

 private:
  double rate_;
};

namespace detail {

/// Traces `call` with tensors of these types, and keeps only the variables that it creates.
void build(const std::vector<TensorSpec>& inputs, const std::source_location& where,
           const std::function<bool(const std::vector<Tensor>&)>& call);

/// Calls the model with all tensors, and a Mode if it takes one; returns false if it does not accept that many.
template <typename Model, std::size_t N = 1>
bool call_model(Model model, const std::vector<Tensor>& tensors, const std::source_location& where) {
  if constexpr (std::is_invocable_v<Model&, const std::vector<Tensor>&>) {
    model(tensors);
    return true;
  } else if constexpr (N > 8) {
    return false;
  } else {
    if (tensors.size() != N) return call_model<Model, N + 1>(model, tensors, where);
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      constexpr bool kWithMode = std::is_invocable_v<Model&, ArgAt<I>..., Mode>;
      if constexpr (kWithMode) {
        model(Arg(tensors[I], where)..., Mode::kEvaluate);
      } else if constexpr (std::is_invocable_v<Model&, ArgAt<I>...>) {
        model(Arg(tensors[I], where)...);
      } else {
        return false;
      }
      return true;
    }
    (std::make_index_sequence<N>());
  }
}

}  // namespace detail

/// Creates the variables of a model now instead of on its first call, by calling it with tensors of these types, so
/// that they can be loaded, copied or frozen before. A model that takes a Mode gets Mode::kEvaluate. For use outside
/// functions.
template <std::derived_from<Module> Model>
void build(const Model& model, const std::vector<TensorSpec>& inputs,
           std::source_location where = std::source_location::current()) {
  detail::build(inputs, where,
                [&](const std::vector<Tensor>& tensors) { return detail::call_model(model, tensors, where); });
}
template <std::derived_from<Module> Model>
void build(const Model& model, const TensorSpec& input, std::source_location where = std::source_location::current()) {
  build(model, std::vector{input}, where);
}

namespace detail {

/// Layers that are called one after the other: the common part of Sequential and Residual. A layer is anything that can
/// be called with a tensor, or with a tensor and a Mode, and returns a tensor; the variables of layers that are modules
/// belong to it.
class LayerChain : public Module {
 public:
  /// Appends a layer, for models built in a loop; copies of this module share it.
  template <typename Layer>
  void add(Layer&& layer) {
    if constexpr (std::derived_from<std::remove_cvref_t<Layer>, Module>) register_module(layer);
    layers_->push_back(as_layer(std::decay_t<Layer>(std::forward<Layer>(layer))));
  }

 protected:
  using Module::Module;

  Tensor call(const Arg& x, std::optional<Mode> mode) const;

 private:
  using CalledLayer = std::function<Tensor(const Arg&, std::optional<Mode>)>;

  template <typename T>
  CalledLayer as_layer(T layer) const {
    constexpr bool kWithMode = std::is_invocable_r_v<Tensor, T&, const Arg&, Mode>;
    constexpr bool kWithout = std::is_invocable_r_v<Tensor, T&, const Arg&>;
    static_assert(
        kWithMode || kWithout || kMayBeBroken<T>,
        "a layer is called with a Tensor, or with a Tensor and a Mode, and returns a Tensor: Dense(8), relu, "
        "Activation(tanh) for a function that C++ overloads, or [](const Tensor& x) { return softmax(x, 1); }");
    if constexpr (!kWithMode && !kWithout) refuse_layer();
    return [layer = std::move(layer), kind = kind()](const Arg& x, std::optional<Mode> mode) mutable -> Tensor {
      if constexpr (kWithMode) {
        if (mode) return layer(x, *mode);
      }
      if constexpr (kWithout) {
        return layer(x);
      } else {
        fail_without_mode(kind);
      }
    };
  }

  [[noreturn]] static void fail_without_mode(std::string_view kind);

  Handle<std::vector<CalledLayer>> layers_{std::make_shared<std::vector<CalledLayer>>()};
};

}  // namespace detail

/// Calls one layer after the other. A layer is anything that can be called with a tensor, or with a tensor and a Mode,
/// and returns a tensor; the variables of layers that are modules belong to it. A function that C++ overloads is named
/// as an Activation: MLP(Dense(8), Activation(tanh), Dense(3), Activation(softmax)).
class Sequential : public detail::LayerChain {
 public:
  template <typename... Layers>
  requires(sizeof...(Layers) != 1 ||
           (!std::derived_from<std::remove_cvref_t<Layers>, Sequential> && ...)) explicit Sequential(Layers&&... layers)
      : LayerChain("sequential") {
    (add(std::forward<Layers>(layers)), ...);
  }

  /// Throws Error at the user's line if a layer needs a Mode.
  Tensor operator()(const Arg& x) const { return call(x, std::nullopt); }
  /// Passes the Mode to layers that take one, such as Dropout.
  Tensor operator()(const Arg& x, Mode mode) const { return call(x, mode); }

  /// Creates its variables now: build(*this, input).
  void build(const TensorSpec& input, std::source_location where = std::source_location::current()) const {
    sluice::build(*this, input, where);
  }
};

/// A multilayer perceptron, a sequence of dense layers.
using MLP = Sequential;

/// x plus the result of its layers, called one after the other: Residual(LayerNormalization(), Dense(64, relu),
/// Dense(16)). A shortcut around them, as of He et al. (2015).
class Residual : public detail::LayerChain {
 public:
  template <typename... Layers>
  requires(sizeof...(Layers) != 1 ||
           (!std::derived_from<std::remove_cvref_t<Layers>, Residual> && ...)) explicit Residual(Layers&&... layers)
      : LayerChain("residual") {
    (add(std::forward<Layers>(layers)), ...);
  }

  /// Throws Error at the user's line unless the layers return x's type, or if a layer needs a Mode.
  Tensor operator()(const Arg& x) const { return with_shortcut(x, std::nullopt); }
  /// Passes the Mode to layers that take one.
  Tensor operator()(const Arg& x, Mode mode) const { return with_shortcut(x, mode); }

 private:
  Tensor with_shortcut(const Arg& x, std::optional<Mode> mode) const;
};

/// x of [batch, ...] as [batch, features], in row-major order, as in Keras; [batch] becomes [batch, 1].
class Flatten {
 public:
  /// Throws Error at the user's line if x is a scalar.
  Tensor operator()(const Arg& x) const;
};

/// x of [batch, ...] as [batch, target...], in row-major order, as in Keras. One size of the target may be -1 and is
/// then inferred.
class Reshape {
 public:
  /// Throws Error at the user's line if a size is below -1, or if two are -1.
  explicit Reshape(Shape target, std::source_location where = std::source_location::current());

  /// Throws Error at the user's line unless an example of x has as many elements as the target.
  Tensor operator()(const Arg& x) const;

 private:
  Shape target_;
};

}  // namespace sluice

#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/elementwise.h"
#include "sluice/module.h"
#include "sluice/nn.h"
#include "sluice/random.h"

namespace sluice {

/// A function of a tensor: an activation or a whole layer. Calls go by Arg, so that the user's line is kept.
using Activation = std::function<Tensor(const Arg&)>;

/// activation(x @ w + b) for x of [..., in], as Keras's: [..., out]. w is f32[in, out], made at the first call, when
/// `in` is known, by `weights` (sluice/random.h); b is f32[out] and begins at zero.
class Dense : public Module {
 public:
  /// Throws Error, as the other constructors do, unless out >= 1 and neither function is empty.
  explicit Dense(std::int64_t out) : Dense(out, &identity) {}
  /// A function; C++ finds the right one where its name is overloaded: Dense(10, tanh).
  Dense(std::int64_t out, Tensor (*activation)(const Arg&), Initializer weights = glorot_uniform)
      : Dense(Activation(activation), out, std::move(weights)) {}
  /// Anything else that an Activation can hold. A template, so that a lambda without captures is not ambiguous for
  /// being convertible to a function pointer as well.
  template <typename F>
  requires std::convertible_to<F, Activation> Dense(std::int64_t out, F activation,
                                                    Initializer weights = glorot_uniform)
      : Dense(Activation(std::move(activation)), out, std::move(weights)) {}

  /// Throws Error at the user's line unless x is f32 of rank 2 or more with the `in` of the first call, and what
  /// `weights` gives is f32[in, out].
  Tensor operator()(const Arg& x);

 private:
  Dense(Activation activation, std::int64_t out, Initializer weights);

  std::int64_t out_;
  Activation activation_;
  Initializer weights_;
};

/// dropout(x, rate, mode) as a layer: MLP model(Dense(64, relu), Dropout(0.2), Dense(10)).
class Dropout {
 public:
  /// `rate` as of dropout, which checks it when the layer is called.
  explicit Dropout(double rate) : rate_(rate) {}

  Tensor operator()(const Arg& x, Mode mode) const { return dropout(x, rate_, mode); }

 private:
  double rate_;
};

/// Calls one layer after the other. A layer is whatever can be called with a tensor, or with a tensor and a Mode, and
/// gives a tensor; the variables of those that are modules are its own.
class Sequential : public Module {
 public:
  template <typename... Layers>
  requires(sizeof...(Layers) != 1 ||
           (!std::derived_from<std::remove_cvref_t<Layers>, Sequential> && ...)) explicit Sequential(Layers&&... layers)
      : Module("sequential") {
    (append(std::forward<Layers>(layers)), ...);
  }

  /// Throws Error at the user's line if a layer needs a Mode.
  Tensor operator()(const Arg& x) { return call(x, std::nullopt); }
  /// Layers that take a Mode, such as Dropout, get it.
  Tensor operator()(const Arg& x, Mode mode) { return call(x, mode); }

 private:
  using Layer = std::function<Tensor(const Arg&, std::optional<Mode>)>;

  template <typename T>
  void append(T&& layer) {
    if constexpr (std::derived_from<std::remove_cvref_t<T>, Module>) register_module(layer);
    layers_.push_back(as_layer(std::decay_t<T>(std::forward<T>(layer))));
  }

  template <typename T>
  static Layer as_layer(T layer) {
    constexpr bool kWithMode = std::is_invocable_r_v<Tensor, T&, const Arg&, Mode>;
    constexpr bool kWithout = std::is_invocable_r_v<Tensor, T&, const Arg&>;
    static_assert(kWithMode || kWithout,
                  "a layer is called with a Tensor, or with a Tensor and a Mode, and gives a Tensor");
    return [layer = std::move(layer)](const Arg& x, std::optional<Mode> mode) mutable -> Tensor {
      if constexpr (kWithMode) {
        if (mode) return layer(x, *mode);
      }
      if constexpr (kWithout) {
        return layer(x);
      } else {
        fail_without_mode();
      }
    };
  }

  [[noreturn]] static void fail_without_mode();
  Tensor call(const Arg& x, std::optional<Mode> mode);

  std::vector<Layer> layers_;
};

/// A multilayer perceptron is a sequence of dense layers.
using MLP = Sequential;

}  // namespace sluice

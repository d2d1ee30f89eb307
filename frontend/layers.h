#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include "frontend/elementwise.h"
#include "frontend/module.h"

namespace sluice {

/// A function of a tensor: an activation or a whole layer. Calls go by Arg, so that the user's line is kept.
using Activation = std::function<Tensor(const Arg&)>;

/// activation(x @ w + b) for x of [batch, in]. w is f32[in, out], made at the first call with glorot_uniform, when `in`
/// is known; b is f32[out] and begins at zero.
class Dense : public Module {
 public:
  explicit Dense(std::int64_t out, Activation activation = identity);
  /// For the name of a function that C++ overloads: Dense(10, tanh).
  Dense(std::int64_t out, Tensor (*activation)(const Arg&)) : Dense(out, Activation(activation)) {}

  /// Throws Error at the user's line unless x is f32 of rank 2 with the `in` of the first call.
  Tensor operator()(const Arg& x);

 private:
  std::int64_t out_;
  Activation activation_;
};

/// Calls one layer after the other. A layer is whatever can be called with a tensor and gives one; the variables of
/// those that are modules are its own.
class Sequential : public Module {
 public:
  template <typename... Layers>
    requires(sizeof...(Layers) != 1 || (!std::derived_from<std::remove_cvref_t<Layers>, Sequential> && ...))
  explicit Sequential(Layers&&... layers) : Module("sequential") {
    (append(std::forward<Layers>(layers)), ...);
  }

  Tensor operator()(const Arg& x);

 private:
  template <typename Layer>
  void append(Layer&& layer) {
    if constexpr (std::derived_from<std::remove_cvref_t<Layer>, Module>) register_module(layer);
    layers_.emplace_back(std::forward<Layer>(layer));
  }

  std::vector<Activation> layers_;
};

/// A multilayer perceptron is a sequence of dense layers.
using MLP = Sequential;

}  // namespace sluice

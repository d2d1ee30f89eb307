#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/conv.h"
#include "sluice/layers.h"

// Layers of convolutions and pooling, channels last, with Keras's names and defaults. The functions in sluice/conv.h
// say what they compute and which shapes they take; their variables are f32.
namespace sluice {

/// How to initialize filters f32[sizes]: one of the functions below, or a lambda. `in` and `out` are the kernel's cells
/// times the last size but one and times the last, as Keras counts them.
using FilterInitializer = std::function<Array(std::vector<std::int64_t> sizes, std::int64_t in, std::int64_t out)>;

/// Uniform within the limits of Glorot and Bengio (2010): +-sqrt(6 / (in + out)).
Array glorot_uniform_filters(std::vector<std::int64_t> sizes, std::int64_t in, std::int64_t out);
/// Normal with the standard deviation of He et al. (2015) for relu: sqrt(2 / in).
Array he_normal_filters(std::vector<std::int64_t> sizes, std::int64_t in, std::int64_t out);

struct ConvLayerOptions {
  Activation activation = identity;
  PerAxis strides = 1;
  Padding padding = Padding::valid();
  PerAxis dilations = 1;
  std::int64_t groups = 1;  ///< of Conv1D and Conv2D only
  bool bias = true;         ///< adds b, f32[out], initially zero
  FilterInitializer weights = glorot_uniform_filters;
};

namespace detail {

/// The common part of the layers below. Creates the filters on the first call, when the number of channels is known.
class ConvLayer : public Module {
 protected:
  /// Throws Error unless channels >= 1 and neither function is empty.
  ConvLayer(std::string_view name, std::int64_t channels, PerAxis kernel, ConvLayerOptions options);

  using Convolution = Tensor (*)(const Arg&, const Arg&, const ConvOptions&);
  /// Returns activation(convolution(x, w) + b) for x with `spatial` axes between batch and channels.
  Tensor convolved(const Arg& x, int spatial, Convolution convolution) const;
  /// Throws Error if the options ask for more than one group.
  void refuse_groups() const;
  /// The filters, of the kernel's sizes and then `last`. Throws Error at the user's line if they exist with others.
  Variable filters(const Arg& x, std::size_t spatial, const std::vector<std::int64_t>& last) const;
  /// activation(x + b), with `channels` numbers in b.
  Tensor finished(const Tensor& x, std::int64_t channels) const;

  std::string_view name_;
  std::int64_t channels_;
  PerAxis kernel_;
  ConvLayerOptions options_;
};

}  // namespace detail

/// activation(conv2d(x, w) + b): w, f32[kernel height, kernel width, in / groups, out].
class Conv2D : public detail::ConvLayer {
 public:
  explicit Conv2D(std::int64_t out, const PerAxis& kernel, ConvLayerOptions options = {})
      : ConvLayer("conv2d", out, kernel, std::move(options)) {}
  Tensor operator()(const Arg& x) const { return convolved(x, 2, conv2d); }
};

/// activation(conv1d(x, w) + b): w, f32[kernel length, in / groups, out].
class Conv1D : public detail::ConvLayer {
 public:
  explicit Conv1D(std::int64_t out, const PerAxis& kernel, ConvLayerOptions options = {})
      : ConvLayer("conv1d", out, kernel, std::move(options)) {}
  Tensor operator()(const Arg& x) const { return convolved(x, 1, conv1d); }
};

/// activation(depthwise_conv2d(x, w) + b): w, f32[kernel height, kernel width, in, multiplier].
class DepthwiseConv2D : public detail::ConvLayer {
 public:
  explicit DepthwiseConv2D(const PerAxis& kernel, ConvLayerOptions options = {}, std::int64_t multiplier = 1)
      : ConvLayer("depthwise_conv2d", multiplier, kernel, std::move(options)) {
    refuse_groups();
  }
  Tensor operator()(const Arg& x) const;
};

/// activation(conv2d_transpose(x, w) + b): w, f32[kernel height, kernel width, out, in].
class Conv2DTranspose : public detail::ConvLayer {
 public:
  explicit Conv2DTranspose(std::int64_t out, const PerAxis& kernel, ConvLayerOptions options = {})
      : ConvLayer("conv2d_transpose", out, kernel, std::move(options)) {
    refuse_groups();
  }
  Tensor operator()(const Arg& x) const;
};

namespace detail {

/// A pool as a layer.
template <Tensor (*kPool)(const Arg&, const PerAxis&, const PoolOptions&)>
class PoolLayer {
 public:
  explicit PoolLayer(PerAxis window = 2, PoolOptions options = {})
      : window_(std::move(window)), options_(std::move(options)) {}
  /// The same with the default window: MaxPool2D({.strides = {1, 1}}).
  template <std::same_as<PoolOptions> Options = PoolOptions>
  explicit PoolLayer(Options options) : PoolLayer(2, std::move(options)) {}
  Tensor operator()(const Arg& x) const { return kPool(x, window_, options_); }

 private:
  PerAxis window_;
  PoolOptions options_;
};

}  // namespace detail

using MaxPool2D = detail::PoolLayer<max_pool2d>;
using AveragePool2D = detail::PoolLayer<avg_pool2d>;

/// global_average_pool as a layer.
class GlobalAveragePool2D {
 public:
  Tensor operator()(const Arg& x) const { return global_average_pool(x); }
};

/// upsample2d as a layer.
class UpSampling2D {
 public:
  explicit UpSampling2D(PerAxis factor = 2, Resize resize = Resize::kNearest)
      : factor_(std::move(factor)), resize_(resize) {}
  Tensor operator()(const Arg& x) const { return upsample2d(x, factor_, resize_); }

 private:
  PerAxis factor_;
  Resize resize_;
};

}  // namespace sluice

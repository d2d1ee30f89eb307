// Single operations and their gradients, which bench/peers/torch_tasks.py has too.
#include "bench/tasks.h"
#include "ir/random_arrays.h"
#include "sluice/sluice.h"

namespace sluice::bench {

namespace {

Array random(std::vector<Dim> sizes, std::uint64_t seed) {
  return random_array({DType::kF32, Shape(std::move(sizes))}, 1, seed);
}

/// A function of `inputs`, called on `arguments`. Results are arrays.
template <typename Body>
Task task(const char* name, std::vector<TensorSpec> inputs, Body body, std::vector<Array> arguments,
          double operations) {
  auto f = function(name, std::move(inputs), std::move(body));
  if constexpr (std::is_invocable_v<Body, Tensor, Tensor, Tensor>) {
    return {[f, a = std::move(arguments)] { return f(a[0], a[1], a[2]), 0.0; }, operations};
  } else if constexpr (std::is_invocable_v<Body, Tensor, Tensor>) {
    return {[f, a = std::move(arguments)] { return f(a[0], a[1]), 0.0; }, operations};
  } else {
    return {[f, a = std::move(arguments)] { return f(a[0]), 0.0; }, operations};
  }
}

/// The result of y and, for the adjoint `up` of it, the gradients by `by`.
auto with_gradients(const Tensor& y, const Tensor& up, const std::vector<Tensor>& by) {
  std::vector<Tensor> all = gradients(reduce_sum(y * up), by);
  all.insert(all.begin(), y);
  return all;
}

struct Convolution {
  explicit Convolution(const std::vector<int>& s)
      : height(s[0]), width(s[1]), in(s[2]), kernel(s[3]), out(s[4]), stride(s[5]) {}
  int height, width, in, kernel, out, stride;

  TensorSpec images() const { return f32(batch, height, width, in); }
  TensorSpec filters() const { return f32(kernel, kernel, in, out); }
  int rows() const { return (height + stride - 1) / stride; }
  int columns() const { return (width + stride - 1) / stride; }
  double operations(int batch_size) const { return 2.0 * batch_size * rows() * columns() * kernel * kernel * in * out; }
  Array random_images(int batch_size) const { return random({batch_size, height, width, in}, 1); }
  Array random_filters() const { return random({kernel, kernel, in, out}, 2); }
};

Task conv(const std::vector<int>& sizes, int batch_size) {
  const Convolution c(sizes);
  return task(
      "conv", {c.images(), c.filters()},
      [=](Tensor x, Tensor w) { return conv2d(x, w, {.strides = c.stride, .padding = Padding::same()}); },
      {c.random_images(batch_size), c.random_filters()}, c.operations(batch_size));
}

Task conv_all(const std::vector<int>& sizes, int batch_size) {
  const Convolution c(sizes);
  return task(
      "conv_all", {c.images(), c.filters(), f32(batch, c.rows(), c.columns(), c.out)},
      [=](Tensor x, Tensor w, Tensor up) {
        const Tensor y = conv2d(x, w, {.strides = c.stride, .padding = Padding::same()});
        const auto all = with_gradients(y, up, {x, w});
        return outputs(all[0], all[1], all[2]);
      },
      {c.random_images(batch_size), c.random_filters(), random({batch_size, c.rows(), c.columns(), c.out}, 3)},
      3 * c.operations(batch_size));
}

Task depthwise_all(const std::vector<int>& s, int batch_size) {
  const auto [height, width, channels, kernel] = std::array{s[0], s[1], s[2], s[3]};
  return task(
      "depthwise_all",
      {f32(batch, height, width, channels), f32(kernel, kernel, channels, 1), f32(batch, height, width, channels)},
      [](Tensor x, Tensor w, Tensor up) {
        const auto all = with_gradients(depthwise_conv2d(x, w, {.padding = Padding::same()}), up, {x, w});
        return outputs(all[0], all[1], all[2]);
      },
      {random({batch_size, height, width, channels}, 1), random({kernel, kernel, channels, 1}, 2),
       random({batch_size, height, width, channels}, 3)},
      3 * 2.0 * batch_size * height * width * channels * kernel * kernel);
}

/// A pool by windows of kernel x kernel and its gradient.
template <bool kMax>
Task pool_all(const std::vector<int>& s, int batch_size) {
  const auto [height, width, channels, kernel, stride] = std::array{s[0], s[1], s[2], s[3], s[4]};
  const int rows = (height - kernel) / stride + 1;
  const int columns = (width - kernel) / stride + 1;
  return task(
      "pool_all", {f32(batch, height, width, channels), f32(batch, rows, columns, channels)},
      [kernel, stride](Tensor x, Tensor up) {
        const PoolOptions options{.strides = {stride}};
        const auto all =
            with_gradients(kMax ? max_pool2d(x, kernel, options) : avg_pool2d(x, kernel, options), up, {x});
        return outputs(all[0], all[1]);
      },
      {random({batch_size, height, width, channels}, 1), random({batch_size, rows, columns, channels}, 2)}, 0);
}

/// Heads of one array [batch, positions, 3 * heads * depth].
struct Attention {
  explicit Attention(const std::vector<int>& s) : positions(s[0]), heads(s[1]), depth(s[2]) {}
  int positions, heads, depth;

  TensorSpec queries_keys_values() const { return f32(batch, positions, 3 * heads * depth); }
  TensorSpec result() const { return f32(batch, positions, heads * depth); }
  double operations(int batch_size) const { return 2.0 * 2 * batch_size * heads * positions * positions * depth; }
  Tensor operator()(const Tensor& all, bool causal) const {
    const Tensor parts = transpose(reshape(all, {batch, positions, 3, heads, depth}), {2, 0, 3, 1, 4});
    const auto part = [&](int i) {
      return squeeze(slice(parts, {i, 0, 0, 0, 0}, {1, batch, heads, positions, depth}), {0});
    };
    const Tensor y = scaled_dot_product_attention(part(0), part(1), part(2), {.causal = causal});
    return reshape(transpose(y, {0, 2, 1, 3}), {batch, positions, heads * depth});
  }
};

Task attention(const std::vector<int>& sizes, int batch_size) {
  const Attention a(sizes);
  return task(
      "attention", {a.queries_keys_values()}, [=](Tensor x) { return a(x, false); },
      {random({batch_size, a.positions, 3 * a.heads * a.depth}, 1)}, a.operations(batch_size));
}

template <bool kCausal>
Task attention_all(const std::vector<int>& sizes, int batch_size) {
  const Attention a(sizes);
  return task(
      "attention_all", {a.queries_keys_values(), a.result()},
      [=](Tensor x, Tensor up) {
        const auto all = with_gradients(a(x, kCausal), up, {x});
        return outputs(all[0], all[1]);
      },
      {random({batch_size, a.positions, 3 * a.heads * a.depth}, 1),
       random({batch_size, a.positions, a.heads * a.depth}, 2)},
      3 * a.operations(batch_size));
}

Tensor normalized(const Tensor& x, const Tensor& gamma, const Tensor& beta) {
  const Tensor mean = reduce_mean(x, {-1}, {.keepdims = true});
  const Tensor variance = reduce_mean(square(x - mean), {-1}, {.keepdims = true});
  return (x - mean) * rsqrt(variance + 1e-5) * gamma + beta;
}

Task layer_norm(const std::vector<int>& s, int batch_size) {
  return task(
      "layer_norm", {f32(batch, s[0]), f32(s[0]), f32(s[0])},
      [](Tensor x, Tensor gamma, Tensor beta) { return normalized(x, gamma, beta); },
      {random({batch_size, s[0]}, 1), random({s[0]}, 2), random({s[0]}, 3)}, 0);
}

Task layer_norm_all(const std::vector<int>& s, int batch_size) {
  return task(
      "layer_norm_all", {f32(batch, s[0]), f32(s[0]), f32(batch, s[0])},
      [](Tensor x, Tensor gamma, Tensor up) {
        const Tensor beta = gamma + 0;
        const auto all = with_gradients(normalized(x, gamma, beta), up, {x, gamma, beta});
        return outputs(all[0], all[1], all[2], all[3]);
      },
      {random({batch_size, s[0]}, 1), random({s[0]}, 2), random({batch_size, s[0]}, 3)}, 0);
}

constexpr TaskKind kOperations[] = {
    {"conv", "height-width-in-kernel-out-stride", conv},
    {"conv_all", "height-width-in-kernel-out-stride", conv_all},
    {"depthwise_all", "height-width-channels-kernel", depthwise_all},
    {"max_pool_all", "height-width-channels-kernel-stride", pool_all<true>},
    {"avg_pool_all", "height-width-channels-kernel-stride", pool_all<false>},
    {"attention", "positions-heads-depth", attention},
    {"attention_all", "positions-heads-depth", attention_all<false>},
    {"causal_attention_all", "positions-heads-depth", attention_all<true>},
    {"layer_norm", "width", layer_norm},
    {"layer_norm_all", "width", layer_norm_all},
};

}  // namespace

std::span<const TaskKind> operation_tasks() { return kOperations; }

}  // namespace sluice::bench

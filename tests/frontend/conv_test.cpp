// Convolutions, pooling and resizing: small cases that other frameworks have got wrong, with the right numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/support/refusal.h"

namespace sluice::conv_test {

using Numbers = std::vector<float>;

/// A sequence of one channel, [1, n, 1].
Array sequence(const Numbers& x) { return Array(x, {1, static_cast<std::int64_t>(x.size()), 1}); }
/// A filter from one channel to one, [k, 1, 1].
Array filter(const Numbers& w) { return Array(w, {static_cast<std::int64_t>(w.size()), 1, 1}); }

Numbers numbers(const Array& x) { return {x.data<float>().begin(), x.data<float>().end()}; }

/// y, and the gradients of the sum of y * dy (ones, if it is empty) by x and w.
struct Derived {
  Numbers y, dx, dw;
};

template <typename F>
Derived derive(const Array& x, const Array& w, F f, const Numbers& dy = {}) {
  const auto all =
      function("all", {TensorSpec(x.type().dtype, x.type().shape), TensorSpec(w.type().dtype, w.type().shape)},
               [&](Tensor a, Tensor b) {
                 const Tensor y = f(a, b);
                 Tensor weight = ones_like(y);
                 if (!dy.empty())
                   weight = reshape(constant(Array(dy, {static_cast<std::int64_t>(dy.size())})), y.shape());
                 const std::vector<Tensor> d = gradients(reduce_sum(y * weight), {a, b});
                 return outputs(y, d[0], d[1]);
               });
  const auto [y, dx, dw] = all(x, w);
  return {numbers(y), numbers(dx), numbers(dw)};
}

Derived conv(const Numbers& x, const Numbers& w, const ConvOptions& options) {
  return derive(sequence(x), filter(w), [&](Tensor a, Tensor b) { return conv1d(a, b, options); });
}

TEST_CASE("same padding puts the odd cell after the image and depends on the stride") {
  CHECK(conv({1, 2, 3, 4}, {1, 1, 1}, {.strides = 2, .padding = Padding::same()}).y == Numbers{6, 7});
  CHECK(conv({1, 2, 3, 4}, {1, 1, 1}, {.strides = 2, .padding = {{{1, 1}}}}).y == Numbers{3, 9});
  CHECK(conv({1, 2, 3}, {1, 1}, {.padding = Padding::same()}).y == Numbers{3, 5, 3});
}

TEST_CASE("stride and dilation keep their places in both gradients") {
  const Derived all = conv({1, 2, 3, 4, 5, 6}, {1, 10, 100}, {.strides = 2, .padding = {{{1, 1}}}, .dilations = 2});
  CHECK(all.y == Numbers{420, 642});
  CHECK(all.dx == Numbers{0, 11, 0, 110, 0, 100});
  CHECK(all.dw == Numbers{2, 6, 10});
}

TEST_CASE("cells that no window reaches have gradient 0") {
  CHECK(conv({1, 2, 3, 4, 5, 6}, {1, 1, 1}, {.strides = 2}).dx == Numbers{1, 1, 2, 1, 1, 0});
}

TEST_CASE("an empty batch has an empty result and gradients of zeros") {
  const Derived all =
      derive(Array(DType::kF32, {0, 4, 1}), filter({1, 1}), [](Tensor a, Tensor b) { return conv1d(a, b); });
  CHECK(all.y.empty());
  CHECK(all.dw == Numbers{0, 0});
}

TEST_CASE("windows in the padding alone give the bias") {
  const auto f = function("f", {f32(1, 1, 1), f32(1, 1, 1)}, [](Tensor x, Tensor w) {
    return conv1d(x, w, {.padding = {{{2, 2}}}}) + 5;
  });
  CHECK(numbers(f(sequence({1}), filter({2}))) == Numbers{5, 5, 7, 5, 5});
}

Derived transposed(const Numbers& x, const Numbers& w, const ConvTransposeOptions& options, const Numbers& dy = {}) {
  const auto rows = static_cast<std::int64_t>(x.size());
  const auto cells = static_cast<std::int64_t>(w.size());
  return derive(
      Array(x, {1, rows, 1, 1}), Array(w, {cells, 1, 1, 1}),
      [&](Tensor a, Tensor b) { return conv2d_transpose(a, b, options); }, dy);
}

TEST_CASE("a transposed convolution crops its padding from the whole result") {
  const auto options = [](std::int64_t stride, std::int64_t padding, std::int64_t dilation, Dim size) {
    return ConvTransposeOptions{.strides = {stride, 1},
                                .padding = {{{padding, padding}, {0, 0}}},
                                .dilations = {dilation, 1},
                                .output_size = {size, 1}};
  };
  CHECK(transposed({1, 2}, {1, 1, 1}, options(2, 1, 1, 4)).y == Numbers{1, 3, 2, 2});
  CHECK(transposed({1, 2, 3}, {1, 10, 100}, options(2, 2, 2, 5)).y == Numbers{12, 0, 123, 0, 230});
  const auto same = [](Dim size) {
    return ConvTransposeOptions{.strides = {2, 1}, .padding = Padding::same(), .output_size = {size, 1}};
  };
  CHECK(transposed({1, 2}, {1, 1, 1}, same(4)).y == Numbers{1, 1, 3, 2});
  CHECK(transposed({1, 2}, {1, 1, 1}, same(3)).y == Numbers{1, 3, 2});
  CHECK(transposed({1, 2}, {1, 1, 1}, {.strides = {2, 1}, .padding = Padding::same()}).y == Numbers{1, 1, 3, 2});
}

TEST_CASE("gaps of a transposed convolution are 0") {
  const Derived keras = transposed({1, 2}, {2}, {.strides = {2, 1}});
  CHECK(keras.y == Numbers{2, 0, 4, 0});
  const Derived torch = transposed({1, 2}, {2}, {.strides = {2, 1}, .output_size = {3, 1}}, {1, 10, 100});
  CHECK(torch.y == Numbers{2, 0, 4});
  CHECK(torch.dx == Numbers{2, 200});
}

TEST_CASE("a depthwise convolution puts the filters of one channel next to each other") {
  const auto f =
      function("f", {f32(1, 1, 1, 2), f32(1, 1, 2, 2)}, [](Tensor x, Tensor w) { return depthwise_conv2d(x, w); });
  CHECK(numbers(f(Array({1.F, 10.F}, {1, 1, 1, 2}), Array({1.F, 2.F, 3.F, 4.F}, {1, 1, 2, 2}))) ==
        Numbers{1, 2, 30, 40});
}

/// Pools a sequence, and its gradient for ones.
template <typename Pool>
std::pair<Numbers, Numbers> pooled(Pool pool, const Numbers& x, std::int64_t size, const PoolOptions& options) {
  const Derived all = derive(sequence(x), filter({1}), [&](Tensor a, Tensor) { return pool(a, size, options); });
  return {all.y, all.dx};
}

TEST_CASE("padding by Keras's names and by PyTorch's number") {
  CHECK(conv({1, 2, 3}, {1, 1}, {.padding = "same"}).y == Numbers{3, 5, 3});
  CHECK(conv({1, 2, 3}, {1, 1}, {.padding = "SAME"}).y == Numbers{3, 5, 3});
  CHECK(conv({1, 2, 3}, {1, 1}, {.padding = "valid"}).y == Numbers{3, 5});
  CHECK(conv({1, 2, 3}, {1, 1}, {.padding = 1}).y == Numbers{1, 3, 5, 3});
  CHECK(conv({1, 2, 3}, {1, 1}, {.padding = 0}).y == Numbers{3, 5});
  CHECK(pooled(max_pool1d, {-1, -2}, 2, {.strides = {1}, .padding = 1}).first == Numbers{-1, -1, -2});
  CHECK(Padding(2).cells(2) == Padding::Pairs{{2, 2}, {2, 2}});
  CHECK(test::refusal([] { Padding("sane"); }).ends_with("expected the padding \"valid\" or \"same\", got \"sane\""));
}

TEST_CASE("padding never wins a maximum, and minus infinity and NaN may") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const float nan = std::nanf("");
  CHECK(pooled(max_pool1d, {-1, -2}, 3, {.strides = {1}, .padding = {{{1, 1}}}}).first == Numbers{-1, -1});
  CHECK(pooled(max_pool1d, {-1, -2}, 3, {.strides = {1}, .padding = Padding::same()}).first == Numbers{-1, -1});
  const auto [lowest, to_first] = pooled(max_pool1d, {-kInfinity, -kInfinity}, 2, {});
  CHECK(lowest == Numbers{-kInfinity});
  CHECK(to_first == Numbers{1, 0});
  CHECK(std::isnan(pooled(max_pool1d, {nan, 1}, 2, {}).first[0]));
  CHECK(std::isnan(pooled(max_pool1d, {1, nan}, 2, {}).first[0]));
}

TEST_CASE("the gradient of a maximum goes to the first one of each window") {
  CHECK(pooled(max_pool1d, {1, 1}, 2, {}).second == Numbers{1, 0});
  CHECK(pooled(max_pool1d, {3, 3, 3}, 2, {.strides = {1}}).second == Numbers{1, 1, 0});
  CHECK(pooled(max_pool1d, {1, 3, 2}, 2, {.strides = {1}}).second == Numbers{0, 2, 0});
  const Derived image =
      derive(Array({2.F, 5.F, 5.F, 5.F}, {1, 2, 2, 1}), filter({1}), [](Tensor a, Tensor) { return max_pool2d(a, 2); });
  CHECK(image.dx == Numbers{0, 1, 0, 0});
}

TEST_CASE("a mean counts the cells of the image only") {
  const auto [y, dx] = pooled(avg_pool1d, {1, 2, 3}, 2, {.padding = Padding::same()});
  CHECK(y == Numbers{1.5, 3});
  CHECK(dx == Numbers{0.5, 0.5, 1});
  CHECK(pooled(avg_pool1d, {2, 4}, 2, {.padding = {{{1, 1}}}}).first == Numbers{2, 4});
}

/// Enlarges a column of n cells by `factor`, and its gradient for ones.
std::pair<Numbers, Numbers> enlarged(const Numbers& x, std::int64_t factor, Resize resize) {
  const auto rows = static_cast<std::int64_t>(x.size());
  const Derived all = derive(Array(x, {1, rows, 1, 1}), filter({1}), [&](Tensor a, Tensor) {
    return upsample2d(a, {factor, 1}, resize);
  });
  return {all.y, all.dx};
}

TEST_CASE("resizing is between the centers of cells") {
  const auto [y, dx] = enlarged({1, 2}, 2, Resize::kBilinear);
  CHECK(y == Numbers{1, 1.25, 1.75, 2});
  CHECK(dx == Numbers{2, 2});
  CHECK(enlarged({1, 2, 3}, 3, Resize::kNearest).first == Numbers{1, 1, 1, 2, 2, 2, 3, 3, 3});
  CHECK(enlarged({7}, 3, Resize::kBilinear).first == Numbers{7, 7, 7});
}

TEST_CASE("one function convolves sequences of any length and batch") {
  const Dim t = length("T");
  const auto f = function("f", {f32(batch, t, 2), f32(3, 2, 2)}, [](Tensor x, Tensor w) {
    return max_pool1d(conv1d(x, w, {.padding = Padding::same()}), 2, {.strides = {1}});
  });
  CHECK(f.graph().results().size() == 1);
  const auto fixed = [](std::int64_t rows, std::int64_t columns) {
    return function("fixed", {f32(rows, columns, 2), f32(3, 2, 2)}, [](Tensor x, Tensor w) {
      return max_pool1d(conv1d(x, w, {.padding = Padding::same()}), 2, {.strides = {1}});
    });
  };
  const Array w = linspace(-1, 1, 12).reshaped({3, 2, 2});
  for (const std::int64_t rows : {1, 3}) {
    for (const std::int64_t columns : {2, 7}) {
      const Array x = linspace(-1, 2, rows * columns * 2).reshaped({rows, columns, 2});
      CHECK(f(x, w) == fixed(rows, columns)(x, w));
    }
  }
  CHECK(f.traces() == 1);
}

TEST_CASE("layers infer the number of channels and have Keras's parameters") {
  const Sequential model(Conv2D(4, 3, {.activation = relu}), MaxPool2D(2),
                         DepthwiseConv2D(3, {.padding = Padding::same()}), Conv2DTranspose(2, 2, {.strides = 2}),
                         AveragePool2D(2), UpSampling2D(2), GlobalAveragePool2D());
  build(model, f32(batch, 10, 10, 3));
  std::int64_t count = 0;
  for (const Variable& variable : model.variables()) count += variable.value().element_count();
  CHECK(count == (3 * 3 * 3 * 4 + 4) + (3 * 3 * 4 + 4) + (2 * 2 * 4 * 2 + 2));
  const auto f = function("f", {f32(batch, 10, 10, 3)}, [&](Tensor x) { return model(x); });
  CHECK(f(Array(DType::kF32, {5, 10, 10, 3})).sizes() == std::vector<std::int64_t>{5, 2});
}

TEST_CASE("layers refuse options that they cannot follow") {
  CHECK(test::refusal([] { Conv2DTranspose(4, 3, {.groups = 2}); }) == "conv2d_transpose: has no groups, got 2");
  CHECK(test::refusal([] { DepthwiseConv2D(3, {.groups = 2}); }) == "depthwise_conv2d: has no groups, got 2");
  CHECK(test::refusal([] { Conv2D(0, 3); }) == "conv2d: expected at least 1 channel for the result, got 0");
}

TEST_CASE("what does not fit is an error at the user's line") {
  const std::vector<TensorSpec> types{f32(batch, 4, 4, 3), f32(5, 5, 3, 2)};
  CHECK(traced(types, [](Tensor x, Tensor w) { return conv2d(x, w); }) ==
        here("conv2d: axis 1 of f32[B,4,4,3]: a window of 5 does not fit 4"));
  CHECK(
      traced({f32(batch, 4, 4, 3), f32(3, 3, 2, 2)}, [](Tensor x, Tensor w) { return conv2d(x, w); })
          .starts_with(here("conv2d: images of 3 channels do not fit filters of 2 to 2 channels, got f32[B,4,4,3] and "
                            "f32[3,3,2,2]")));
  CHECK(traced({f32(batch, 4, 4, 3), f32(3, 3, 1, 2)}, [](Tensor x, Tensor w) {
          return conv2d(x, w, {.groups = 2});
        }).starts_with(here("conv2d: 2 groups of 3 channels do not fit filters of 1 to 2 channels")));
  CHECK(traced(types, [](Tensor x, Tensor w) {
          return conv2d(x, w, {.strides = {1, 2, 3}});
        }) == here("conv2d: expected a stride for each of 2 axes, or one for all, got [1,2,3]"));
  CHECK(traced(types, [](Tensor x, Tensor w) {
          return conv2d(x, w, {.padding = {{{1, 1}}}});
        }) == here("conv2d: expected the padding before and after each of 2 axes, got 1 pair"));
  CHECK(traced({f32(batch, length("T"), 3), f32(3, 3, 2)}, [](Tensor x, Tensor w) {
          return conv1d(x, w, {.strides = 2});
        }) == here("conv1d: axis 1 of f32[B,T,3]: the number of windows at stride 2 is no sum of products of symbols"));
  CHECK(traced({f32(batch, length("T"), 3), f32(3, 3, 2)}, [](Tensor x, Tensor w) {
          return conv1d(x, w, {.strides = 2, .padding = Padding::same()});
        }) == here("conv1d: \"same\" padding of axis 1 of f32[B,T,3] needs a stride that divides T, got 2"));
  CHECK(traced({f32(batch, 4, 4)}, [](Tensor x) { return max_pool2d(x, 2); })
            .starts_with(here("max_pool2d: expected floats [batch,height,width,channels] with a static number of "
                              "channels, got f32[B,4,4]")));
  CHECK(traced({f32(batch, 1, 1, 1)}, [](Tensor x) {
          return max_pool2d(x, 3, {.padding = {{{3, 3}, {0, 2}}}});
        }).starts_with(here("max_pool2d: padding of 3 and 3 along axis 1 leaves a window of 3 without a cell")));
  CHECK(traced({f32(batch, 4, 4, 2), f32(2, 2, 3, 2)},
               [](Tensor x, Tensor w) {
                 return conv2d_transpose(x, w, {.strides = 2, .output_size = {12, 8}});
               })
            .starts_with(here("conv2d_transpose: a convolution of [B,12,8,3] gives 6 along axis 1, not the 4 of "
                              "f32[B,4,4,2]; choose another output_size")));
}

}  // namespace sluice::conv_test

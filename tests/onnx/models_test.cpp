// Models in ONNX Runtime: one file for all batch sizes, against what the function itself computes.
#include <doctest/doctest.h>
#include <fmt/ranges.h>
#include <onnx/onnx_pb.h>

#include <fstream>

#include "sluice/onnx.h"
#include "sluice/sluice.h"
#include "tests/onnx/onnxruntime.h"
#include "tests/support/random_arrays.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// Returns how many nodes of this type the file has.
int count_nodes(const std::filesystem::path& file, const std::string& op_type) {
  onnx::ModelProto model;
  std::ifstream stream(file, std::ios::binary);
  REQUIRE(model.ParseFromIstream(&stream));
  int count = 0;
  for (const onnx::NodeProto& node : model.graph().node()) count += node.op_type() == op_type ? 1 : 0;
  return count;
}

/// Exports a function of one tensor and compares it with ONNX Runtime at batch sizes 1, 3 and 128, of one file. Returns
/// the file's nodes of each of `op_types`.
template <typename F>
std::string check_in_onnxruntime(const F& f, const std::vector<Bindings>& sizes,
                                 const std::vector<std::string>& op_types = {}) {
  OnnxRuntime runtime;
  const auto file = runtime.file_of("model");
  save_onnx(f, file, {"y"});
  const ir::Graph& graph = f.graph();
  std::vector<Array> expected;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::vector<Array> inputs = random_parameters(graph, sizes[i], 1);
    runtime.add("model", fmt::format("{}", i), graph, inputs);
    expected.push_back(f(inputs[0]));
  }
  std::vector<int> numbers;
  for (const std::string& op_type : op_types) numbers.push_back(count_nodes(file, op_type));
  const std::string counts = fmt::format("{}", fmt::join(numbers, ", "));
  if (!OnnxRuntime::is_there()) {
    skip(OnnxRuntime::kMissing);
    return counts;
  }
  const OnnxRuntime::Answer answer = runtime.run();
  for (const auto& [model, message] : answer.failed) FAIL(message);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::string wrong = difference_to_1e_5(answer.outputs.at(fmt::format("model|{}|y", i)), expected[i], false);
    CHECK_MESSAGE(wrong.empty(), to_string(sizes[i]), ": ", wrong);
  }
  return counts;
}

const std::vector<Bindings> kBatches{1, 3, 128};

}  // namespace

TEST_CASE("the perceptron") {
  set_seed(1);
  const MLP model(Dense(64, relu), Dense(32, tanh), Dense(10));
  const auto f = function("digits", {u8(batch, 28, 28).named("images").range(0, 256)}, [&](Tensor images) {
    return softmax(model(reshape(cast(images, f32), {batch, 784}) / 255));
  });
  CHECK(check_in_onnxruntime(f, kBatches, {"MatMul", "Expand", "Softmax", "Exp"}) == "3, 0, 1, 0");
}

TEST_CASE("a convnet") {
  set_seed(2);
  const Sequential model(Conv2D(8, {4, 3}, {.activation = relu}), MaxPool2D(2),
                         Conv2D(12, {3, 2}, {.activation = relu, .strides = 2, .padding = Padding::same()}),
                         Conv2D(12, 3, {.padding = Padding::same(), .dilations = 2}), MaxPool2D(3, {.strides = {2}}),
                         Flatten(), Dense(10));
  const auto f = function("convnet", {f32(batch, 28, 28, 1).named("images")}, [&](Tensor x) { return model(x); });
  CHECK(check_in_onnxruntime(f, kBatches, {"Conv", "MaxPool", "Gather", "Reshape"}) == "3, 2, 0, 1");
}

TEST_CASE("a depthwise convolution of one filter a channel") {
  set_seed(8);
  const DepthwiseConv2D conv(3, {.activation = relu, .strides = 2, .padding = Padding::same()});
  const auto f = function("depthwise", {f32(batch, 6, 5, 4).named("images")}, [&](Tensor x) { return conv(x); });
  CHECK(check_in_onnxruntime(f, kBatches, {"Conv", "Gather"}) == "1, 0");
}

TEST_CASE("what follows a convolution keeps its shape") {
  set_seed(7);
  const Conv2D conv(3, 2);
  const auto f = function("segments", {f32(batch, 5, 4, 2).named("images")}, [&](Tensor x) {
    const Tensor y = conv(x);
    const Tensor rows = reshape(y, {batch * 12, 3});
    const Tensor shown = select(rows > 0, rows, 0.1F * rows) + reshape(stop_gradient(y), {batch * 12, 3});
    return softmax(y) + reshape(softmax(shown) * reduce_max(rows, 1, {.keepdims = true}), {batch, 4, 3, 3}) +
           cast(cast(y, i32), f32) + log_softmax(sigmoid(y));
  });
  check_in_onnxruntime(f, kBatches);
}

TEST_CASE("pools") {
  const auto f = function("pools", {f32(batch, 9, 7, 3).named("images").range(-2, -1)}, [&](Tensor x) {
    const PoolOptions same{.strides = {2}, .padding = Padding::same()};
    return reduce_sum(max_pool2d(x, 3, same), {1, 2}) + reduce_sum(avg_pool2d(x, 3, same), {1, 2}) +
           reduce_sum(max_pool2d(x, {2, 1}), {1, 2}) + global_average_pool(x);
  });
  CHECK(check_in_onnxruntime(f, kBatches, {"MaxPool", "AveragePool"}) == "2, 1");
}

TEST_CASE("max pools with padding are one node") {
  const auto f = function("pools", {f32(batch, 9, 8, 3).named("images").range(-2, -1)}, [&](Tensor x) {
    const PoolOptions same{.padding = Padding::same()};
    const auto sum = [](const Tensor& y) { return reduce_sum(y, {1, 2}); };
    return sum(max_pool2d(x, 2, same)) +  // 9 is odd: tiles behind the end
           sum(max_pool2d(x, {3, 5}, {.strides = {2, 3}, .padding = Padding({{1, 0}, {0, 4}})})) +
           sum(max_pool2d(x, {4, 1}, {.strides = {1}, .padding = Padding::same()})) +
           sum(max_pool2d(max_pool2d(x, 3, {.strides = {2}}), 2, {.strides = {1}}));
  });
  CHECK(check_in_onnxruntime(f, kBatches, {"MaxPool", "Pad", "Gather"}) == "5, 0, 0");
}

TEST_CASE("what is almost a padded max pool") {
  const auto f = function("pools", {f32(batch, 6, 5, 2).named("images").range(-2, -1)}, [](Tensor x) {
    const auto mask = [](std::int64_t low, std::int64_t high) {
      return pad(full({1, 6, 1, 1}, true, DType::kBool), {{0, 0}, {low, high}, {0, 0}, {0, 0}});
    };
    const auto padded = [&](const Tensor& inside, double outside) {
      return max_pool2d(select(inside, pad(x, {{0, 0}, {1, 1}, {0, 0}, {0, 0}}), outside), 3, {.strides = {1}});
    };
    const double none = -std::numeric_limits<double>::infinity();
    return padded(mask(1, 1), none) + padded(mask(2, 0), none) + padded(mask(1, 1), -1.5) +
           padded(logical_not(mask(1, 1)), none);
  });
  check_in_onnxruntime(f, kBatches);
}

TEST_CASE("layer normalizations are one node, along the last axes of any number") {
  set_seed(9);
  const LayerNormalization last;
  const LayerNormalization two({.axis = {2, 3}, .epsilon = 1e-5});
  const LayerNormalization plain({.axis = {-1}, .epsilon = 0.5, .center = false, .scale = false});
  const LayerNormalization scaled({.center = false});
  const LayerNormalization centered({.scale = false});
  const auto f = function("norms", {f32(batch, 3, 4, 7).named("x").range(-3, 5)}, [&](Tensor x) {
    return last(x) + two(x * 2) * 3 + plain(x) + scaled(x) + centered(square(x));
  });
  f(Array(DType::kF32, {1, 3, 4, 7}));  // creates the variables
  std::uint64_t seed = 1;
  for (const auto& variable : f.variables()) variable->assign(random_array(variable->type(), 1, ++seed));
  CHECK(check_in_onnxruntime(f, kBatches, {"LayerNormalization", "ReduceSum", "Sqrt"}) == "5, 0, 0");
}

TEST_CASE("what is almost a layer normalization") {
  set_seed(10);
  const LayerNormalization middle({.axis = 1});
  const RMSNorm rms;
  const auto f = function("almost", {f32(batch, 6, 6).named("x").range(-3, 5)}, [&](Tensor x) {
    const auto mean = [](const Tensor& y, int axis) { return reduce_mean(y, axis, {.keepdims = true}); };
    const Tensor centered = x - mean(x, 2);
    const Tensor of_columns = centered * rsqrt(mean(square(centered), 1) + 0.1);
    const Tensor of_other = centered * rsqrt(mean(square(x), 2) + 0.1);
    const Tensor of_sum = centered * rsqrt(reduce_sum(square(centered), 2, {.keepdims = true}) * 0.5 + 0.1);
    const Tensor root = rsqrt(mean(square(centered), 2) + 0.1);
    const Tensor normal = centered * root;
    return middle(x) + rms(x) + of_columns + of_other + of_sum + x * root + normal * x + normal * 2 +
           normal * mean(x, 2);
  });
  CHECK(check_in_onnxruntime(f, kBatches, {"LayerNormalization"}) == "1");
}

TEST_CASE("depthwise and grouped convolutions, convolutions of one axis, and a resized image") {
  set_seed(3);
  const Sequential model(DepthwiseConv2D(3, {.padding = Padding::same()}, 2), Conv2D(4, 2, {.groups = 2}),
                         UpSampling2D(2), UpSampling2D(2, Resize::kBilinear));
  const Conv1D along(5, 3, {.strides = 2, .padding = Padding::same()});
  const auto f = function("convolutions", {f32(batch, 6, 5, 2).named("images")}, [&](Tensor x) {
    const Tensor y = model(x);
    return reduce_mean(along(reshape(y, {batch, y.shape()[1] * y.shape()[2], 4})), 1);
  });
  CHECK(check_in_onnxruntime(f, kBatches, {"Conv", "Gather"}) == "3, 0");
}

TEST_CASE("a transformer, for all batch sizes and lengths") {
  set_seed(4);
  const Embedding characters(50, 16);
  const Embedding positions(40, 16);
  const Sequential blocks(Residual(LayerNormalization(), MultiHeadAttention(4, 4, {.causal = true})),
                          Residual(LayerNormalization(), Dense(64, gelu), Dense(16)), LayerNormalization(), Dense(50));
  const Dim length = sluice::length("T");
  const auto f = function("transformer", {u8(batch, length).named("text").range(0, 50)},
                          [&](Tensor text) { return blocks(characters(text) + positions(range(text.shape()[1]))); });
  std::vector<Bindings> sizes;
  for (const std::int64_t b : {1, 3, 128}) {
    for (const std::int64_t t : {1, 7, 40}) {
      sizes.emplace_back(b);
      sizes.back().set(length.batch.terms()[0].symbols[0], t);
    }
  }
  CHECK(check_in_onnxruntime(f, sizes, {"LayerNormalization", "Softmax"}) == "3, 1");
}

TEST_CASE("the decoder of a variational autoencoder") {
  set_seed(5);
  const Sequential model(Dense(7 * 7 * 8, relu), Reshape({7, 7, 8}),
                         Conv2DTranspose(6, 3, {.activation = relu, .strides = 2, .padding = Padding::same()}),
                         Conv2DTranspose(1, 4, {.strides = 2, .padding = Padding::same()}));
  const auto f = function("decoder", {f32(batch, 20).named("z")}, [&](Tensor z) { return sigmoid(model(z)); });
  CHECK(check_in_onnxruntime(f, kBatches, {"ConvTranspose", "Pad"}) == "2, 0");
}

TEST_CASE("attention that sees no key gives 0") {
  const auto f = function("attention", {f32(batch, 3, 4).named("x")}, [](Tensor x) {
    const Tensor sees = iota({3, 3}, 0, DType::kI64) > iota({3, 3}, 1, DType::kI64);  // the first query sees none
    return scaled_dot_product_attention(x, x, x, {.mask = sees});
  });
  check_in_onnxruntime(f, kBatches);
}

TEST_CASE("softmax of other axes, and what is almost one") {
  const auto f = function("softmaxes", {f32(batch, 4, 4).named("x")}, [](Tensor x) {
    const Tensor e = exp(x - reduce_max(x, 2, {.keepdims = true}));
    const Tensor of_columns = e / reduce_sum(e, 1, {.keepdims = true});
    const Tensor shifted = exp(x - reduce_max(x, 1, {.keepdims = true}));
    return softmax(x) + of_columns + shifted / reduce_sum(shifted, 2, {.keepdims = true}) + log_softmax(x);
  });
  CHECK(check_in_onnxruntime(f, kBatches, {"Softmax"}) == "1");
}

TEST_CASE("integers: divisions by constants, and long axes") {
  const auto f = function("integers", {i32(batch, 2000).named("x").range(-1000, 1000)}, [](Tensor x) {
    const Tensor places = iota({2000}, 0, DType::kI32);
    return truncatediv(x, 7) + truncatediv(x, -1) + truncatediv(x, 0) + mod(x, -7) + places * x +
           reduce_sum(cast(one_hot(slice(x, {0, 0}, {-1, 1}), 2000, DType::kI32), i32), 1);
  });
  check_in_onnxruntime(f, kBatches);
}

TEST_CASE("windows of f64 over a long axis") {
  const auto f = function("long", {f64(batch, 1500, 2).named("x")}, [](Tensor x) {
    return conv1d(x, full({3, 2, 1}, 0.5, DType::kF64), {.strides = 2, .padding = Padding::same(), .dilations = 1});
  });
  CHECK(check_in_onnxruntime(f, kBatches, {"Conv", "Range"}) == "0, 1");
}

TEST_CASE("sizes that are polynomials of several symbols") {
  const Dim t = sluice::length("T");
  const Dim u = sluice::length("U");
  const auto f = function("sizes", {f32(t + 1, 2 * t * u, 3).named("x")}, [&](Tensor x) {
    const Tensor rows = reshape(slice(x, {1, 0, 0}, {t, 2 * t * u, 3}), {2 * t, t * u, 3});
    const Tensor numbers = cast(iota({2 * t, t * u, 3}, 1, DType::kI64), f32) * cast(size_of(x, 1), f32);
    const Tensor flat =
        reshape(rows + broadcast_to(reduce_sum(rows, 0), {2 * t, t * u, 3}) + numbers, {2 * t, 3 * t * u});
    return concat({pad(flat, {{1, 0}, {0, 2}}), full({1, 3 * t * u + 2}, 7)}, 0);
  });
  std::vector<Bindings> sizes;
  for (const std::int64_t first : {1, 2, 5}) {
    for (const std::int64_t second : {1, 4}) {
      sizes.emplace_back();
      sizes.back().set(t.batch.terms()[0].symbols[0], first);
      sizes.back().set(u.batch.terms()[0].symbols[0], second);
    }
  }
  check_in_onnxruntime(f, sizes);
}

TEST_CASE("windows over an axis of any size") {
  const Dim t = sluice::length("T");
  const auto f = function("sequence", {f32(batch, 2 * t, 3).named("x")}, [&](Tensor x) {
    const Tensor smooth = conv1d(x, full({2, 3, 3}, 0.5), {.padding = Padding({{1, 0}})});
    return reduce_sum(smooth, 1) + reduce_sum(max_pool1d(x, 2, {.strides = {1}}), 1);
  });
  std::vector<Bindings> sizes;
  for (const std::int64_t b : {1, 3}) {
    for (const std::int64_t n : {1, 2, 9}) {
      sizes.emplace_back(b);
      sizes.back().set(t.batch.terms()[0].symbols[0], n);
    }
  }
  CHECK(check_in_onnxruntime(f, sizes, {"Conv", "MaxPool"}) == "1, 1");
}

TEST_CASE("a gradient is a function like others") {
  set_seed(6);
  const Sequential model(Conv2D(4, 3, {.activation = relu}), MaxPool2D(2), Flatten(), Dense(3));
  const auto f = function("saliency", {f32(batch, 8, 8, 1).named("images")}, [&](Tensor x) {
    const Tensor loss = reduce_sum(reduce_max(model(x), 1));
    return gradients(loss, {x})[0];
  });
  check_in_onnxruntime(f, kBatches);
}

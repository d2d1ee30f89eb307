// Models in which several products read one weight.
#include "tests/models/model.h"

namespace sluice::models {

Model tied_autoencoder(std::int64_t width, Dim rows) {
  constexpr std::int64_t kData = 70;
  const Variable w("w", glorot_uniform(kData, width));
  const Variable b("b", Array(DType::kF32, {width}));
  const Variable c("c", Array(DType::kF32, {kData}));
  Adam adam({.learning_rate = 1e-2});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const Tensor code = relu(matmul(in[0], w) + b);
    const Tensor loss = mean_squared_error(matmul(code, w, {.transpose_b = true}) + c, in[0]);
    adam.apply(gradients(loss, {w, b, c}), {w, b, c});
    return {loss};
  };
  return {{f32(rows, kData).named("x")}, step};
}

Model siamese(std::int64_t width, Dim rows) {
  constexpr std::int64_t kData = 30;
  // No bias at the end: its derivative would be 0 up to rounding, which says nothing about the code.
  Dense inner(width, tanh);
  const Variable w("w", glorot_uniform(width, 16));
  SGD sgd({.learning_rate = 0.05});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const auto encoder = [&](const Tensor& x) { return matmul(inner(x), w); };
    const Tensor d = reduce_sum(square(encoder(in[0]) - encoder(in[1])), 1);
    const Tensor& same = in[2];
    const Tensor loss = reduce_mean(same * d + (1 - same) * square(relu(1 - sqrt(d + 1e-6))));
    std::vector<Variable> all = inner.trainable_variables();
    all.push_back(w);
    sgd.apply(gradients(loss, all), all);
    return {loss};
  };
  return {{f32(rows, kData).named("a"), f32(rows, kData).named("b"), f32(rows).named("same").range(0, 1)}, step};
}

Model clipped_lstm(std::int64_t width, Dim rows) {
  constexpr std::int64_t kLength = 5;
  constexpr std::int64_t kData = 9;
  const std::int64_t units = (width + 3) / 4;
  const Variable wx("wx", glorot_uniform(kData, 4 * units));
  const Variable wh("wh", glorot_uniform(units, 4 * units));
  const Variable b("b", Array(DType::kF32, {4 * units}));
  const Variable out("out", glorot_uniform(units, 3));
  SGD sgd({.learning_rate = 0.5});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    Tensor h = full({rows, units}, 0.0);
    Tensor c = h;
    for (std::int64_t t = 0; t < kLength; ++t) {
      const Tensor x = reshape(slice(in[0], {0, t, 0}, {-1, 1, kData}), {rows, kData});
      const Tensor gates = matmul(x, wx) + matmul(h, wh) + b;
      const auto gate = [&](std::int64_t i) { return slice(gates, {0, i * units}, {-1, units}); };
      c = sigmoid(gate(1)) * c + sigmoid(gate(0)) * tanh(gate(2));
      h = sigmoid(gate(3)) * tanh(c);
    }
    const Tensor loss = mean_squared_error(matmul(h, out), in[1]);
    const std::vector<Variable> all{wx, wh, b, out};
    const auto [clipped, norm] = clip_by_global_norm(gradients(loss, all), 0.25);
    sgd.apply(clipped, all);
    return {loss, norm};
  };
  return {{f32(rows, kLength, kData).named("x"), f32(rows, 3).named("y")}, step};
}

Model two_micro_batches(std::int64_t width, Dim rows) {
  constexpr std::int64_t kData = 25;
  MLP model(Dense(width, relu), Dense(52, relu), Dense(10));
  SGD sgd({.learning_rate = 0.1, .momentum = 0.9});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const Tensor first = reduce_mean(sparse_softmax_cross_entropy(model(in[0]), in[1]));
    const Tensor second = reduce_mean(sparse_softmax_cross_entropy(model(in[2]), in[3]));
    const std::vector<Variable> all = model.trainable_variables();
    std::vector<Tensor> sums = gradients(first, all);
    const std::vector<Tensor> more = gradients(second, all);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] = (sums[i] + more[i]) / 2;
    sgd.apply(sums, all);
    return {first, second};
  };
  const TensorSpec x = f32(rows, kData);
  const TensorSpec labels = i64(rows).range(0, 10);
  return {{x.named("x1"), labels.named("y1"), x.named("x2"), labels.named("y2")}, step};
}

Model two_heads(std::int64_t width, Dim rows) {
  constexpr std::int64_t kData = 25;
  MLP trunk(Dense(width, relu), Dense(49, relu));
  Dense classes(10);
  Dense values(width);
  Adam adam({.learning_rate = 1e-3});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const Tensor h = trunk(in[0]);
    const Tensor of_classes = reduce_mean(sparse_softmax_cross_entropy(classes(h), in[1]));
    const Tensor of_values = mean_squared_error(values(h), in[2]);
    std::vector<Variable> all = trunk.trainable_variables();
    for (const Dense& head : {classes, values}) {
      for (const Variable& v : head.trainable_variables()) all.push_back(v);
    }
    adam.apply(gradients(of_classes + 0.5 * of_values, all), all);
    return {of_classes, of_values};
  };
  return {{f32(rows, kData).named("x"), i64(rows).range(0, 10).named("y"), f32(rows, width).named("z")}, step};
}

}  // namespace sluice::models

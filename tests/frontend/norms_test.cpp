// Normalizations: values, derivatives, statistics and errors.
#include "sluice/norms.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;
using namespace sluice::test;

namespace {

using F = std::vector<float>;
using D = std::vector<double>;

/// The derivative of sum(y * dy) with respect to x, for y = layer(x).
template <typename Layer>
Array gradient(const Layer& layer, const Array& x, const Array& dy) {
  return function([&](Tensor in, Tensor up) { return gradients(reduce_sum(layer(in) * up), in)[0]; })(x, dy);
}

template <typename Layer>
Array result(const Layer& layer, const Array& x) {
  return function([&](Tensor in) { return layer(in); })(x);
}

/// Calls a batch normalization for training, as a layer without a Mode.
auto training(const BatchNormalization& layer) {
  return [&layer](const Arg& x) { return layer(x, Mode::kTrain); };
}

/// Returns (x - mean) / sqrt(variance + epsilon) of the elements begin, begin + stride, ... of x, `count` of them, in
/// their places.
void standardize(D& x, std::size_t begin, std::size_t count, std::size_t stride, double epsilon) {
  double mean = 0;
  for (std::size_t i = 0; i < count; ++i) mean += x[begin + i * stride] / static_cast<double>(count);
  double variance = 0;
  for (std::size_t i = 0; i < count; ++i)
    variance += std::pow(x[begin + i * stride] - mean, 2) / static_cast<double>(count);
  for (std::size_t i = 0; i < count; ++i)
    x[begin + i * stride] = (x[begin + i * stride] - mean) / std::sqrt(variance + epsilon);
}

/// sum(tanh(normal * gamma + beta)); `at` is x, gamma and perhaps beta, which lie along the last axis.
double loss_of(const Doubles& at, const D& normal) {
  double sum = 0;
  for (std::size_t i = 0; i < normal.size(); ++i) {
    const std::size_t channel = i % at[1].size();
    const double beta = at.size() > 2 ? at[2][channel] : 0;
    sum += std::tanh(normal[i] * at[1][channel] + beta);
  }
  return sum;
}

/// Builds the layer and checks its derivatives for batches of several sizes; `normalize` replaces x by the normalized
/// x.
template <typename Layer, typename Call>
void check_layer(const Layer& layer, Call call, const TensorSpec& signature, std::vector<std::int64_t> sizes,
                 const std::function<void(D& x, std::size_t rows)>& normalize) {
  build(layer, signature);
  double salt = 5;
  for (const Variable& variable : layer.trainable_variables())
    variable.assign(pattern(variable.value().sizes(), ++salt));
  for (const std::int64_t rows : {1, 3, 64}) {
    CAPTURE(rows);
    sizes[0] = rows;
    const auto host = [&](const Doubles& at) {
      D normal = at[0];
      normalize(normal, static_cast<std::size_t>(rows));
      return loss_of(at, normal);
    };
    check_derivatives(
        signature, pattern(sizes), layer.trainable_variables(),
        [&](const Tensor& x) { return reduce_sum(tanh(call(x))); }, host);
  }
}

}  // namespace

TEST_CASE("layer normalization: values") {
  const LayerNormalization plain({.epsilon = 1e-5});
  CHECK(difference(result(plain, Array(F{1e4F, 1e4F + 1, 1e4F + 2, 1e4F + 3}, {1, 4})),
                   {-1.34164, -.44721, .44721, 1.34164}) < 1e-5);
  REQUIRE(plain.named_variables().size() == 2);
  CHECK(plain.named_variables()[0].name == "gamma");
  CHECK(plain.named_variables()[1].name == "beta");
  plain.variables()[0].assign(Array(F{1, 2, 3, 4}, {4}));
  plain.variables()[1].assign(Array(F{10, 20, 30, 40}, {4}));
  CHECK(difference(result(plain, Array(F{0, 1, 2, 3}, {4})), {8.65836, 19.10558, 31.34163, 45.36656}) < 1e-6);

  // Keras's epsilon, and neither gamma nor beta.
  const LayerNormalization bare({.center = false, .scale = false});
  const double factor = 1 / std::sqrt(1.25 + 1e-3);
  CHECK(difference(result(bare, Array(F{0, 1, 2, 3}, {4})), {-1.5 * factor, -.5 * factor, .5 * factor, 1.5 * factor}) <
        1e-6);
  CHECK(bare.variables().empty());
}

TEST_CASE("layer normalization along several axes, or along one that is not the last") {
  const LayerNormalization both({.axis = {-1, 1}, .epsilon = 0});
  const Array x(F{1, 2, 3, 4, 10, 20, 30, 40}, {2, 2, 2});
  CHECK(difference(result(both, x), {-1.34164, -.44721, .44721, 1.34164, -1.34164, -.44721, .44721, 1.34164}) < 1e-5);
  CHECK(both.variables()[0].type() == Type{DType::kF32, {2, 2}});
  const LayerNormalization first({.axis = 0, .epsilon = 0});
  first.set_name("first");
  build(first, f32(2, 3));
  first.variables()[1].assign(Array(F{5, 7}, {2}));
  CHECK(difference(result(first, Array(F{1, 2, 3, 3, 8, 5}, {2, 3})), {4, 4, 4, 8, 8, 8}) < 1e-6);
}

TEST_CASE("layer normalization: derivatives") {
  const LayerNormalization layer;
  const auto rows = [](D& x, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) standardize(x, 5 * i, 5, 1, 1e-3);
  };
  check_layer(layer, layer, f32(batch, 5), {0, 5}, rows);
  const LayerNormalization flat({.epsilon = 1e-5});
  const Array dx = gradient(flat, Array(DType::kF32, {1, 4}), Array(F{1, 0, 0, 0}, {1, 4}));
  CHECK(difference(dx, {237.171, -79.057, -79.057, -79.057}) < 1e-5);
}

TEST_CASE("RMS normalization") {
  const RMSNorm layer;
  const Array y = result(layer, Array(F{3, 4, 0, 0}, {2, 2}));
  CHECK(difference(y, {3 / std::sqrt(12.5), 4 / std::sqrt(12.5), 0, 0}) < 1e-6);
  REQUIRE(layer.named_variables().size() == 1);
  CHECK(layer.named_variables()[0].name == "scale");
  CHECK(difference(gradient(layer, Array(DType::kF32, {1, 2}), Array(F{1, 0}, {1, 2})), {1000, 0}) < 1e-6);

  const RMSNorm other({.epsilon = 1e-2});
  check_layer(other, other, f32(batch, 3, 7), {0, 3, 7}, [](D& x, std::size_t rows) {
    for (std::size_t row = 0; row < 3 * rows; ++row) {
      double squares = 0;
      for (std::size_t i = 0; i < 7; ++i) squares += std::pow(x[7 * row + i], 2);
      for (std::size_t i = 0; i < 7; ++i) x[7 * row + i] /= std::sqrt(squares / 7 + 1e-2);
    }
  });
}

TEST_CASE("group normalization") {
  const GroupNormalization layer(2, {.epsilon = 0});
  const Array x(F{1, 2, 10, 20, 3, 4, 30, 40}, {1, 2, 4});  // two positions of four channels
  CHECK(difference(result(layer, x), {-1.34164, -.44721, -1.34164, -.44721, .44721, 1.34164, .44721, 1.34164}) < 1e-5);
  CHECK(layer.variables()[0].type() == Type{DType::kF32, {4}});
  CHECK(difference(result(GroupNormalization(-1, {.epsilon = 0}), x), {-1, -1, -1, -1, 1, 1, 1, 1}) < 1e-6);
  CHECK(difference(result(GroupNormalization(1, {.epsilon = 0}), Array(F{1, 2, 3, 4}, {1, 4})),
                   {-1.34164, -.44721, .44721, 1.34164}) < 1e-5);
  CHECK(result(layer, Array(DType::kF32, {0, 3, 4})).sizes() == std::vector<std::int64_t>{0, 3, 4});

  const GroupNormalization grouped(3);
  check_layer(grouped, grouped, f32(batch, 2, 6), {0, 2, 6}, [](D& all, std::size_t rows) {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t group = 0; group < 3; ++group) {
        const std::size_t first = 12 * row + 2 * group;
        D members{all[first], all[first + 1], all[first + 6], all[first + 7]};
        standardize(members, 0, 4, 1, 1e-3);
        all[first] = members[0];
        all[first + 1] = members[1];
        all[first + 6] = members[2];
        all[first + 7] = members[3];
      }
    }
  });
}

TEST_CASE("batch normalization moves its statistics as Keras's does") {
  const BatchNormalization layer;
  const auto train = function("train", {f32(batch, 1)}, training(layer));
  train(Array(F{1, 2, 3, 4}, {4, 1}));
  const std::vector<NamedVariable> named = layer.named_variables();
  REQUIRE(named.size() == 4);
  CHECK(named[0].name == "gamma");
  CHECK(named[1].name == "beta");
  CHECK(named[2].name == "moving_mean");
  CHECK(named[3].name == "moving_variance");
  CHECK(layer.trainable_variables().size() == 2);
  CHECK(difference(named[2].variable.value(), {.025}) < 1e-7);
  CHECK(difference(named[3].variable.value(), {1.0025}) < 1e-7);

  // A batch without elements leaves them alone, also one whose size only the call knows.
  const Array mean = named[2].variable.value();
  const Array variance = named[3].variable.value();
  const auto any = function(training(layer));
  CHECK(any(Array(DType::kF32, {0, 1})).sizes() == std::vector<std::int64_t>{0, 1});
  CHECK(any(Array(DType::kF32, {3, 0, 1})).sizes() == std::vector<std::int64_t>{3, 0, 1});
  const auto but_last = function("but_last", {f32(length("T"), 1)}, [&](Tensor x) {
    return layer(slice(x, {0, 0}, {x.shape()[0] - 1, 1}), Mode::kTrain);
  });
  CHECK(but_last(Array(F{7}, {1, 1})).sizes() == std::vector<std::int64_t>{0, 1});
  CHECK(named[2].variable.value() == mean);
  CHECK(named[3].variable.value() == variance);
  but_last(Array(F{1, 2, 3, 4, 5}, {5, 1}));
  CHECK(difference(named[2].variable.value(), {.04975}) < 1e-6);
}

TEST_CASE("batch normalization of an empty batch: the gradients of its weights are 0") {
  const BatchNormalization layer;
  const auto step = function([&](Tensor x) {
    const std::vector<Tensor> slopes = gradients(reduce_sum(square(layer(x, Mode::kTrain))), layer);
    return outputs(slopes[0], slopes[1]);
  });
  for (const Array& gradient : step(Array(DType::kF32, {0, 2}))) CHECK(floats(gradient) == F{0, 0});
}

TEST_CASE("batch normalization of a single value has finite statistics") {
  const BatchNormalization layer;
  CHECK(floats(function("train", {f32(batch, 1)}, training(layer))(Array(F{5}, {1, 1}))) == F{0});
  CHECK(difference(layer.variables()[2].value(), {.05}) < 1e-7);
  CHECK(difference(layer.variables()[3].value(), {.99}) < 1e-7);
}

TEST_CASE("batch normalization in training: derivatives, of the statistics too") {
  const BatchNormalization exact({.epsilon = 1e-5});
  const auto call = training(exact);
  const Array dx = gradient(call, Array(F{1, 2, 3}, {3, 1}), Array(F{1, 0, 0}, {3, 1}));
  CHECK(difference(dx, {.204132, -.408245, .204113}) < 1e-5);
  CHECK(difference(result(call, Array(F{1e4F, 1e4F + 1, 1e4F + 2, 1e4F + 3}, {4, 1})),
                   {-1.34164, -.44721, .44721, 1.34164}) < 1e-5);

  const BatchNormalization layer({.epsilon = 1e-2});
  check_layer(layer, training(layer), f32(batch, 2, 3), {0, 2, 3}, [](D& x, std::size_t rows) {
    for (std::size_t channel = 0; channel < 3; ++channel) standardize(x, channel, 2 * rows, 3, 1e-2);
  });
}

TEST_CASE("batch normalization evaluates with the moving statistics") {
  const BatchNormalization layer({.epsilon = 0});
  build(layer, f32(batch, 2));
  layer.variables()[2].assign(Array(F{1, 10}, {2}));
  layer.variables()[3].assign(Array(F{4, 25}, {2}));
  const auto evaluate = function("evaluate", {f32(batch, 2)}, [&](Tensor x) { return layer(x, Mode::kEvaluate); });
  CHECK(difference(evaluate(Array(F{5, 20}, {1, 2})), {2, 2}) < 1e-6);
  CHECK(difference(evaluate(Array(F{5, 20, 1, 0, 3, 10}, {3, 2})), {2, 2, 0, -2, 1, 0}) < 1e-6);
  CHECK(floats(layer.variables()[2].value()) == F{1, 10});

  // So does a training step while it is frozen, as in Keras; afterwards it learns again.
  const auto train = function("train", {f32(batch, 2)}, training(layer));
  const Array x(F{5, 20, 3, 10}, {2, 2});
  CHECK(difference(train(x), {1, 1, -1, -1}) < 1e-6);
  const std::uint64_t learned = hash_of(layer);
  layer.set_trainable(false);
  CHECK(difference(train(x), doubles(evaluate(x))) < 1e-6);
  CHECK(hash_of(layer) == learned);
  layer.set_trainable(true);
  CHECK(difference(train(x), {1, 1, -1, -1}) < 1e-6);
  CHECK(hash_of(layer) != learned);

  const BatchNormalization bare({.momentum = 0, .center = false, .scale = false});
  function("train", {f32(batch, 1)}, training(bare))(Array(F{1, 2, 3, 4}, {4, 1}));
  REQUIRE(bare.variables().size() == 2);
  CHECK(difference(bare.variables()[0].value(), {2.5}) < 1e-7);
  CHECK(difference(bare.variables()[1].value(), {1.25}) < 1e-7);
}

TEST_CASE("a row is normalized alike in batches of any size") {
  const LayerNormalization layer;
  const auto normalize = function("normalize", {f32(batch, 6)}, [&](Tensor x) { return layer(x); });
  const F row{3, -1, 4, 1, -5, 9};
  const Array alone = normalize(Array(row, {1, 6}));
  for (const std::int64_t rows : {2, 65535, 65536}) {
    F all;
    for (std::int64_t i = 0; i < rows; ++i) all.insert(all.end(), row.begin(), row.end());
    const F got = floats(normalize(Array(all, {rows, 6})));
    std::size_t different = 0;
    for (std::size_t i = 0; i < got.size(); ++i) different += got[i] != floats(alone)[i % 6] ? 1 : 0;
    CHECK(different == 0);
  }
}

TEST_CASE("normalizations serve symbolic batches and lengths") {
  const LayerNormalization by_row;
  const GroupNormalization by_group(1, {.epsilon = 0, .center = false, .scale = false});
  const LayerNormalization whole({.axis = {1, 2}, .epsilon = 0, .center = false, .scale = false});
  const auto normalize = function("normalize", {f32(batch, length("T"), 2)},
                                  [&](Tensor x) { return outputs(by_row(x), by_group(x), whole(x)); });
  for (const auto& [rows, length_of_call] : {std::pair{1, 2}, std::pair{3, 7}, std::pair{64, 1}}) {
    const Array x = pattern({rows, length_of_call, 2});
    const auto [rows_of_x, groups_of_x, all_of_x] = normalize(x);
    D expected = doubles(x);
    const auto size = static_cast<std::size_t>(2 * length_of_call);
    for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row)
      standardize(expected, row * size, size, 1, 0);
    CHECK(difference(groups_of_x, expected) < 1e-5);
    CHECK(difference(all_of_x, expected) < 1e-5);
    expected = doubles(x);
    for (std::size_t i = 0; i < expected.size(); i += 2) standardize(expected, i, 2, 1, 1e-3);
    CHECK(difference(rows_of_x, expected) < 1e-5);
  }
}

TEST_CASE("weights and statistics of normalizations are saved, loaded and cloned") {
  const auto make = [] {
    return Sequential(BatchNormalization(), Dense(4, tanh), LayerNormalization(), Dense(4, tanh), RMSNorm(),
                      Dense(4, tanh), GroupNormalization(1), Dense(1));
  };
  const Sequential model = make();
  const Adam adam;
  const auto step = function("step", {f32(batch, 3)}, [&](Tensor x) {
    const Tensor loss = reduce_mean(square(model(x, Mode::kTrain) - 1));
    adam.minimize(loss, model);
    return loss;
  });
  for (int i = 0; i < 5; ++i) step(pattern({8, 3}, i));
  const auto evaluate = [](const Sequential& of) {
    return function("evaluate", {f32(batch, 3)}, [&of](Tensor x) { return of(x, Mode::kEvaluate); })(pattern({5, 3}));
  };
  const Array expected = evaluate(model);
  const TemporaryFolder folder;
  save_weights(model, folder.path() / "weights.safetensors");
  const Sequential loaded = make();
  loaded.build(f32(batch, 3));
  CHECK_FALSE(evaluate(loaded) == expected);
  load_weights(loaded, folder.path() / "weights.safetensors");
  CHECK(evaluate(loaded) == expected);
  CHECK(hash_of(loaded) == hash_of(model));
  CHECK(evaluate(clone(model)) == expected);

  const auto predict = function("predict", {f32(batch, 3)}, [&](Tensor x) { return model(x, Mode::kEvaluate); });
  save(predict, folder.path() / "model");
  CHECK(difference(load(folder.path() / "model").run({pattern({5, 3})})[0], doubles(expected)) < 1e-5);
}

TEST_CASE("normalizations: errors") {
  CHECK(thrown([] { LayerNormalization({.epsilon = -1}); }) ==
        here("layer_normalization: expected a finite epsilon of at least 0, got -1"));
  CHECK(thrown([] { RMSNorm({.epsilon = std::numeric_limits<double>::infinity()}); }) ==
        here("rms_norm: expected a finite epsilon of at least 0, got inf"));
  CHECK(thrown([] { GroupNormalization(0); }) ==
        here("group_normalization: expected at least one group, or -1, got 0"));
  CHECK(thrown([] { BatchNormalization({.momentum = 1.5}); }) ==
        here("batch_normalization: expected a momentum from 0 to 1, got 1.5"));

  CHECK(traced({f64(batch, 3)}, [](Tensor x) { return LayerNormalization()(x); }) ==
        here("layer_normalization: expected f32 with at least one axis, got f64[B,3]; cast(x, f32) converts it"));
  CHECK(traced({f32(3)}, [](Tensor x) { return BatchNormalization()(x, Mode::kTrain); }) ==
        here("batch_normalization: expected f32[batch,...,channels], got f32[3]"));
  CHECK(traced({f32(batch, 3)}, [](Tensor x) { return LayerNormalization({.axis = 2})(x); }) ==
        here("layer_normalization: axis 2 is outside of f32[B,3]"));
  CHECK(traced({f32(batch, 3)}, [](Tensor x) { return RMSNorm({.axis = std::vector<std::int64_t>{}})(x); }) ==
        here("rms_norm: expected at least one axis to normalize along"));
  CHECK(traced({f32(batch, length("T"), 3)},
               [](Tensor x) {
                 return LayerNormalization({.axis = {1, 2}})(x);
               }) ==
        here("layer_normalization: \"gamma\" needs a size for each normalized axis, but axis 1 of f32[B,T,3] is "
             "symbolic"));
  CHECK(traced({f32(batch, 6)}, [](Tensor x) { return GroupNormalization(4)(x); }) ==
        here("group_normalization: expected a number of channels, axis 1, that 4 groups divide, got f32[B,6]"));
  CHECK(traced({f32(batch, 6)}, [](Tensor x) { return GroupNormalization()(x); }) ==
        here("group_normalization: expected a number of channels, axis 1, that 32 groups divide, got f32[B,6]"));
  const BatchNormalization layer;
  build(layer, f32(batch, 4));
  CHECK(traced({f32(batch, 2, 5)}, [&](Tensor x) { return layer(x, Mode::kEvaluate); }) ==
        here("batch_normalization: \"batch_normalization_0/gamma\" is f32[4], so axis 2 of the input has size 4, got "
             "f32[B,2,5]"));
  const Sequential model(Dense(3), BatchNormalization());
  CHECK(
      traced({f32(batch, 4)}, [&](Tensor x) { return model(x); }) ==
      here("sequential: a layer behaves differently in training, so it needs a Mode: call model(x, Mode::kTrain) in a "
           "training step, and model(x, Mode::kEvaluate) elsewhere, as in an ExportModule"));
}

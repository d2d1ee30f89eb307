// Embedding, Residual, Flatten and Reshape, alone and in a Sequential.
#include <doctest/doctest.h>

#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;
using namespace sluice::test;

namespace {

using F = std::vector<float>;
using Sizes = std::vector<std::int64_t>;

template <typename Layer>
Sizes sizes_of(const Layer& layer, Sizes of) {
  return function([&](Tensor x) { return layer(x); })(Array(DType::kF32, std::move(of))).sizes();
}

}  // namespace

TEST_CASE("an embedding looks its rows up, for ids of any shape and integer dtype") {
  const Embedding layer(4, 2);
  build(layer, i32(batch));
  REQUIRE(layer.named_variables().size() == 1);
  CHECK(layer.named_variables()[0].name == "embeddings");
  layer.variables()[0].assign(Array(F{0, 1, 10, 11, 20, 21, 30, 31}, {4, 2}));
  const auto embed = function("embed", {u8(batch, length("T"))}, [&](Tensor ids) { return layer(ids); });
  for (const std::int64_t rows : {1, 3, 64}) {
    Array ids(DType::kU8, {rows, 2});
    F expected;
    for (std::size_t i = 0; i < static_cast<std::size_t>(2 * rows); ++i) {
      ids.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * i % 4);
      expected.push_back(static_cast<float>(i * i % 4 * 10));
      expected.push_back(expected.back() + 1);
    }
    const Array got = embed(ids);
    CHECK(got.sizes() == Sizes{rows, 2, 2});
    CHECK(floats(got) == expected);
  }
  const auto embed_any = function([&](Tensor ids) { return layer(ids); });
  CHECK(floats(embed_any(2)) == F{20, 21});
  CHECK(embed_any(Array(DType::kI32, {0, 3})).sizes() == Sizes{0, 3, 2});
}

TEST_CASE("an embedding's initial table is Keras's") {
  set_seed(4);
  const Embedding layer(1000, 20);
  float lowest = 0;
  float highest = 0;
  for (const float w : floats(layer.embeddings().value())) {
    lowest = std::min(lowest, w);
    highest = std::max(highest, w);
  }
  CHECK(lowest >= -0.05F);
  CHECK(lowest < -0.0499F);
  CHECK(highest < 0.05F);
  CHECK(highest > 0.0499F);
  CHECK(layer.embeddings().is(layer.variables().at(0)));
  set_seed(4);
  CHECK(embedding_uniform(1000, 20) == layer.embeddings().value());
}

TEST_CASE("gradients of an embedding add up over equal ids") {
  const Embedding layer(3, 1);
  const auto slope = function([&](Tensor ids) { return gradients(reduce_sum(layer(ids)), layer)[0]; });
  CHECK(floats(slope(std::vector<std::int64_t>{1, 1, 2})) == F{0, 2, 1});
  CHECK(floats(slope(Array(DType::kI64, {0}))) == F{0, 0, 0});
  // Second derivatives: of the sum of cubes, 6 w for each use.
  layer.embeddings().assign(Array(F{1, 2, 3}, {3, 1}));
  const auto product = function([&](Tensor ids) {
    const Tensor y = layer(ids);
    const Tensor first = gradients(reduce_sum(y * y * y), layer)[0];
    return gradients(reduce_sum(first), layer)[0];
  });
  CHECK(floats(product(std::vector<std::int64_t>{1, 1, 2})) == F{0, 24, 18});
}

TEST_CASE("ids out of range are errors; computed ones are clamped, forward and backward") {
  const Embedding layer(3, 2);
  const auto embed = function("embed", {i64(length("N"))}, [&](Tensor ids) { return layer(ids); });
  embed.compile();
  for (const std::int64_t id : {-1, 3}) {
    const std::string error = thrown([&] { embed(std::vector<std::int64_t>{0, id}); });
    CHECK(error.starts_with(
        here(fmt::format("embed: element 1 of argument 0 is the id {}, expected 0 to 2 for the 3 rows of the embedding "
                         "\"embedding_0/embeddings\" at ",
                         id))));
  }
  layer.embeddings().assign(Array(F{1, 2, 3, 4, 5, 6}, {3, 2}));
  const auto computed = function([&](Tensor ids) {
    const Tensor rows = layer(ids * 2 - 1);
    return outputs(rows, gradients(reduce_sum(rows), layer)[0]);
  });
  const auto [rows, gradient] = computed(std::vector<std::int64_t>{0, 2});  // -1 and 3
  CHECK(floats(rows) == F{1, 2, 5, 6});
  CHECK(floats(gradient) == F{1, 1, 0, 0, 1, 1});
}

TEST_CASE("a table is shared with a layer that uses its transpose") {
  const Embedding layer(5, 3);
  const auto step = function("step", {i64(batch)}, [&](Tensor ids) {
    const Tensor logits = matmul(layer(ids), layer.embeddings(), {.transpose_b = true});
    return gradients(reduce_sum(square(logits)), layer);
  });
  CHECK(step({Array(std::vector<std::int64_t>{0, 4}, {2})}).size() == 1);
  CHECK(layer.variables().size() == 1);
}

TEST_CASE("a residual layer adds its input, and passes the Mode on") {
  const Residual shortcut(Dense(3, relu), Dense(2));
  build(shortcut, f32(batch, 2));
  const std::vector<NamedVariable> named = shortcut.named_variables();
  REQUIRE(named.size() == 4);
  CHECK(named[2].name == "dense_1/w");
  const Array x = pattern({3, 2});
  const auto both = function([&](Tensor in) {
    const Tensor inner = matmul(relu(matmul(in, named[0].variable) + named[1].variable), named[2].variable);
    return outputs(shortcut(in), in + (inner + named[3].variable));
  });
  const auto [got, expected] = both(x);
  CHECK(got == expected);

  const Sequential model(Dense(4), Residual(Dropout(0.5)), Residual([](Tensor y) { return y * 2; }), Dense(1));
  const auto train = function("train", {f32(batch, 2)}, [&](Tensor in) { return model(in, Mode::kTrain); });
  const auto evaluate = function("evaluate", {f32(batch, 2)}, [&](Tensor in) { return model(in, Mode::kEvaluate); });
  CHECK_FALSE(train(x) == train(x));
  CHECK(evaluate(x) == evaluate(x));
  CHECK(traced({f32(batch, 2)}, [&](Tensor in) { return model(in); }) ==
        here("residual: a layer behaves differently in training, so it needs a Mode: call model(x, Mode::kTrain) in a "
             "training step, and model(x, Mode::kEvaluate) elsewhere, as in an ExportModule"));
  CHECK(traced({f32(batch, 2)}, [&](Tensor in) { return Residual(Dense(3))(in); }) ==
        here("residual: expected its layers to return f32[B,2], the type of their input, got f32[B,3]"));
  CHECK(traced({f32(batch, 2)}, [&](Tensor in) { return Residual(Dense(1))(in); }) ==
        here("residual: expected its layers to return f32[B,2], the type of their input, got f32[B,1]"));
}

TEST_CASE("flatten keeps the batch") {
  const Flatten flatten;
  CHECK(sizes_of(flatten, {2, 3, 4}) == Sizes{2, 12});
  CHECK(sizes_of(flatten, {2, 3}) == Sizes{2, 3});
  CHECK(sizes_of(flatten, {5}) == Sizes{5, 1});
  CHECK(sizes_of(flatten, {0, 3, 4}) == Sizes{0, 12});
  CHECK(sizes_of(flatten, {3, 0, 4}) == Sizes{3, 0});
  const auto symbolic = function("flatten", {f32(batch, length("T"), 2)}, [&](Tensor x) { return flatten(x); });
  CHECK(floats(symbolic(Array(F{1, 2, 3, 4}, {1, 2, 2}))) == F{1, 2, 3, 4});
  CHECK(symbolic(Array(DType::kF32, {3, 5, 2})).sizes() == Sizes{3, 10});
  CHECK(traced({f32()}, [&](Tensor x) { return flatten(x); }) ==
        here("flatten: expected a tensor of [batch,...], got f32[]"));
}

TEST_CASE("reshape reshapes each example") {
  CHECK(sizes_of(Reshape({2, 6}), {3, 12}) == Sizes{3, 2, 6});
  CHECK(sizes_of(Reshape({-1, 6}), {3, 4, 3}) == Sizes{3, 2, 6});
  CHECK(sizes_of(Reshape({-1}), {0, 4, 3}) == Sizes{0, 12});
  CHECK(sizes_of(Reshape({}), {3, 1}) == Sizes{3});
  const auto symbolic = function("reshape", {f32(batch, length("T"), 4)}, [](Tensor x) { return Reshape({-1, 2})(x); });
  CHECK(symbolic(Array(DType::kF32, {3, 5, 4})).sizes() == Sizes{3, 10, 2});
  CHECK(thrown([] { Reshape({2, -2}); }) == here("reshape: expected sizes of at least 0, or -1, got [2,-2]"));
  CHECK(thrown([] { Reshape({-1, -1}); }) == here("reshape: [-1,-1] has more than one -1"));
  CHECK(traced({f32(batch, 12)}, [](Tensor x) { return Reshape({5})(x); }) ==
        here("reshape: expected examples that fill [5], got f32[B,12], whose examples have 12 elements"));
  CHECK(traced({f32(batch, 12)}, [](Tensor x) {
          return Reshape({-1, 5})(x);
        }) == here("reshape: expected examples that fill [-1,5], got f32[B,12], whose examples have 12 elements"));
  CHECK(traced({f32()}, [](Tensor x) { return Reshape({1})(x); }) ==
        here("reshape: expected a tensor of [batch,...], got f32[]"));
}

TEST_CASE("embedding: errors") {
  CHECK(thrown([] { Embedding(0, 4); }) ==
        here("embedding: expected a vocabulary and a width of at least 1, got 0 and 4"));
  CHECK(thrown([] { Embedding(3, 4, nullptr); }) == here("embedding: the initializer of the table is empty"));
  CHECK(traced({f32(batch)}, [](Tensor x) { return Embedding(3, 4)(x); }) ==
        here("embedding: expected integer ids, got f32[B]"));
  CHECK(traced({i64(batch)}, [](Tensor x) {
          return Embedding(3, 4, [](auto in, auto out) { return zeros({out, in}); })(x);
        }) == here("embedding: the initial table is f32[4,3], expected f32[3,4]"));
}

TEST_CASE("a transformer block in a Sequential learns, is saved and loaded") {
  const auto make = [] {  // a key's bias has no gradient but rounding errors
    return Sequential(
        Embedding(5, 8), Residual(LayerNormalization(), MultiHeadAttention(2, 4, {.use_bias = false, .causal = true})),
        Residual(LayerNormalization(), Dense(16, relu), Dropout(0.1), Dense(8)), LayerNormalization(), Dense(5));
  };
  set_seed(2);
  const Sequential model = make();
  const Adam adam({.learning_rate = 1e-2});
  // Predicts the next id of a counter modulo 5.
  const auto step = function("step", {i64(batch, length("T")), i64(batch, length("T"))}, [&](Tensor x, Tensor y) {
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(model(x, Mode::kTrain), y));
    adam.minimize(loss, model);
    return loss;
  });
  const auto counter = [](std::int64_t rows, std::int64_t positions, std::int64_t from) {
    Array ids(DType::kI64, {rows, positions});
    for (std::int64_t i = 0; i < rows * positions; ++i)
      ids.data<std::int64_t>()[static_cast<std::size_t>(i)] = (from + i % positions + i / positions) % 5;
    return ids;
  };
  float loss = 0;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t positions = 3 + i % 3;
    loss = step(counter(5, positions, 0), counter(5, positions, 1)).item<float>();
  }
  CHECK(loss < 0.2F);

  const TemporaryFolder folder;
  save_weights(model, folder.path() / "model.safetensors");
  const Sequential loaded = make();
  loaded.build(i64(batch, length("T")));
  load_weights(loaded, folder.path() / "model.safetensors");
  const auto evaluate = [&](const Sequential& of) {
    return function("evaluate", {i64(batch, length("T"))},
                    [&](Tensor x) { return of(x, Mode::kEvaluate); })(counter(2, 7, 3));
  };
  CHECK(evaluate(loaded) == evaluate(model));
}

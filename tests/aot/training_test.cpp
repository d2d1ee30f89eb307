// Exported training steps: to the last bit as the JIT's, on one thread and two.
#include <cstring>

#include "ir/random_arrays.h"
#include "sluice/sluice.h"
#include "tests/aot/exported.h"

using namespace sluice;
using namespace sluice::test;

namespace {

Array images_of(std::int64_t count, std::int64_t side, std::uint64_t seed) {
  return random_array({DType::kU8, {count, side, side}}, 1, seed, ir::Range{0, 256});
}
Array labels_of(std::int64_t count, std::int64_t classes, std::uint64_t seed) {
  return random_array({DType::kU8, {count}}, 1, seed, ir::Range{0, static_cast<double>(classes)});
}

Tensor loss_of(const Tensor& logits, const Tensor& labels) {
  return reduce_mean(sparse_softmax_cross_entropy(logits, labels));
}

void check_same_bits(const Array& x, const Array& y) {
  REQUIRE(x.type() == y.type());
  CHECK(std::memcmp(x.bytes(), y.bytes(), x.byte_count()) == 0);
}

/// Trains with the exported step, then from the same start with the JIT's, and compares all losses and variables.
template <typename Step>
void check_trains_alike(const Step& step, std::int64_t side, std::int64_t classes, int threads) {
  CAPTURE(threads);
  const Exported exported(step, {});
  const Threads pool(threads);
  constexpr std::int64_t kMost = 33;
  Context context(exported, pool.team(), kMost);
  std::vector<float> losses;
  const auto batch_size = [](int i) { return std::int64_t{i % 3 == 0 ? 1 : i % 3 == 1 ? 33 : 16}; };
  for (int i = 0; i < 12; ++i) {
    const Array images = images_of(batch_size(i), side, static_cast<std::uint64_t>(i));
    const Array labels = labels_of(batch_size(i), classes, static_cast<std::uint64_t>(i));
    REQUIRE(context.run(batch_size(i), images.bytes(), labels.bytes(), &losses.emplace_back()) == SLUICE_OK);
  }
  set_num_threads(threads);
  for (int i = 0; i < 12; ++i) {
    const Array images = images_of(batch_size(i), side, static_cast<std::uint64_t>(i));
    const Array labels = labels_of(batch_size(i), classes, static_cast<std::uint64_t>(i));
    check_same_bits(step(images, labels), Array::scalar(losses[static_cast<std::size_t>(i)]));
  }
  CHECK(losses.back() < 10);
  REQUIRE(exported.variables().count == static_cast<int>(step.variables().size()));
  for (int v = 0; v < exported.variables().count; ++v) {
    CAPTURE(step.variables()[static_cast<std::size_t>(v)]->name());
    check_same_bits(context.get(v), step.variables()[static_cast<std::size_t>(v)]->value());
  }
}

}  // namespace

TEST_CASE("a perceptron trains as in the JIT") {
  for (const int threads : {1, 2}) {
    set_seed(1);
    MLP model(Dense(70, relu), Dropout(0.25), Dense(50, relu), Dense(10));
    Adam adam;
    const auto step = function("step", {u8(batch, 12, 12), u8(batch).range(0, 10)}, [&](Tensor images, Tensor labels) {
      const Tensor loss = loss_of(model(reshape(cast(images, f32), {batch, 144}) / 255, Mode::kTrain), labels);
      adam.minimize(loss, model);
      return loss;
    });
    check_trains_alike(step, 12, 10, threads);
  }
}

TEST_CASE("a convnet trains as in the JIT") {
  for (const int threads : {1, 2}) {
    set_seed(2);
    MLP model(Conv2D(8, 3, {.activation = relu}), MaxPool2D(2), Conv2D(16, 3, {.activation = relu}), Flatten(),
              Dense(5));
    Adam adam;
    const auto step = function("step", {u8(batch, 12, 12), u8(batch).range(0, 5)}, [&](Tensor images, Tensor labels) {
      const Tensor loss = loss_of(model(reshape(cast(images, f32), {batch, 12, 12, 1}) / 255), labels);
      adam.minimize(loss, model);
      return loss;
    });
    check_trains_alike(step, 12, 5, threads);
  }
}

TEST_CASE("a transformer trains as in the JIT") {
  for (const int threads : {1, 2}) {
    set_seed(3);
    Embedding characters(256, 32);
    MLP blocks(Residual(LayerNormalization(), MultiHeadAttention(4, 8, {.causal = true})),
               Residual(LayerNormalization(), Dense(64, gelu), Dense(32)), Dense(7));
    Adam adam;
    const auto step = function("step", {u8(batch, 8, 8), u8(batch).range(0, 7)}, [&](Tensor text, Tensor labels) {
      const Tensor logits = reduce_mean(blocks(characters(reshape(cast(text, i32), {batch, 64}))), {1});
      const Tensor loss = loss_of(logits, labels);
      adam.minimize(loss, {characters, blocks});
      return loss;
    });
    check_trains_alike(step, 8, 7, threads);
  }
}

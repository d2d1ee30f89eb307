// Training steps of models that bench/peers/torch_tasks.py has too.
#include <memory>

#include "bench/tasks.h"
#include "ir/random_arrays.h"
#include "sluice/sluice.h"

namespace sluice::bench {

namespace {

Array random_bytes(std::vector<std::int64_t> sizes, std::int64_t below, std::uint64_t seed) {
  Array result(DType::kU8, std::move(sizes));
  RandomStream random(seed);
  for (std::uint8_t& byte : result.data<std::uint8_t>()) {
    byte = static_cast<std::uint8_t>(random.below(static_cast<std::uint32_t>(below)));
  }
  return result;
}

/// Keras's example "Simple MNIST convnet", as examples/mnist_cnn.cpp.
Task convnet(const std::vector<int>&, int batch_size) {
  const auto model = std::make_shared<Sequential>(Conv2D(32, 3, {.activation = relu}), MaxPool2D(2),
                                                  Conv2D(64, 3, {.activation = relu}), MaxPool2D(2), Flatten(),
                                                  Dropout(0.5), Dense(10));
  const auto adam = std::make_shared<Adam>();
  const auto step = function("convnet_step", {u8(batch, 28, 28).range(0, 256), u8(batch).range(0, 10)},
                             [=](Tensor images, Tensor labels) {
                               const Tensor x = reshape(cast(images, f32), {batch, 28, 28, 1}) / 255;
                               const Tensor logits = (*model)(x, Mode::kTrain);
                               const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
                               adam->minimize(loss, *model);
                               return loss;
                             });
  const Array images = random_bytes({batch_size, 28, 28}, 256, 1);
  const Array labels = random_bytes({batch_size}, 10, 2);
  // Of 26x26 positions 9 * 32 products, of 11x11 positions 9 * 32 * 64, and 1600 * 10; the first has no input gradient.
  const double first = 26.0 * 26 * 9 * 32;
  const double others = 11.0 * 11 * 9 * 32 * 64 + 1600.0 * 10;
  return {[=] { return step(images, labels).template item<double>(); }, 2.0 * batch_size * (2 * first + 3 * others)};
}

/// A causal transformer on characters, as examples/char_transformer.cpp: blocks of attention and of a perceptron of
/// four times the width, each behind a layer norm and beside a sum.
Task transformer(const std::vector<int>& sizes, int batch_size) {
  const auto [layers, width, heads, context] = std::array{sizes[0], sizes[1], sizes[2], sizes[3]};
  constexpr int kVocabulary = 256;
  struct Model : Module {
    Model(int layer_count, int model_width, int head_count, int positions_count)
        : Module("transformer"),
          characters(kVocabulary, model_width),
          positions(positions_count, model_width),
          logits(kVocabulary) {
      for (int i = 0; i < layer_count; ++i) {
        blocks.add(
            Residual(LayerNormalization(), MultiHeadAttention(head_count, model_width / head_count, {.causal = true})));
        blocks.add(Residual(LayerNormalization(), Dense(4 * model_width, gelu), Dense(model_width)));
      }
      for (Module* part : std::initializer_list<Module*>{&characters, &positions, &blocks, &norm, &logits})
        register_module(*part);
    }
    Embedding characters;
    Embedding positions;
    Sequential blocks;
    LayerNormalization norm;
    Dense logits;
  };
  const auto model = std::make_shared<Model>(layers, width, heads, context);
  const auto adam = std::make_shared<Adam>();
  const auto step =
      function("transformer_step", {u8(batch, context), u8(batch, context)}, [=](Tensor text, Tensor next) {
        const Tensor x = model->characters(text) + model->positions(range(context));
        const Tensor logits = model->logits(model->norm(model->blocks(x, Mode::kTrain)));
        const Tensor loss =
            reduce_mean(sparse_softmax_cross_entropy(reshape(logits, {-1, kVocabulary}), reshape(next, {-1})));
        adam->minimize(loss, *model);
        return loss;
      });
  const Array text = random_bytes({batch_size, context}, kVocabulary, 1);
  const Array next = random_bytes({batch_size, context}, kVocabulary, 2);
  const double rows = 1.0 * batch_size * context;
  const double of_layer = 12.0 * width * width + 2.0 * context * width;
  return {[=] { return step(text, next).template item<double>(); },
          3 * 2 * rows * (layers * of_layer + 1.0 * width * kVocabulary)};
}

constexpr TaskKind kModels[] = {
    {"convnet", "1", convnet},
    {"transformer", "layers-width-heads-context", transformer},
};

}  // namespace

std::span<const TaskKind> model_tasks() { return kModels; }

const TaskKind* find_task(std::string_view name) {
  for (const auto kinds : {model_tasks(), operation_tasks(), function_tasks()}) {
    for (const TaskKind& kind : kinds) {
      if (kind.name == name) return &kind;
    }
  }
  return nullptr;
}

}  // namespace sluice::bench

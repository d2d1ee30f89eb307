// Writes what train.c links: the training step of the guide's perceptron, with its initial weights.
//
//     export_models exports
#include <sluice/export_object.h>
#include <sluice/sluice.h>

#include <cstdio>
#include <exception>
#include <filesystem>

using namespace sluice;

namespace {

Tensor preprocess(const Tensor& images) { return reshape(cast(images, f32), {batch, 784}) / 255; }

void export_step(const std::filesystem::path& folder) {
  set_seed(42);
  MLP model(Dense(700, relu), Dense(500, relu), Dense(10));
  Adam adam({.learning_rate = 1e-3, .epsilon_place = AdamEpsilon::kPyTorch});
  const auto step =
      function("train_step", {u8(batch, 28, 28).named("images").range(0, 256), u8(batch).named("labels").range(0, 10)},
               [&](Tensor images, Tensor labels) {
                 const Tensor logits = model(preprocess(images));
                 const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
                 adam.minimize(loss, model);
                 return outputs(loss, reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32)));
               });
  export_object(step, folder / "step", {.sources = true, .results = {"loss", "accuracy"}});
}

}  // namespace

int main(int argc, char** argv) try {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "aot";
  std::filesystem::create_directories(folder);
  export_step(folder);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "export_models: %s\n", error.what());
  return 1;
}

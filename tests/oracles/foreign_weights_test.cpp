// Weights that Keras and PyTorch have written, loaded into the same models here by their names and layouts.
#include "sluice/foreign_weights.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

#include "sluice/safetensors.h"
#include "sluice/sluice.h"
#include "tests/oracles/oracle.h"
#include "tests/support/temporary_folder.h"

namespace sluice::oracles {
namespace {

using Sources = std::map<std::string, WeightSource>;

Oracle oracle_of(const std::string& name) {
  return read_oracle(std::filesystem::path(SLUICE_ORACLE_DATA) / (name + ".safetensors"));
}

/// Returns the array with its axes permuted, as another framework lays it out.
Array permuted(const Array& array, const std::vector<std::int64_t>& permutation) {
  return function([&](Tensor x) { return transpose(x, permutation); })(array).clone();
}

std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was refused";
}

/// GPT-2 of the oracles, of layers.
class Gpt : public Module {
 public:
  Gpt(std::int64_t layers, std::int64_t heads, std::int64_t width, std::int64_t vocabulary, std::int64_t context)
      : Module("gpt"), characters_(vocabulary, width), positions_(context, width) {
    const auto gelu_of_gpt2 = [](const Arg& x) { return gelu(x, Gelu::kTanh); };
    for (std::int64_t i = 0; i < layers; ++i) {
      blocks_.add(
          Residual(LayerNormalization({.epsilon = 1e-5}), MultiHeadAttention(heads, width / heads, {.causal = true})));
      blocks_.add(Residual(LayerNormalization({.epsilon = 1e-5}), Dense(4 * width, gelu_of_gpt2), Dense(width)));
    }
    register_module(characters_);
    register_module(positions_);
    register_module(blocks_);
    register_module(norm_);
  }

  /// Returns the logits after each position.
  Tensor operator()(const Tensor& x) const {
    const Tensor positions = range(x.shape()[1]);
    const Tensor y = norm_(blocks_(characters_(x) + positions_(positions)));
    return matmul(reshape(y, {-1, y.shape()[2]}), characters_.named_variables()[0].variable, {.transpose_b = true});
  }

 private:
  Embedding characters_;
  Embedding positions_;
  Sequential blocks_;
  LayerNormalization norm_{{.epsilon = 1e-5}};
};

TEST_CASE("GPT-2 as PyTorch has trained it gives PyTorch's loss") {
  for (const char* const name : {"gpt-01", "gpt-02"}) {
    const Oracle oracle = oracle_of(name);
    const auto layers = static_cast<std::int64_t>(oracle.attributes.number("layers"));
    const auto heads = static_cast<std::int64_t>(oracle.attributes.number("heads"));
    const std::vector<std::int64_t> embedding = oracle.at("in.w.wte").sizes();
    const Array& x = oracle.at("in.x");
    const Array& y = oracle.at("in.y");
    const Gpt model(layers, heads, embedding[1], embedding[0], x.sizes()[1]);
    build(model, TensorSpec(x.dtype(), Shape::of(x.sizes())));

    const TemporaryFolder folder;
    const std::filesystem::path file = folder.path() / "gpt2.safetensors";
    SafeTensors written;
    for (const auto& [key, array] : oracle.with_prefix("in.w.")) written.arrays.emplace(key, array);
    write_safetensors(file, written);

    Sources sources{{"embedding_0/embeddings", {"wte"}},
                    {"embedding_1/embeddings", {"wpe"}},
                    {"layer_normalization_0/gamma", {"lnf_g"}},
                    {"layer_normalization_0/beta", {"lnf_b"}}};
    for (std::int64_t i = 0; i < layers; ++i) {
      const std::string attention = fmt::format("sequential_0/residual_{}/", 2 * i);
      const std::string perceptron = fmt::format("sequential_0/residual_{}/", 2 * i + 1);
      const auto in_file = [&](const char* own) { return fmt::format("{}.{}", i, own); };
      const auto add = [&](const std::string& own, const WeightSource& source) { sources.emplace(own, source); };
      add(attention + "layer_normalization_0/gamma", in_file("ln1_g"));
      add(attention + "layer_normalization_0/beta", in_file("ln1_b"));
      std::int64_t part = 0;
      for (const char* const projection : {"query", "key", "value"}) {
        const std::string own = attention + "multi_head_attention_0/" + projection;
        add(own + "/kernel", WeightSource(in_file("qkv")).part(part, 3, 1));
        add(own + "/bias", WeightSource(in_file("qkv_b")).part(part++, 3, 0));
      }
      add(attention + "multi_head_attention_0/attention_output/kernel", in_file("proj"));
      add(attention + "multi_head_attention_0/attention_output/bias", in_file("proj_b"));
      add(perceptron + "layer_normalization_0/gamma", in_file("ln2_g"));
      add(perceptron + "layer_normalization_0/beta", in_file("ln2_b"));
      add(perceptron + "dense_0/w", in_file("up"));
      add(perceptron + "dense_0/b", in_file("up_b"));
      add(perceptron + "dense_1/w", in_file("down"));
      add(perceptron + "dense_1/b", in_file("down_b"));
    }
    load_weights(model, file, sources);
    const Array loss = function([&](Tensor ids, Tensor next) {
      return reduce_mean(sparse_softmax_cross_entropy(model(ids), reshape(next, {-1})));
    })(x, y);
    CHECK(loss.item<float>() == doctest::Approx(oracle.at("out.loss0").at<float>(0)).epsilon(1e-6));
  }
}

TEST_CASE("a convnet in PyTorch's layout gives Keras's loss") {
  const Oracle oracle = oracle_of("model-01");
  const Sequential model(Conv2D(8, 3, {.activation = relu}), MaxPool2D(2), Conv2D(16, 3, {.activation = relu}),
                         MaxPool2D(2), Flatten(), Dense(10));
  const Array& x = oracle.at("in.x");
  const Array& y = oracle.at("in.y");
  build(model, TensorSpec(x.dtype(), Shape::of(x.sizes())));
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "torch.safetensors";
  SafeTensors torch;
  torch.arrays.emplace("conv1.weight", permuted(oracle.at("in.w00"), {3, 2, 0, 1}));  // [out,in,height,width]
  torch.arrays.emplace("conv1.bias", oracle.at("in.w01"));
  torch.arrays.emplace("conv2.weight", permuted(oracle.at("in.w02"), {3, 2, 0, 1}));
  torch.arrays.emplace("conv2.bias", oracle.at("in.w03"));
  torch.arrays.emplace("fc.weight", permuted(oracle.at("in.w04"), {1, 0}));  // [out,in]
  torch.arrays.emplace("fc.bias", oracle.at("in.w05"));
  write_safetensors(file, torch);
  const std::vector<std::int64_t> of_conv{2, 3, 1, 0};
  Sources sources{{"conv2d_0/w", {"conv1.weight", of_conv}}, {"conv2d_0/b", {"conv1.bias"}},
                  {"conv2d_1/w", {"conv2.weight", of_conv}}, {"conv2d_1/b", {"conv2.bias"}},
                  {"dense_0/w", {"fc.weight", {1, 0}}},      {"dense_0/b", {"fc.bias"}}};
  load_weights(model, file, sources);
  const auto loss =
      function([&](Tensor in, Tensor labels) { return reduce_mean(sparse_softmax_cross_entropy(model(in), labels)); });
  CHECK(loss(x, y).item<float>() == doctest::Approx(oracle.at("out.loss").at<float>(0)).epsilon(1e-6));

  // What does not fit is listed, and changes nothing.
  sources.at("conv2d_0/w") = WeightSource("conv1.weight");
  sources.at("dense_0/b") = WeightSource("fc.offset");
  sources.emplace("dense_9/w", WeightSource("fc.weight"));
  const std::string problems = refusal([&] { load_weights(model, file, sources); });
  const auto says = [&](std::string_view words) { return problems.find(words) != std::string::npos; };
  CHECK(says("\"conv2d_0/w\": \"conv1.weight\" is f32[8,1,3,3] in the file, expected f32[3,3,1,8]"));
  CHECK(says("\"dense_0/b\" f32[10]: there is no \"fc.offset\" in the file"));
  CHECK(says("there is no variable \"dense_9/w\""));
  CHECK(says("\"fc.bias\" f32[10] in the file is used by no variable"));
  CHECK(loss(x, y).item<float>() == doctest::Approx(oracle.at("out.loss").at<float>(0)).epsilon(1e-6));
}

TEST_CASE("axes are split and joined, but never reinterpreted") {
  const Array matrix(std::vector<float>{0, 1, 2, 3, 4, 5, 6, 7}, {2, 4});
  const auto shape_of = [&](const Shape& shape) {
    return WeightSource("w").value(matrix, {DType::kF32, shape}).sizes();
  };
  CHECK(shape_of({2, 2, 2}) == std::vector<std::int64_t>{2, 2, 2});
  CHECK(shape_of({8}) == std::vector<std::int64_t>{8});
  CHECK(shape_of({1, 2, 4, 1}) == std::vector<std::int64_t>{1, 2, 4, 1});
  CHECK(refusal([&] { shape_of({4, 2}); }) == "\"w\" is f32[2,4] in the file, expected f32[4,2]");
  CHECK(refusal([&] {
          WeightSource("w").value(matrix, {DType::kF64, {2, 4}});
        }) == "\"w\" is f32[2,4] in the file, expected f64[2,4]");
  CHECK(refusal([&] {
          WeightSource("w", {0, 0}).value(matrix, {DType::kF32, {2, 4}});
        }) == "\"w\" is f32[2,4] in the file, whose axes cannot be permuted by [0,0]");
  CHECK(refusal([&] {
          WeightSource("w").part(0, 3, 1).value(matrix, {DType::kF32, {2}});
        }) == "\"w\" is f32[2,4] in the file, which has no axis 1 of 3 equal parts");
  const Array second = WeightSource("w", {1, 0}).part(1, 2, 0).value(matrix, {DType::kF32, {2, 2}});
  CHECK(second.at<float>(0, 0) == 2);
  CHECK(second.at<float>(0, 1) == 6);
}

}  // namespace
}  // namespace sluice::oracles

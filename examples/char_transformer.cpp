// A small causal transformer that learns a text character by character, and then writes on: the decoder of Vaswani et
// al. (2017) with normalization first, as in GPT-2, on bytes. The default text is one that every Debian has.
#include <fmt/format.h>
#include <sluice/cli.h>
#include <sluice/loaded_model.h>
#include <sluice/sluice.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "example_main.h"

using namespace sluice;

namespace {

constexpr std::int64_t kVocabulary = 256;  ///< every byte is a character, so any text can be a prompt

struct Options {
  std::filesystem::path text = "/usr/share/common-licenses/GPL-3";
  std::int64_t layers = 4;
  std::int64_t width = 128;
  std::int64_t heads = 4;
  std::int64_t context = 64;
  std::int64_t batch = 16;
  std::int64_t steps = 1000;
  double learning_rate = 1e-3;
  double dropout = 0.1;
  std::uint32_t seed = 1;
  std::optional<int> threads = {};
  std::optional<std::filesystem::path> save = {};
  std::optional<std::filesystem::path> load = {};
  std::string prompt = "The ";
  std::size_t length = 300;
  double temperature = 0.7;
};

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app("Trains a small transformer on a text, character by character, and lets it continue a prompt.",
               "char_transformer");
  const auto size = [&](const std::string& name, std::int64_t& value, const std::string& help) {
    app.add_option(name, value, help)->check(cli::whole<std::int64_t>(1, 1'000'000))->capture_default_str();
  };
  app.add_option("--text", options.text, "The text to learn")->capture_default_str();
  size("--layers", options.layers, "Transformer blocks");
  size("--width", options.width, "Width of the vector of a character; a multiple of the heads");
  size("--heads", options.heads, "Heads of each block's attention");
  size("--context", options.context, "Characters that the next one may depend on");
  size("--batch", options.batch, "Passages per step, each as long as the context");
  app.add_option("--steps", options.steps, "Training steps")->check(cli::whole<std::int64_t>(0))->capture_default_str();
  app.add_option("--learning-rate", options.learning_rate, "Adam's step size")
      ->check(cli::positive())
      ->capture_default_str();
  app.add_option("--dropout", options.dropout, "Part of each block's results that is dropped in training")
      ->check(CLI::Range(0.0, 0.99))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed of initial weights, passages, dropout and samples")
      ->check(cli::whole<std::uint32_t>(0))
      ->capture_default_str();
  app.add_option("--threads", options.threads, "Threads to compute with; all cores by default")->check(cli::count());
  app.add_option("--save", options.save, "Write the trained model to this folder");
  app.add_option("--load", options.load, "Continue the prompt with the model in this folder, without training");
  app.add_option("--prompt", options.prompt, "The text that the samples continue")->capture_default_str();
  app.add_option("--length", options.length, "Characters that a sample adds")
      ->check(cli::whole<std::size_t>(0, 1'000'000))
      ->capture_default_str();
  app.add_option("--temperature", options.temperature, "Below 1 samples keep to likely characters")
      ->check(cli::positive())
      ->capture_default_str();
  cli::parse(app, argc, argv);
  if (options.threads) set_num_threads(*options.threads);
  return options;
}

class Transformer : public Module {
 public:
  explicit Transformer(const Options& options)
      : Module("transformer"),
        characters_(kVocabulary, options.width),
        positions_(options.context, options.width),
        logits_(kVocabulary) {
    if (options.width % options.heads != 0) {
      fail("--width: expected a multiple of the {} heads, got {}", options.heads, options.width);
    }
    for (std::int64_t i = 0; i < options.layers; ++i) {
      blocks_.add(Residual(LayerNormalization(),
                           MultiHeadAttention(options.heads, options.width / options.heads, {.causal = true}),
                           Dropout(options.dropout)));
      blocks_.add(Residual(LayerNormalization(), Dense(4 * options.width, gelu), Dense(options.width),
                           Dropout(options.dropout)));
    }
    register_module(characters_);
    register_module(positions_);
    register_module(blocks_);
    register_module(norm_);
    register_module(logits_);
  }

  /// Returns the logits of the character after each of `text`, u8[batch,positions]: f32[batch,positions,256].
  Tensor operator()(const Tensor& text, Mode mode) const {
    const Tensor x = characters_(text) + positions_(range(text.shape()[1]));
    return logits_(norm_(blocks_(x, mode)));
  }

 private:
  Embedding characters_;
  Embedding positions_;
  Sequential blocks_;
  LayerNormalization norm_;
  Dense logits_;
};

std::string read_text(const std::filesystem::path& file, std::int64_t context) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) fail("{}: cannot read it", file.string());
  const std::int64_t least = 20 * (context + 1);
  if (static_cast<std::int64_t>(text.size()) < least)
    fail("{}: expected at least {} characters for this context, got {}", file.string(), least, text.size());
  return text;
}

/// Passages of a text, and the same moved on by a character.
struct Passages {
  Array text;  ///< u8[rows,context]
  Array next;
};

Passages passages_at(std::string_view text, const std::vector<std::size_t>& begins, std::int64_t context) {
  const std::vector<std::int64_t> sizes{static_cast<std::int64_t>(begins.size()), context};
  Passages passages{Array(DType::kU8, sizes), Array(DType::kU8, sizes)};
  const auto length = static_cast<std::size_t>(context);
  for (std::size_t row = 0; row < begins.size(); ++row) {
    const auto copy = [&](std::size_t from, Array& to) {
      std::ranges::copy(text.substr(from, length),
                        to.data<std::uint8_t>().begin() + static_cast<std::ptrdiff_t>(row * length));
    };
    copy(begins[row], passages.text);
    copy(begins[row] + 1, passages.next);
  }
  return passages;
}

/// Returns the logits f32[1,context,256] for u8[1,context].
using Predict = std::function<Array(const Array&)>;

/// Returns `prompt` and `length` characters more, each drawn from the model's distribution. The model is causal, so
/// whatever fills the context behind the text does not matter.
std::string continued(const Predict& predict, std::int64_t context, const Options& options) {
  std::mt19937_64 random(options.seed);
  std::string text = options.prompt.empty() ? "\n" : options.prompt;
  for (std::size_t i = 0; i < options.length; ++i) {
    const std::size_t seen = std::min(text.size(), static_cast<std::size_t>(context));
    Array window(DType::kU8, {1, context});
    std::ranges::copy(std::string_view(text).substr(text.size() - seen), window.data<std::uint8_t>().begin());
    const Array all = predict(window);
    const auto logits = all.data<float>().subspan((seen - 1) * kVocabulary, kVocabulary);
    const float most = *std::ranges::max_element(logits);
    std::vector<double> weights;
    double sum = 0;
    for (const float logit : logits) sum += weights.emplace_back(std::exp((logit - most) / options.temperature));
    double rest = static_cast<double>(random() >> 11) * 0x1p-53 * sum;  // uniform in [0, sum)
    std::size_t drawn = 0;
    while (drawn + 1 < weights.size() && rest >= weights[drawn]) rest -= weights[drawn++];
    text += static_cast<char>(drawn);
  }
  return text;
}

void show_sample(const Predict& predict, std::int64_t context, const Options& options) {
  print_text("----\n{}\n----\n", continued(predict, context, options));
}

void continue_with_saved(const Options& options) {
  const LoadedModel model = load(*options.load);
  const ir::Graph& graph = model.graph();
  const Type type = graph.parameters().size() == 1 ? graph.type(graph.parameters()[0].value) : Type();
  if (type.dtype != DType::kU8 || type.shape.rank() != 2) {
    fail("{}: expected a model that char_transformer has saved, which takes u8[B,context]", options.load->string());
  }
  const Predict predict = [&](const Array& window) { return model.run({window})[0]; };
  show_sample(predict, type.shape[1].size, options);
}

void train(const Options& options) {
  if (options.save) check_can_save(*options.save);  // rather now than after the training run
  set_seed(options.seed);
  const std::string text = read_text(options.text, options.context);
  const std::string_view learned = std::string_view(text).substr(0, text.size() * 9 / 10);
  const std::string_view unseen = std::string_view(text).substr(learned.size());

  const Transformer model(options);
  const Adam adam({.learning_rate = options.learning_rate});
  const auto loss_of = [&](const Tensor& passage, const Tensor& next, Mode mode) {
    return reduce_mean(sparse_softmax_cross_entropy(model(passage, mode), next));
  };
  const std::vector<TensorSpec> signature{u8(batch, options.context), u8(batch, options.context)};
  const auto train_step = function("train_step", signature, [&](Tensor passage, Tensor next) {
    const Tensor loss = loss_of(passage, next, Mode::kTrain);
    const auto [clipped, norm] = clip_by_global_norm(gradients(loss, model), 1.0);
    adam.apply(clipped, model);
    return loss;
  });
  const auto evaluate = function("evaluate", signature,
                                 [&](Tensor passage, Tensor next) { return loss_of(passage, next, Mode::kEvaluate); });
  const auto predict = function("predict", {u8(batch, options.context).named("text")},
                                [&](Tensor passage) { return model(passage, Mode::kEvaluate); });
  const Predict run = [&](const Array& window) { return predict(window); };

  const auto length = static_cast<std::size_t>(options.context);
  std::vector<std::size_t> unseen_begins;
  for (std::size_t at = 0; at + length < unseen.size(); at += length) unseen_begins.push_back(at);
  const Passages validation = passages_at(unseen, unseen_begins, options.context);

  std::mt19937_64 random(options.seed);
  Mean loss;
  for (std::int64_t step = 0; step <= options.steps; ++step) {
    const std::int64_t tenth = std::max<std::int64_t>(options.steps / 10, 1);
    if (step % tenth == 0 || step == options.steps) {
      const auto unseen_loss = evaluate(validation.text, validation.next).item<double>();
      const std::string trained = step == 0 ? "" : fmt::format("loss: {:.3f}, ", loss.result());
      fmt::print("Step {}: {}validation loss: {:.3f}\n", step, trained, unseen_loss);
      std::fflush(stdout);
      loss = Mean();
    }
    if (step == options.steps) break;
    if (step > 0 && step == options.steps / 2) show_sample(run, options.context, options);
    std::vector<std::size_t> begins;
    for (std::int64_t row = 0; row < options.batch; ++row) begins.push_back(random() % (learned.size() - length));
    const Passages passages = passages_at(learned, begins, options.context);
    loss.add(train_step(passages.text, passages.next));
  }
  show_sample(run, options.context, options);
  if (options.save) save(predict, *options.save, {"logits"});
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse_options(argc, argv);
  return example_main("char_transformer", [&] { options.load ? continue_with_saved(options) : train(options); });
}

// Training of Keras's models that are described layer by layer: "conv 3x3x8 same no bias, batch norm (momentum .99,
// epsilon 1e-3), relu, depthwise 3x3 same, global average, dense 10".
#include <fmt/format.h>

#include <array>
#include <sstream>

#include "tests/oracles/optimizers_of_keras.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

/// A layer and its variables in Keras's order, once they exist.
struct Layer {
  std::function<Tensor(const Tensor& x)> call;
  std::function<std::vector<Variable>()> variables;
};

/// The words of one layer, which builders take away; what is left over is unknown.
class LayerWords {
 public:
  explicit LayerWords(const std::string& text) : text_(text) {
    std::istringstream in(text);
    for (std::string word; in >> word;) words_.push_back(word);
  }

  bool take(const std::string& word) {
    const auto found = std::ranges::find(words_, word);
    if (found == words_.end()) return false;
    words_.erase(found);
    return true;
  }
  bool take(const std::string& first, const std::string& second) {
    for (std::size_t i = 0; i + 1 < words_.size(); ++i) {
      if (words_[i] != first || words_[i + 1] != second) continue;
      words_.erase(words_.begin() + static_cast<std::ptrdiff_t>(i),
                   words_.begin() + static_cast<std::ptrdiff_t>(i) + 2);
      return true;
    }
    return false;
  }
  /// Numbers such as 3x3x8, `count` of them; empty if there are none.
  std::vector<std::int64_t> take_sizes(std::size_t count) {
    for (auto word = words_.begin(); word != words_.end(); ++word) {
      std::vector<std::int64_t> sizes;
      std::istringstream in(*word);
      for (std::int64_t size = 0; in >> size;) {
        sizes.push_back(size);
        if (in.peek() == 'x') in.get();
      }
      if (sizes.size() != count || !in.eof()) continue;
      words_.erase(word);
      return sizes;
    }
    return {};
  }
  /// The number after `key`.
  double take_number(const std::string& key, double otherwise) {
    const auto found = std::ranges::find(words_, key);
    if (found == words_.end() || found + 1 == words_.end()) return otherwise;
    const double number = std::stod(*(found + 1));
    words_.erase(found, found + 2);
    return number;
  }
  Activation take_activation() {
    if (take("relu")) return relu;
    if (take("tanh")) return tanh;
    if (take("sigmoid")) return sigmoid;
    return identity;
  }
  Layer finish(Layer layer) const {
    if (!words_.empty() || !layer.call) throw CannotSay(fmt::format("layer: {}", text_));
    return layer;
  }

 private:
  std::string text_;
  std::vector<std::string> words_;
};

/// A module whose own variables have these names, in Keras's order.
template <typename M>
Layer layer_of(const M& module, std::vector<std::string> order) {
  return {[module](const Tensor& x) {
            if constexpr (requires { module(x, Mode::kTrain); }) {
              return module(x, Mode::kTrain);
            } else {
              return module(x);
            }
          },
          [module, order] {
            std::vector<Variable> variables;
            for (const std::string& name : order) {
              for (const NamedVariable& own : module.named_variables()) {
                if (own.name == name) variables.push_back(own.variable);
              }
            }
            return variables;
          }};
}

Layer layer_without_variables(std::function<Tensor(const Tensor&)> call) {
  return {std::move(call), [] { return std::vector<Variable>{}; }};
}

ConvLayerOptions conv_options(LayerWords& words) {
  ConvLayerOptions options;
  if (words.take("same")) options.padding = Padding::same();
  words.take("valid");
  if (words.take("no", "bias")) options.bias = false;
  options.strides = static_cast<std::int64_t>(words.take_number("stride", 1));
  options.dilations = static_cast<std::int64_t>(words.take_number("dilation", 1));
  options.activation = words.take_activation();
  return options;
}

Layer read_layer(std::string text) {
  for (char& c : text) {
    if (c == '(' || c == ')' || c == ',') c = ' ';
  }
  LayerWords words(text);
  if (words.take("conv")) {
    const ConvLayerOptions options = conv_options(words);
    const std::vector<std::int64_t> sizes = words.take_sizes(3);
    if (sizes.empty()) return words.finish({});
    return words.finish(layer_of(Conv2D(sizes[2], {sizes[0], sizes[1]}, options), {"w", "b"}));
  }
  if (words.take("depthwise")) {
    const ConvLayerOptions options = conv_options(words);
    const std::vector<std::int64_t> sizes = words.take_sizes(2);
    if (sizes.empty()) return words.finish({});
    return words.finish(layer_of(DepthwiseConv2D({sizes[0], sizes[1]}, options), {"w", "b"}));
  }
  if (words.take("batch", "norm")) {
    const double momentum = words.take_number("momentum", 0.99);
    const BatchNormalization norm({.momentum = momentum, .epsilon = words.take_number("epsilon", 1e-3)});
    return words.finish(layer_of(norm, {"gamma", "beta", "moving_mean", "moving_variance"}));
  }
  if (words.take("dense")) {
    const Activation activation = words.take_activation();
    const std::vector<std::int64_t> sizes = words.take_sizes(1);
    if (sizes.empty()) return words.finish({});
    return words.finish(layer_of(Dense(sizes[0], activation), {"w", "b"}));
  }
  if (words.take("global", "average"))
    return words.finish(layer_without_variables([](const Tensor& x) { return global_average_pool(x); }));
  if (words.take("pool")) {
    const bool average = words.take("average");
    words.take("max");
    std::vector<std::int64_t> window = words.take_sizes(2);
    if (window.empty()) window = {2, 2};
    return words.finish(layer_without_variables([=](const Tensor& x) {
      const PerAxis cells{window[0], window[1]};
      return average ? avg_pool2d(x, cells) : max_pool2d(x, cells);
    }));
  }
  if (words.take("flatten")) return words.finish(layer_without_variables([](const Tensor& x) { return Flatten()(x); }));
  if (words.take("relu")) return words.finish(layer_without_variables([](const Tensor& x) { return relu(x); }));
  return words.finish({});
}

/// Splits at commas outside of parentheses.
std::vector<Layer> read_layers(const std::string& words) {
  std::vector<Layer> layers;
  std::string one;
  int depth = 0;
  for (const char c : words + ",") {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      layers.push_back(read_layer(one));
      one.clear();
    } else {
      one += c;
    }
  }
  return layers;
}

Program model(const Oracle& oracle) {
  expect_words(oracle, "loss", "sparse softmax cross-entropy of logits, mean");
  expect_words(oracle, "optimizer", "Keras's Adam 1e-3, epsilon 1e-7 (in Keras's place)");
  const std::vector<Layer> layers = read_layers(oracle.attributes.text("layers"));
  const auto predict = [&](const Tensor& x) {
    Tensor y = x;
    for (const Layer& layer : layers) y = layer.call(y);
    return y;
  };
  const Array& x = oracle.at("in.x");
  detail::build({TensorSpec(x.dtype(), Shape::of(x.sizes()))}, std::source_location::current(),
                [&](const std::vector<Tensor>& in) {
                  predict(in[0]);
                  return true;
                });
  Held held;
  std::vector<Variable> trainable;
  for (const Layer& layer : layers) {
    for (const Variable& variable : layer.variables()) {
      held.emplace_back(fmt::format("w{:02}", held.size()), variable);
      variable.assign(oracle.at("in." + held.back().first));
      if (variable.trainable()) trainable.push_back(variable);
    }
  }
  // The loss is that of the first step; gradients are numbered without the moving statistics.
  const Adam adam({.learning_rate = 1e-3, .epsilon = 1e-7});
  const int steps = static_cast<int>(oracle.attributes.number("steps", 1));
  const Program program = layer_training(oracle, steps, held, [&](const Tensors& in) {
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(predict(in["x"]), in["y"]));
    const std::vector<Tensor> derivatives = gradients(loss, trainable);
    adam.apply(derivatives, trainable);
    Results results{{"loss", reshape(loss, {1})}};
    for (std::size_t i = 0; i < derivatives.size(); ++i)
      results.emplace_back(fmt::format("grad.w{:02}", i), derivatives[i]);
    return results;
  });
  return [program] {
    Arrays out = program();
    out["out.loss"] = out.at("out.loss0");
    return out;
  };
}

}  // namespace

void add_keras_models(Builders& builders) { builders["model"] = model; }

}  // namespace sluice::oracles

// Losses by the words of their attributes: "huber, delta 1", "cross-entropy of logits p with softmax(t)". Keras's and
// PyTorch's reduce to a mean.
#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

bool says(const std::string& text, std::string_view words) { return text.find(words) != std::string::npos; }

/// Returns the number after `word`.
std::optional<double> number_after(const std::string& text, const std::string& word) {
  const std::size_t at = text.find(word);
  if (at == std::string::npos) return {};
  const std::size_t digits = text.find_first_of("0123456789.-", at + word.size());
  if (digits == std::string::npos) return {};
  return std::strtod(text.c_str() + digits, nullptr);
}

double required_number(const std::string& text, const std::string& word, double otherwise) {
  return number_after(text, word).value_or(otherwise);
}

Reduction reduction_of(const std::string& text) {
  return says(text, "reduction sum") || says(text, "reduction: sum") ? Reduction::kSum : Reduction::kMean;
}

/// Returns class probabilities if the words say "softmax(t)", otherwise t itself.
Tensor target(const std::string& text, const Tensor& t) {
  if (says(text, "softmax(t)") || says(text, "softmax(y)")) return softmax(t);
  if (says(text, "sigmoid(t)") || says(text, "sigmoid(y)")) return sigmoid(t);
  return t;
}

Tensor kl_divergence_of(const std::string& text, const Tensor& p, const Tensor& t) {
  if (!says(text, "softmax(p)") && !says(text, "log_softmax")) throw CannotSay(fmt::format("no loss {}", text));
  return kl_divergence(log_softmax(p), target(text, t), reduction_of(text));
}

Tensor loss_of(const std::string& text, const Tensor& p, const Tensor& t) {
  const Reduction reduction = reduction_of(text);
  const double smoothing = required_number(text, "smoothing", 0);
  if (says(text, "binary cross-entropy") && says(text, "logits")) {
    const double weight = required_number(text, "positives", required_number(text, "pos_weight", 1));
    return binary_crossentropy(p, target(text, t),
                               {.label_smoothing = smoothing, .pos_weight = weight, .reduction = reduction});
  }
  if (says(text, "cross-entropy") && says(text, "logits"))
    return categorical_crossentropy(p, target(text, t), {.label_smoothing = smoothing, .reduction = reduction});
  if (says(text, "smooth l1") || says(text, "smooth L1"))
    return smooth_l1(p, t, required_number(text, "beta", 1), reduction);
  if (text.starts_with("huber")) return huber(p, t, required_number(text, "delta", 1), reduction);
  if (says(text, "log cosh") || says(text, "logcosh") || says(text, "log-cosh")) return log_cosh(p, t, reduction);
  if (text.starts_with("mae") || text.starts_with("mean absolute error") || text == "l1")
    return mean_absolute_error(p, t, reduction);
  if (text.starts_with("mse") || text.starts_with("mean squared error")) {
    return reduction == Reduction::kSum ? reduce_sum(square(p - t)) : mean_squared_error(p, t);
  }
  if (says(text, "cosine similarity") && says(text, "negative")) return cosine_similarity(p, t, -1, reduction);
  if (text.starts_with("squared hinge of sign(t)")) return squared_hinge(p, sign(t), reduction);
  if (text.starts_with("hinge of sign(t)")) return hinge(p, sign(t), reduction);
  if (text.starts_with("kl") || text.starts_with("KL") || text.starts_with("Kullback"))
    return kl_divergence_of(text, p, t);
  throw CannotSay(fmt::format("no loss {}", text));
}

Program loss(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const std::string text = oracle.attributes.text("function");
    const Tensor& prediction = in.find("p") != nullptr ? in["p"] : in["z"];
    const Tensor& truth = in.find("t") != nullptr ? in["t"] : in["y"];
    return loss_of(text, prediction, truth);
  });
}

/// PyTorch's, whose class weights are the only other array.
Program sparse_cross_entropy(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const Attributes& attributes = oracle.attributes;
    attributes.text("kind");  // said by the other attributes
    const std::string reduction = attributes.text("reduction", "mean");
    if (reduction != "mean" && reduction != "sum") throw CannotSay(fmt::format("reduction {}", reduction));
    SparseCategoricalCrossentropyOptions options{.label_smoothing = attributes.number("label_smoothing"),
                                                 .reduction = reduction == "sum" ? Reduction::kSum : Reduction::kMean};
    if (attributes.has("ignore_index"))
      options.ignore_label = static_cast<std::int64_t>(attributes.number("ignore_index"));
    for (const auto& [name, tensor] : in) {
      if (name != "z" && name != "y") options.class_weights = tensor;
    }
    return sparse_categorical_crossentropy(in["z"], in["y"], options);
  });
}

}  // namespace

void add_losses(Builders& builders) {
  builders["loss"] = loss;
  builders["loss_torch"] = loss;
  builders["sparse_cross_entropy"] = sparse_cross_entropy;
}

}  // namespace sluice::oracles

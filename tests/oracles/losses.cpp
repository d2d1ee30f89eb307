// Losses by the words of their attributes: "huber, delta 1", "cross-entropy of logits p with softmax(t)". Keras's and
// PyTorch's reduce to a mean.
#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "tests/oracles/functions.h"
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

Tensor huber(const Tensor& error, double delta) {
  const Tensor size = abs(error);
  const Tensor inside = size <= delta;
  return select(inside, 0.5 * square(select(inside, error, 0)), delta * size - 0.5 * delta * delta);
}

Tensor l2_normalized(const Tensor& x) {
  return x * rsqrt(maximum(reduce_sum(square(x), -1, {.keepdims = true}), 1e-12));
}

Tensor mean_or_sum(const std::string& text, const Tensor& losses) {
  return says(text, "reduction sum") || says(text, "reduction: sum") ? reduce_sum(losses) : reduce_mean(losses);
}

/// Returns class probabilities if the words say "softmax(t)", otherwise t itself.
Tensor target(const std::string& text, const Tensor& t) {
  if (says(text, "softmax(t)") || says(text, "softmax(y)")) return softmax(t);
  if (says(text, "sigmoid(t)") || says(text, "sigmoid(y)")) return sigmoid(t);
  return t;
}

Tensor soft_cross_entropy(const std::string& text, const Tensor& logits, const Tensor& t) {
  const double smoothing = required_number(text, "smoothing", 0);
  const auto classes = static_cast<double>(logits.shape()[logits.rank() - 1].size);
  const Tensor p = target(text, t) * (1 - smoothing) + smoothing / classes;
  return -reduce_sum(p * log_softmax(logits), -1);
}

Tensor binary_cross_entropy(const std::string& text, const Tensor& z, const Tensor& y) {
  const double positive_weight = required_number(text, "positives", required_number(text, "pos_weight", 1));
  const double smoothing = required_number(text, "smoothing", 0);
  const Tensor labels = smoothing == 0 ? y : y * (1 - smoothing) + smoothing / 2;
  return positive_weight * labels * softplus(-z) + (1 - labels) * softplus(z);
}

Tensor kl_divergence(const std::string& text, const Tensor& p, const Tensor& t) {
  if (!says(text, "softmax(p)") && !says(text, "log_softmax")) throw CannotSay(fmt::format("no loss {}", text));
  const Tensor truth = target(text, t);
  const Tensor log_truth = says(text, "softmax(t)") || says(text, "softmax(y)") ? log_softmax(t) : log(truth);
  const Tensor terms = truth * (log_truth - log_softmax(p));
  return reduce_sum(terms, -1);
}

/// Returns the losses of all examples, to be averaged.
Tensor losses_of(const std::string& text, const Tensor& p, const Tensor& t) {
  const Tensor error = p - t;
  if (says(text, "binary cross-entropy") && says(text, "logits")) return binary_cross_entropy(text, p, target(text, t));
  if (says(text, "cross-entropy") && says(text, "logits")) return soft_cross_entropy(text, p, t);
  if (says(text, "smooth l1") || says(text, "smooth L1")) {
    const double beta = required_number(text, "beta", 1);
    return huber(error, beta) / beta;
  }
  if (text.starts_with("huber")) return huber(error, required_number(text, "delta", 1));
  if (says(text, "log cosh") || says(text, "logcosh") || says(text, "log-cosh"))
    return error + softplus(-2 * error) - std::log(2.0);
  if (text.starts_with("mae") || text.starts_with("mean absolute error") || text == "l1") return abs(error);
  if (text.starts_with("mse") || text.starts_with("mean squared error")) return square(error);
  if (says(text, "cosine similarity") && says(text, "negative"))
    return -reduce_sum(l2_normalized(p) * l2_normalized(t), -1);
  if (text.starts_with("squared hinge of sign(t)")) return square(relu(1 - sign(t) * p));
  if (text.starts_with("hinge of sign(t)")) return relu(1 - sign(t) * p);
  if (text.starts_with("kl") || text.starts_with("KL") || text.starts_with("Kullback"))
    return kl_divergence(text, p, t);
  throw CannotSay(fmt::format("no loss {}", text));
}

Program loss(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const std::string text = oracle.attributes.text("function");
    const Tensor& prediction = in.find("p") != nullptr ? in["p"] : in["z"];
    const Tensor& truth = in.find("t") != nullptr ? in["t"] : in["y"];
    return mean_or_sum(text, losses_of(text, prediction, truth));
  });
}

/// PyTorch's: rows of `ignore_index` do not count, class weights also count in the divisor, and smoothing spreads over
/// all classes with their weights.
Program sparse_cross_entropy(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const Attributes& attributes = oracle.attributes;
    const std::string kind = attributes.text("kind");
    const double smoothing = attributes.number("label_smoothing");
    const std::string reduction = attributes.text("reduction", "mean");
    const Tensor& z = in["z"];
    const Tensor& y = in["y"];
    const Tensor* weights = nullptr;  // of the classes: the only other array
    for (const auto& [name, tensor] : in) {
      if (name != "z" && name != "y") weights = &tensor;
    }
    const std::int64_t classes = z.shape()[z.rank() - 1].size;
    Tensor keep = y == y;
    Tensor label = y;
    if (attributes.has("ignore_index")) {
      keep = y != static_cast<std::int64_t>(attributes.number("ignore_index"));
      label = select(keep, y, 0);  // it may not be a class
    }
    if (reduction != "mean" && reduction != "sum") throw CannotSay(fmt::format("reduction {}", reduction));
    if (smoothing == 0 && weights == nullptr) {
      const Tensor rows = sparse_softmax_cross_entropy(z, label);
      if (!attributes.has("ignore_index")) return reduction == "sum" ? reduce_sum(rows) : reduce_mean(rows);
      const Tensor total = reduce_sum(masked(keep, rows));
      return reduction == "sum" ? total : total / reduce_sum(cast(keep, z.dtype()));
    }
    const Tensor log_p = log_softmax(z);
    const Tensor at_label = one_hot(label, classes, z.dtype());
    const Tensor weight_of_class = weights != nullptr ? *weights : full({classes}, 1.0, z.dtype());
    const Tensor of_label = reduce_sum(at_label * weight_of_class, -1);
    const Tensor hard = -reduce_sum(at_label * weight_of_class * log_p, -1);
    const Tensor soft = -reduce_sum(weight_of_class * log_p, -1) / static_cast<double>(classes);
    const Tensor total = reduce_sum(masked(keep, (1 - smoothing) * hard + smoothing * soft));
    return reduction == "sum" ? total : total / reduce_sum(masked(keep, of_label));
  });
}

}  // namespace

void add_losses(Builders& builders) {
  builders["loss"] = loss;
  builders["loss_torch"] = loss;
  builders["sparse_cross_entropy"] = sparse_cross_entropy;
}

}  // namespace sluice::oracles

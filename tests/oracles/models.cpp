// Training of whole models. A model's words define it: other words are another model.
#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "tests/oracles/functions.h"
#include "tests/oracles/optimizers_of_keras.h"
#include "tests/oracles/recurrent_cells.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

int steps_of(const Oracle& oracle) { return static_cast<int>(oracle.attributes.number("steps", 1)); }

/// One step of a model with one loss and one optimizer for all weights.
Results train_all(const Oracle& oracle, const Tensor& loss, const Weights& w) {
  Results results = weight_gradients(oracle, loss, w);
  results.emplace_back("loss", loss);
  const std::vector<Variable> all = w.all();
  optimizer_of_words(oracle.attributes.text("optimizer"), oracle.by)(gradients(loss, all), all);
  return results;
}

Program tied_autoencoder(const Oracle& oracle) {
  expect_words(oracle, "model", "h = relu(x w + b); y = h w^T + c; mean squared error");
  const auto step = [&](const Weights& w, const Tensors& in) {
    const Tensor h = relu(matmul(in["x"], w["w"]) + w["b"]);
    const Tensor y = matmul(h, w["w"], {.transpose_b = true}) + w["c"];
    return train_all(oracle, mean_squared_error(y, in["x"]), w);
  };
  return training(oracle, {.steps = steps_of(oracle), .step = step});
}

Program siamese(const Oracle& oracle) {
  expect_words(oracle, "model",
               "e(x) = tanh(x w1 + b1) w2; d = |e(a)-e(b)|^2; mean of same*d + (1-same)*relu(1-sqrt(d+1e-6))^2");
  const auto step = [&](const Weights& w, const Tensors& in) {
    const auto e = [&](const Tensor& x) { return matmul(tanh(matmul(x, w["w1"]) + w["b1"]), w["w2"]); };
    const Tensor d = reduce_sum(square(e(in["a"]) - e(in["b"])), 1);
    const Tensor& same = in["same"];
    const Tensor loss = reduce_mean(same * d + (1 - same) * square(relu(1 - sqrt(d + 1e-6))));
    return train_all(oracle, loss, w);
  };
  return training(oracle, {.steps = steps_of(oracle), .step = step});
}

/// Returns the optimizer of `which` in "Adam 2e-3 for d, 1e-3 for g, eps 1e-7".
Apply optimizer_for(const Oracle& oracle, const std::string& which) {
  const std::string words = oracle.attributes.text("optimizers");
  const std::string name = words.substr(0, words.find(' '));
  const std::size_t end = words.find(" for " + which);
  if (end == std::string::npos) throw CannotSay(fmt::format("optimizers: {}", words));
  const std::size_t begin = words.find_last_of(' ', end - 1) + 1;
  const std::size_t eps = words.find(", eps ");
  const std::string rest = eps == std::string::npos ? "" : words.substr(eps + 1);
  return optimizer_of_words(fmt::format("{} {}{}", name, words.substr(begin, end - begin), rest), oracle.by);
}

Program gan(const Oracle& oracle) {
  expect_words(oracle, "model",
               "g(z) = relu(z g1 + gb) g2; d(x) = leaky_relu(x d1 + db, 0.2) d2; discriminator steps first (loss "
               "softplus(-d(x)) + softplus(d(g(z)))), then the generator with the new discriminator "
               "(softplus(-d(g(z))))");
  const auto step = [&](const Weights& w, const Tensors& in) -> Results {
    const auto g = [&] { return matmul(relu(matmul(in["z"], w["g1"]) + w["gb"]), w["g2"]); };
    const auto d = [&](const Tensor& x) { return matmul(leaky_relu(matmul(x, w["d1"]) + w["db"], 0.2), w["d2"]); };
    const std::vector<Variable> of_d = w.of({"d1", "d2", "db"});
    const std::vector<Variable> of_g = w.of({"g1", "g2", "gb"});
    const Tensor loss_d = reduce_mean(softplus(-d(in["x"]))) + reduce_mean(softplus(d(g())));
    optimizer_for(oracle, "d")(gradients(loss_d, of_d), of_d);
    const Tensor loss_g = reduce_mean(softplus(-d(g())));
    optimizer_for(oracle, "g")(gradients(loss_g, of_g), of_g);
    return {{"ld", loss_d}, {"lg", loss_g}};
  };
  return training(oracle, {.steps = steps_of(oracle), .by_step = {"x", "z"}, .step = step});
}

Program vae(const Oracle& oracle) {
  expect_words(
      oracle, "model",
      "see out: h = relu(x e1 + b1); mu = h em; lv = h ev; z = mu + exp(lv/2) eps[step]; y = relu(z d1 + b2) d2; "
      "(sum of binary cross-entropy from logits - 0.5 sum(1 + lv - mu^2 - exp(lv))) / batch");
  const auto step = [&](const Weights& w, const Tensors& in) {
    const Tensor& x = in["x"];
    const Tensor h = relu(matmul(x, w["e1"]) + w["b1"]);
    const Tensor mu = matmul(h, w["em"]);
    const Tensor lv = matmul(h, w["ev"]);
    const Tensor z = mu + exp(lv / 2) * in["eps"];
    const Tensor y = matmul(relu(matmul(z, w["d1"]) + w["b2"]), w["d2"]);
    const Tensor distance = reduce_sum(1 + lv - square(mu) - exp(lv));
    const auto rows = static_cast<double>(x.shape()[0].size);
    return train_all(oracle, (reduce_sum(sigmoid_cross_entropy(y, x)) - 0.5 * distance) / rows, w);
  };
  return training(oracle, {.steps = steps_of(oracle), .by_step = {"eps"}, .step = step});
}

Program lstm_clipped(const Oracle& oracle) {
  expect_words(oracle, "model", "gates i f g o of x wx + h wh + b; y = h out; mean squared error");
  const std::string clip = oracle.attributes.text("clip");
  constexpr std::string_view kClip = "global norm ";
  if (!clip.starts_with(kClip)) throw CannotSay(fmt::format("clip: {}", clip));
  const double most = std::strtod(clip.c_str() + kClip.size(), nullptr);
  const auto step = [&](const Weights& w, const Tensors& in) {
    const Tensor& x = in["x"];
    const std::int64_t units = w["wh"].type().shape[0].size;
    const Tensor zeros = full({x.shape()[0], units}, 0.0);
    LstmState state{zeros, zeros};
    for (std::int64_t i = 0; i < x.shape()[1].size; ++i) {
      const Tensor gates = matmul(at_step(x, i), w["wx"]) + matmul(state.h, w["wh"]) + w["b"];
      state = lstm_step(gates, state, units);
    }
    const Tensor loss = mean_squared_error(matmul(state.h, w["out"]), in["y"]);
    const std::vector<Variable> all = w.all();
    const auto [clipped, norm] = clip_by_global_norm(gradients(loss, all), most);
    Results results{{"loss", loss}, {"norm", norm}};
    // PyTorch clips in place, so the gradients that it reports are clipped.
    std::size_t i = 0;
    for (const auto& [name, weight] : w.by_name()) results.emplace_back("grad.w." + name, clipped[i++]);
    optimizer_of_words(oracle.attributes.text("optimizer"), oracle.by)(clipped, all);
    return results;
  };
  return training(oracle, {.steps = steps_of(oracle), .step = step});
}

}  // namespace

void add_models(Builders& builders) {
  builders["tied_autoencoder"] = tied_autoencoder;
  builders["siamese"] = siamese;
  builders["gan"] = gan;
  builders["vae"] = vae;
  builders["lstm_clipped"] = lstm_clipped;
}

}  // namespace sluice::oracles

#include "tests/models/model.h"

namespace sluice::models {

Model gan(std::int64_t width, Dim rows) {
  constexpr std::int64_t kNoise = 7;
  constexpr std::int64_t kData = 20;
  MLP generator(Dense(width, relu), Dense(kData));
  MLP discriminator(Dense(width, leaky_relu), Dense(50, leaky_relu), Dense(1));
  Adam of_generator({.learning_rate = 1e-3});
  Adam of_discriminator({.learning_rate = 2e-3});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const Tensor real = discriminator(in[0]);
    const Tensor loss_d = reduce_mean(softplus(-real)) + reduce_mean(softplus(discriminator(generator(in[1]))));
    const std::vector<Variable> of_d = discriminator.trainable_variables();
    of_discriminator.apply(gradients(loss_d, of_d), of_d);
    const Tensor loss_g = reduce_mean(softplus(-discriminator(generator(in[1]))));
    const std::vector<Variable> of_g = generator.trainable_variables();
    of_generator.apply(gradients(loss_g, of_g), of_g);
    return {loss_d, loss_g};
  };
  return {{f32(rows, kData).named("x"), f32(rows, kNoise).named("z")}, step};
}

Model vae(std::int64_t width, Dim rows) {
  constexpr std::int64_t kData = 30;
  constexpr std::int64_t kLatent = 6;
  MLP encoder(Dense(width, relu));
  Dense to_mean(kLatent);
  Dense to_log_variance(kLatent);
  MLP decoder(Dense(width, relu), Dense(kData));
  Adam adam({.learning_rate = 1e-3});
  const auto step = [=](std::span<const Tensor> in) mutable -> std::vector<Tensor> {
    const Tensor& x = in[0];
    const Tensor h = encoder(x);
    const Tensor mean = to_mean(h);
    const Tensor log_variance = to_log_variance(h);
    const Tensor z = mean + exp(log_variance / 2) * random_normal(mean.shape());
    const Tensor reconstruction = reduce_mean(reduce_sum(sigmoid_cross_entropy(decoder(z), x), 1));
    const Tensor divergence = -0.5 * reduce_mean(reduce_sum(1 + log_variance - square(mean) - exp(log_variance), 1));
    const Tensor loss = reconstruction + divergence;
    std::vector<Variable> all = encoder.trainable_variables();
    for (const Variable& v : to_mean.trainable_variables()) all.push_back(v);
    for (const Variable& v : to_log_variance.trainable_variables()) all.push_back(v);
    for (const Variable& v : decoder.trainable_variables()) all.push_back(v);
    adam.apply(gradients(loss, all), all);
    return {loss, divergence};
  };
  return {{f32(rows, kData).named("x").range(0, 1)}, step};
}

}  // namespace sluice::models

// Gradients with respect to tensors, and to variables before and after assignments.
#include <doctest/doctest.h>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/written.h"

using namespace sluice;

namespace {

using F = std::vector<float>;

}  // namespace

TEST_CASE("an assigned value is a leaf: no derivative passes through the update") {
  const Variable w("w", Array::scalar(3.F));
  const Variable u("u", Array::scalar(5.F));
  const auto step = function("step", [&](Tensor x) {
    w.assign(2 * w * x + u);
    return outputs(w * w, gradients(w * w, {w})[0], gradients(w * w + u, {u})[0]);
  });
  const auto [value, by_w, by_u] = step(1.F);
  CHECK(value.item<float>() == 121);
  CHECK(by_w.item<float>() == 22);
  CHECK(by_u.item<float>() == 1);
  CHECK(w.value().item<float>() == 11);
}

TEST_CASE("the derivative with respect to a variable is the sum over its reads, before and after assignments") {
  const Variable w("w", Array::scalar(3.F));
  const auto step = function("step", [&]() {
    const Tensor old = w;
    w.assign(5 * w);
    const Tensor next = w;
    w.assign_add(1);
    const Tensor loss = old * old + next * next + w * w * w;
    const std::vector<Tensor> each = gradients(loss, {old, next, w});
    return outputs(each[0], each[1], each[2], gradients(old * old, {w})[0], gradients(old * w, {w})[0]);
  });
  const auto [by_old, by_next, by_all, of_old, of_product] = step();
  CHECK(by_old.item<float>() == 6);
  CHECK(by_next.item<float>() == 30);
  CHECK(by_all.item<float>() == 6 + 30 + 3 * 16 * 16);
  CHECK(of_old.item<float>() == 6);
  CHECK(of_product.item<float>() == 16 + 3);
}

TEST_CASE("the derivative through an update uses the assigned tensor") {
  const Variable w("w", Array::scalar(3.F));
  const auto step = function("step", [&](Tensor x) {
    const Tensor next = w - x * gradients(w * w * w, {w})[0];
    w.assign(next);
    return outputs(gradients(next * next, {w})[0], gradients(next * next, {next})[0]);
  });
  // next = w - 3 x w^2 = 0.3, d(next^2)/dw = 2 next (1 - 6 x w)
  const auto [through, by_next] = step(0.1F);
  CHECK(through.item<float>() == doctest::Approx(2 * 0.3 * (1 - 1.8)));
  CHECK(by_next.item<float>() == doctest::Approx(0.6));
}

TEST_CASE("a variable that y depends on only through assignments has derivative zero, with a warning") {
  const Variable w("w", Array::scalar(3.F));
  const Variable u("u", Array::scalar(1.F));
  Array by_w;
  const std::string text = written(stderr, [&] {
    by_w = function("step", [&]() {
      u.assign(w * w);
      return gradients(u * u, {w})[0];
    })();
  });
  CHECK(by_w.item<float>() == 0);
  CHECK(text.find("gradient: y does not depend on \"w\" along a path that derivatives pass") != std::string::npos);
}

// The second optimizer's gradients are those of a separate step that starts with the discriminator already updated.
TEST_CASE("a step with two optimizers equals two steps with one each") {
  struct Gan {
    MLP generator{Dense(17, relu), Dense(8)};
    MLP discriminator{Dense(33, relu), Dense(1)};
    Adam of_generator{{.learning_rate = 0.02}};
    Adam of_discriminator{{.learning_rate = 0.05}};

    Tensor discriminator_loss(const Tensor& noise, const Tensor& real) {
      const Tensor of_real = discriminator(real);
      const Tensor of_false = discriminator(stop_gradient(generator(noise)));
      return reduce_mean(sigmoid_cross_entropy(of_real, ones_like(of_real))) +
             reduce_mean(sigmoid_cross_entropy(of_false, zeros_like(of_false)));
    }
    Tensor generator_loss(const Tensor& noise) {
      const Tensor of_false = discriminator(generator(noise));
      return reduce_mean(sigmoid_cross_entropy(of_false, ones_like(of_false)));
    }
    Tensor train_discriminator(const Tensor& noise, const Tensor& real) {
      const Tensor loss = discriminator_loss(noise, real);
      const std::vector<Variable> variables = discriminator.trainable_variables();
      of_discriminator.apply(gradients(loss, variables), variables);
      return loss;
    }
    Tensor train_generator(const Tensor& noise) {
      const Tensor loss = generator_loss(noise);
      const std::vector<Variable> variables = generator.trainable_variables();
      of_generator.apply(gradients(loss, variables), variables);
      return loss;
    }
  };
  const std::vector<TensorSpec> batches{f32(batch, 4), f32(batch, 8)};
  const Array noise = initial_normal({6, 4}, 0, 1);
  const Array real = initial_normal({6, 8}, 1, 1);
  set_seed(5);
  Gan together;
  const auto step = function("step", batches, [&](Tensor z, Tensor x) {
    const Tensor of_discriminator = together.train_discriminator(z, x);
    return outputs(of_discriminator, together.train_generator(z));
  });
  step.compile();
  set_seed(5);
  Gan apart;
  const auto first = function("first", batches, [&](Tensor z, Tensor x) { return apart.train_discriminator(z, x); });
  const auto second = function("second", {batches[0]}, [&](Tensor z) { return apart.train_generator(z); });
  first.compile();
  for (int i = 0; i < 5; ++i) {
    const auto [of_discriminator, of_generator] = step(noise, real);
    CHECK(of_discriminator.item<float>() == doctest::Approx(first(noise, real).item<float>()).epsilon(1e-5));
    CHECK(of_generator.item<float>() == doctest::Approx(second(noise).item<float>()).epsilon(1e-5));
  }
  const auto check_same = [](const MLP& model, const MLP& other) {
    for (std::size_t v = 0; v < model.variables().size(); ++v) {
      const F got = test::floats(model.variables()[v].value());
      const F expected = test::floats(other.variables()[v].value());
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(got[i] == doctest::Approx(expected[i]).epsilon(1e-4));
    }
  };
  check_same(together.generator, apart.generator);
  check_same(together.discriminator, apart.discriminator);
}

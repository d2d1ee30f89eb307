// Choosing what is trained: lists of modules and variables, minimize, freezing, and gradients in the order of their
// variables.
#include <doctest/doctest.h>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"
#include "tests/frontend/written.h"

using namespace sluice;

namespace {

using F = std::vector<float>;
const Array kSamples = Array({{1.F, 2.F, 3.F}, {-1.F, 0.F, 2.F}});

}  // namespace

TEST_CASE("modules can be used wherever variables can") {
  const Dense encoder(2, tanh);
  const Dense decoder(3);
  const Variable scale("scale", Array::scalar(1.F));
  const SGD sgd({.learning_rate = 0.1});
  const auto loss_of = [&](Tensor x) { return mean_squared_error(decoder(encoder(x)) * scale, x); };
  const auto f = function("f", {f32(batch, 3)}, [&](Tensor x) {
    const Tensor loss = loss_of(x);
    std::vector<Tensor> all = gradients(loss, {encoder, decoder, scale});
    const std::vector<Tensor> parts = gradients(loss, {decoder});
    all.insert(all.end(), parts.begin(), parts.end());
    all.push_back(gradients(loss, scale)[0]);
    all.push_back(gradients(loss, encoder)[1]);
    all.push_back(gradients(loss, variables_of(encoder, decoder))[1]);
    return all;
  });
  const std::vector<Array> all = f(kSamples);
  REQUIRE(all.size() == 10);
  CHECK(all[5] == all[2]);
  CHECK(all[6] == all[3]);
  CHECK(all[7] == all[4]);
  CHECK(all[8] == all[1]);
  CHECK(all[9] == all[1]);
  CHECK(all[0].sizes() == std::vector<std::int64_t>{3, 2});

  // The list is evaluated when its variables are needed: it may be created before their first call.
  const Dense late(1);
  const VariableList list{late, scale};
  CHECK(list.all().size() == 1);
  late.variables();
  build(late, f32(batch, 3));
  CHECK(list.all().size() == 3);

  const auto step = function("step", {f32(batch, 3)}, [&](Tensor x) {
    const Tensor loss = loss_of(x);
    sgd.minimize(loss, {encoder, decoder, scale});
    return loss;
  });
  const float first = step(kSamples).item<float>();
  float last = first;
  for (int i = 0; i < 50; ++i) last = step(kSamples).item<float>();
  CHECK(last < first / 2);
}

TEST_CASE("minimize equals gradients and apply, bit for bit") {
  set_seed(2);
  const MLP by_hand(Dense(3, tanh), Dense(1));
  const Adam of_hand;
  by_hand.build(f32(batch, 3));
  const MLP model = clone(by_hand);
  const Adam adam;
  const auto slow = function("slow", {f32(batch, 3)}, [&](Tensor x) {
    of_hand.apply(gradients(l2_loss(by_hand(x)), by_hand.trainable_variables()), by_hand.trainable_variables());
  });
  const auto fast = function("fast", {f32(batch, 3)}, [&](Tensor x) { adam.minimize(l2_loss(model(x)), model); });
  for (int i = 0; i < 3; ++i) {
    slow(kSamples);
    fast(kSamples);
  }
  CHECK(hash_of(model) == hash_of(by_hand));
}

TEST_CASE("gradients in another order than their variables are an error, even with equal shapes") {
  const Variable a("a", Array({1.F, 2.F}));
  const Variable b("b", Array({3.F, 4.F}));
  const SGD sgd;
  const auto loss = [&] { return reduce_sum(square(a) * b); };
  CHECK(thrown([&] { function("f", {}, [&] {
                       sgd.apply(gradients(loss(), {a, b}), {b, a});
                     }).compile(); }) ==
        "@trainable_test.cpp sgd: gradient 0 is the derivative with respect to variable \"a\", but variable 0 is "
        "\"b\": both "
        "lists must have the same order; minimize(loss, variables) takes care of it");
  const Variable other("a", Array({5.F, 6.F}));
  CHECK(thrown([&] { function("f", {}, [&] {
                       sgd.apply(gradients(loss(), {a, b}), {other, b});
                     }).compile(); }) ==
        "@trainable_test.cpp sgd: gradient 0 is the derivative with respect to variable \"a\", but variable 0 is "
        "another one of another module, also called \"a\": both lists must have the same order; minimize(loss, "
        "variables) takes care of it");
  CHECK(thrown([&] {
          function("f", {}, [&] {
            const auto [clipped, norm] = clip_by_global_norm(gradients(loss(), {a, b}), 1);
            sgd.apply(clipped, {b, a});
          }).compile();
        }).starts_with("@trainable_test.cpp sgd: gradient 0 is the derivative with respect to variable \"a\""));
  // A gradient computed from others is with respect to none.
  function("f", {}, [&] {
    const std::vector<Tensor> g = gradients(loss(), {a, b});
    sgd.apply({g[1] * 1, stop_gradient(g[0])}, {a, b});
  })();
  CHECK(a.value() == Array({1 - 0.01F * 1, 2 - 0.01F * 4}));
}

TEST_CASE("frozen variables do not change, even in traced functions, until they are unfrozen") {
  set_seed(4);
  const Dense encoder(2, tanh);
  const Dense decoder(3);
  const Adam adam;
  const auto step = function("step", {f32(batch, 3)}, [&](Tensor x) {
    const Tensor loss = mean_squared_error(decoder(encoder(x)), x);
    adam.minimize(loss, {encoder, decoder});
    return loss;
  });
  const auto predict = function("predict", {f32(batch, 3)}, [&](Tensor x) { return decoder(encoder(x)); });
  step(kSamples);
  predict(kSamples);
  encoder.set_trainable(false);
  CHECK(encoder.trainable_variables().empty());
  CHECK(VariableList{encoder, decoder}.trainable().size() == 2);
  const std::uint64_t frozen = hash_of(encoder);
  std::uint64_t free = hash_of(decoder);
  for (int i = 0; i < 3; ++i) step(kSamples);
  CHECK(hash_of(encoder) == frozen);
  CHECK(hash_of(decoder) != free);
  CHECK(step.traces() == 2);
  CHECK(predict.traces() == 1);
  predict(kSamples);
  CHECK(predict.traces() == 1);  // its trace did not depend on it

  encoder.set_trainable(true);
  step(kSamples);
  CHECK(hash_of(encoder) != frozen);
  CHECK(step.traces() == 3);

  decoder.variables()[0].set_trainable(false);
  const Array w = decoder.variables()[0].value();
  free = hash_of(VariableList(decoder.variables()[1]));
  step(kSamples);
  CHECK(decoder.variables()[0].value() == w);
  CHECK(hash_of(VariableList(decoder.variables()[1])) != free);

  decoder.set_trainable(false);
  encoder.set_trainable(false);
  CHECK(thrown([&] { step(kSamples); }) ==
        "@trainable_test.cpp adam: none of the variables is trainable; set_trainable(true) unfreezes them");
}

TEST_CASE("freezing applies to future variables, and not to non-weights") {
  struct Counting : Module {
    Dense dense{2};
    Variable calls{register_variable(Variable("calls", Array::scalar(0.F), {.trainable = false}))};
    Counting() { register_module(dense); }
    Tensor operator()(const Arg& x) const { return dense(x); }
  };
  const Counting model;
  model.set_trainable(false);
  build(model, f32(batch, 3));
  CHECK(model.variables().size() == 3);
  CHECK(model.trainable_variables().empty());
  model.set_trainable(true);
  CHECK(model.trainable_variables().size() == 2);
  CHECK_FALSE(model.calls.trainable());
  MLP whole;
  whole.set_trainable(false);
  whole.add(model);
  whole.add(Dense(1));
  whole.build(f32(batch, 3));
  CHECK(whole.trainable_variables().empty());
  CHECK(thrown([&] { function("f", {}, [&] { whole.set_trainable(true); }).compile(); }) ==
        "@trainable_test.cpp set_trainable: called while f is traced, which would happen once, not on each call; call "
        "it outside");
  CHECK(thrown([&] {
          function("f", {}, [&] { model.calls.set_trainable(true); }).compile();
        }).starts_with("@trainable_test.cpp set_trainable: called while f is traced"));
  // With explicit gradients, a variable that is listed itself is updated even if frozen.
  const Variable w("w", Array::scalar(3.F), {.trainable = false});
  CHECK(function("g", {}, [&] { return gradients(square(w), {w})[0]; })().item<float>() == 6);
}

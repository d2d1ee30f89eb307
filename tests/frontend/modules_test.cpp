// Modules: what they hold, user-written layers, and what a failed trace leaves behind.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {

using F = std::vector<float>;

std::vector<std::string> names(const std::vector<Variable>& variables) {
  std::vector<std::string> out;
  for (const Variable& variable : variables) out.push_back(variable.name());
  return out;
}

using Names = std::vector<std::string>;

/// A user's layer: a learned factor for each column, and how often it was called.
class Scale : public Module {
 public:
  Scale() : Module("scale"), calls_(register_variable(Variable("calls", Array::scalar(0.F), {.trainable = false}))) {}

  Tensor operator()(const Arg& x) {
    calls_.assign_add(1);
    return x * lazy_variable("factor", [&] { return ones(x.shape()[1].size); });
  }

  double calls() const { return calls_.value().item<double>(); }

 private:
  static Array ones(std::int64_t size) { return {F(static_cast<std::size_t>(size), 1.F), {size}}; }

  Variable calls_;
};

/// A user's model whose two products share one weight.
class Autoencoder : public Module {
 public:
  Autoencoder() : Module("autoencoder") { register_module(scale_); }

  Tensor operator()(const Arg& x) {
    const Variable w = lazy_variable("w", [&] { return glorot_uniform(x.shape()[1].size, 2); });
    const Tensor code = tanh(matmul(x, w));
    return scale_(matmul(code, w, {.transpose_b = true}));
  }

 private:
  Scale scale_;
};

}  // namespace

TEST_CASE("a dense layer learns its input size at the first call") {
  Dense dense(3, relu);
  CHECK(dense.variables().empty());
  const auto f = function("f", {f32(batch, 4)}, [&](Tensor x) { return dense(x); });
  f.compile();
  REQUIRE(dense.variables().size() == 2);
  const Variable w = dense.variables()[0];
  CHECK(w.type() == Type{DType::kF32, {4, 3}});
  CHECK(w.name().ends_with("/w"));
  CHECK(dense.variables()[1].value() == Array(F{0, 0, 0}, {3}));
  w.assign(Array(F{1, 0, 0, 0, 1, 0, 0, 0, -1, 0, 0, 0}, {4, 3}));
  CHECK(f(Array(F{1, 2, 3, 4}, {1, 4})) == Array(F{1, 2, 0}, {1, 3}));
  const std::string type =
      thrown([&] { function("g", {f32(batch, 5)}, [&](Tensor x) { return dense(x); }).compile(); });
  CHECK(type == "@modules_test.cpp dense: \"" + w.name() + "\" is f32[4,3], so the input has 4 columns, got f32[B,5]");
}

TEST_CASE("weights are drawn within Glorot's limits, by seed and order") {
  set_seed(7);
  const Array first = glorot_uniform(300, 200);
  const Array second = glorot_uniform(300, 200);
  set_seed(7);
  CHECK(glorot_uniform(300, 200) == first);
  CHECK(glorot_uniform(300, 200) == second);
  CHECK_FALSE(first == second);
  set_seed(8);
  CHECK_FALSE(glorot_uniform(300, 200) == first);
  const float limit = std::sqrt(6.F / 500.F);
  double sum = 0;
  float largest = 0;
  for (const float w : first.data<float>()) {
    sum += w;
    largest = std::max(largest, std::abs(w));
  }
  CHECK(largest <= limit);
  CHECK(largest > 0.999F * limit);
  CHECK(std::abs(sum / 60000) < 0.01 * limit);
}

TEST_CASE("a layer's initializer determines its weights, reproducibly by seed") {
  set_seed(7);
  const Array normal = initial_normal({300, 201}, 1, 2);
  const Array uniform = initial_uniform({60001}, -3, 1);
  set_seed(7);
  CHECK(initial_normal({300, 201}, 1, 2) == normal);
  CHECK(initial_uniform({60001}, -3, 1) == uniform);
  const auto moments = [](const Array& array) {
    double sum = 0;
    double squares = 0;
    for (const float x : array.data<float>()) {
      sum += x;
      squares += double{x} * x;
    }
    const double mean = sum / static_cast<double>(array.element_count());
    return std::pair(mean, std::sqrt(squares / static_cast<double>(array.element_count()) - mean * mean));
  };
  const auto [mean, deviation] = moments(normal);
  CHECK(mean == doctest::Approx(1).epsilon(0.03));
  CHECK(deviation == doctest::Approx(2).epsilon(0.03));
  // 68.27% of a normal distribution are within one standard deviation.
  const auto near = std::ranges::count_if(normal.data<float>(), [](float x) { return x > -1 && x < 3; });
  CHECK(static_cast<double>(near) / static_cast<double>(normal.element_count()) ==
        doctest::Approx(0.6827).epsilon(0.01));
  CHECK(std::ranges::min(uniform.data<float>()) >= -3);
  CHECK(std::ranges::min(uniform.data<float>()) < -2.99F);
  CHECK(std::ranges::max(uniform.data<float>()) <= 1);
  CHECK(moments(uniform).first == doctest::Approx(-1).epsilon(0.03));
  CHECK(moments(uniform).second == doctest::Approx(4 / std::sqrt(12.0)).epsilon(0.03));
  CHECK(moments(he_normal(200, 300)).second == doctest::Approx(0.1).epsilon(0.03));

  set_seed(7);
  MLP model(Dense(5, relu, he_normal), Dense(2, identity, [](std::int64_t in, std::int64_t out) {
              return initial_uniform({in, out}, -1, 1);
            }));
  function("f", {f32(batch, 4)}, [&](Tensor x) { return model(x); }).compile();
  set_seed(7);
  CHECK(model.variables()[0].value() == he_normal(4, 5));
  CHECK(model.variables()[2].value() == initial_uniform({5, 2}, -1, 1));

  Dense wrong(2, identity, [](std::int64_t in, std::int64_t out) { return initial_uniform({out, in}, -1, 1); });
  CHECK(thrown([&] { function("f", {f32(batch, 4)}, [&](Tensor x) { return wrong(x); }).compile(); }) ==
        "@modules_test.cpp dense: the initial weights are f32[2,4], expected f32[4,2]");
}

TEST_CASE("an activation is a function, a lambda of any parameter, with captures or without, or an Activation") {
  const float slope = 0.5F;
  const Activation held = [](const Arg& x) { return maximum(x, 0.5F * x); };
  const auto run = [](Dense layer) {
    set_seed(3);
    return function([&](Tensor x) { return layer(x); })(linspace(-1, 1, 6).reshaped({2, 3}));
  };
  const Array expected = run(Dense(4, held));
  CHECK(run(Dense(4, [](const Arg& x) { return maximum(x, 0.5F * x); })) == expected);
  CHECK(run(Dense(4, [](Tensor x) { return maximum(x, 0.5F * x); })) == expected);
  CHECK(run(Dense(4, [slope](const Arg& x) { return maximum(x, slope * x); })) == expected);
  CHECK(run(Dense(4, tanh)) == run(Dense(4, [](const Arg& x) { return tanh(x); })));
}

TEST_CASE("models list their variables once, in order, and trainable ones separately") {
  Scale shared;
  MLP model(Dense(2), shared, Dense(2), shared);
  function("f", {f32(batch, 3)}, [&](Tensor x) { return model(x); }).compile();
  const std::vector<Variable> all = model.variables();
  REQUIRE(all.size() == 6);
  CHECK(all[2].name() == "calls");
  CHECK(all[3].name() == "scale_0/factor");
  CHECK(model.trainable_variables().size() == 5);
  CHECK(shared.variables().size() == 2);
}

TEST_CASE("a sequence passes the mode to the layers that take one") {
  set_seed(1);
  MLP inner(Dropout(0.5), [](Tensor x) { return x + 1; });
  MLP model(
      inner, [](Tensor x, Mode mode) { return mode == Mode::kTrain ? x * 2 : x; }, relu);
  const auto run = [&](Mode mode) { return function([&, mode](Tensor x) { return model(x, mode); })(ones({1, 100})); };
  CHECK(run(Mode::kEvaluate) == Array(F(100, 2), {1, 100}));
  int dropped = 0;
  const Array trained = run(Mode::kTrain);
  for (const float x : trained.data<float>()) {
    REQUIRE((x == 2 || x == 6));
    dropped += x == 2 ? 1 : 0;
  }
  CHECK(dropped > 20);
  CHECK(dropped < 80);
  CHECK(thrown([&] { function("f", {f32(batch, 3)}, [&](Tensor x) { return model(x); }).compile(); }) ==
        "@modules_test.cpp sequential: a layer behaves differently in training, so it needs a Mode: call model(x, "
        "Mode::kTrain) in a "
        "training step, and model(x, Mode::kEvaluate) elsewhere, as in an ExportModule");
  MLP plain(Dense(2, tanh), [](Tensor x) { return -x; });
  CHECK(function([&](Tensor x) { return outputs(plain(x), plain(x, Mode::kTrain)); })(ones({1, 3}))[1].type() ==
        Type{DType::kF32, {1, 2}});
}

TEST_CASE("two models in one program do not collide") {
  MLP a(Dense(2), Dense(1));
  MLP b(Dense(2), Dense(1));
  const auto f = function("f", {f32(batch, 3)}, [&](Tensor x) {
    const Tensor of_a = a(x);
    return of_a - b(x);
  });
  f.compile();
  CHECK(names(a.variables()) == Names{"dense_0/w", "dense_0/b", "dense_1/w", "dense_1/b"});
  CHECK(names(b.variables()) == names(a.variables()));
  REQUIRE(f.graph().states().size() == 8);
  CHECK(f.graph().states()[0].variable == "dense_0/w");
  CHECK(f.graph().states()[4].variable == "dense_0/w_1");
  CHECK(f(Array(DType::kF32, {2, 3})) == Array(DType::kF32, {2, 1}));
}

TEST_CASE("tied weights get the gradient of both uses") {
  Autoencoder model;
  SGD sgd({.learning_rate = 0.1});
  const auto step = function("step", {f32(batch, 4)}, [&](Tensor x) {
    const Tensor loss = mean_squared_error(model(x), x);
    sgd.apply(gradients(loss, model.trainable_variables()), model.trainable_variables());
    return loss;
  });
  const Array x(F{1, 0, 1, 0, 0, 1, 0, 1, 1, 1, 1, 1}, {3, 4});
  const double first = step(x).item<double>();
  double last = first;
  for (int i = 0; i < 200; ++i) last = step(x).item<double>();
  CHECK(last < 0.2 * first);
  CHECK(names(model.variables()) == Names{"calls", "scale_0/factor", "autoencoder_0/w"});
}

TEST_CASE("a module survives copies and moves") {
  auto model = std::make_unique<MLP>(Dense(2), Scale());
  MLP copy = *model;
  function("f", {f32(batch, 3)}, [&](Tensor x) { return (*model)(x); }).compile();
  CHECK(copy.variables().size() == 4);
  MLP moved = std::move(*model);
  model.reset();
  CHECK(moved.variables().size() == 4);
  CHECK(moved.variables()[0].is(copy.variables()[0]));
  const auto f = function("f", {f32(batch, 3)}, [&](Tensor x) { return outputs(moved(x), copy(x)); });
  const auto [of_moved, of_copy] = f(Array(F{1, 2, 3}, {1, 3}));
  CHECK(of_moved == of_copy);
  std::vector<Dense> many(3, Dense(2));
  function("g", {f32(batch, 2)}, [&](Tensor x) { return many[0](many[1](x)); }).compile();
  CHECK(many[2].variables().size() == 2);
}

TEST_CASE("a module cannot hold itself") {
  struct Box : Module {
    void put(const Module& module) { register_module(module); }
  };
  Box outer;
  Box inner;
  outer.put(inner);
  CHECK(thrown([&] { outer.put(outer); }) == "register_module: the module of kind \"module\" would hold itself");
  CHECK(thrown([&] { inner.put(outer); }) == "register_module: the module of kind \"module\" would hold itself");
}

TEST_CASE("a failed trace leaves models, optimizers and random streams as they were") {
  set_seed(3);
  MLP model(Dense(4, relu), Scale(), Dense(2));
  Adam adam;
  const std::size_t of_adam = adam.variables().size();
  bool fail_late = true;
  const auto step = function("step", {f32(batch, 3), u8(batch)}, [&](Tensor x, Tensor y) {
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(model(dropout(x, 0.5, Mode::kTrain)), y));
    adam.apply(gradients(loss, model.trainable_variables()), model.trainable_variables());
    if (fail_late) return reshape(x, {7});
    return loss;
  });
  for (int i = 0; i < 2; ++i) {
    CHECK(thrown([&] { step.compile(); }) == "@modules_test.cpp reshape: f32[B,3] has 3*B elements, [7] would have 7");
    CHECK(names(model.variables()) == Names{"calls"});
    CHECK(adam.variables().size() == of_adam);
    CHECK(step.traces() == 0);
  }
  fail_late = false;
  step.compile();
  CHECK(names(model.variables()) ==
        Names{"dense_0/w", "dense_0/b", "calls", "scale_0/factor", "dense_1/w", "dense_1/b"});
  CHECK(adam.variables().size() == of_adam + 10);
  set_seed(3);
  CHECK(glorot_uniform(3, 4) == model.variables()[0].value());

  // A user's own exception does the same.
  Dense other(2);
  const auto thrower = function("thrower", [&](Tensor x) {
    other(x);
    if (x.rank() == 2) throw std::logic_error("the user's");
    return x;
  });
  CHECK_THROWS_AS(thrower(Array(DType::kF32, {1, 2})), std::logic_error);
  CHECK(other.variables().empty());
}

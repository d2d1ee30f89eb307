// Several optimizers for parts of a model, and variables selected by their names.
#include "sluice/multi_optimizer.h"

#include <doctest/doctest.h>

#include "sluice/frontend.h"
#include "sluice/variable_filter.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;
using test::floats;

namespace {

using F = std::vector<float>;

const std::string kAt = "@multi_optimizer_test.cpp ";

struct Net : Module {
  Dense first{2, tanh}, second{1};
  Variable scale = register_variable(Variable("scale", Array::scalar(0.5F)));
  Variable steps = register_variable(Variable("steps", Array::scalar(0.F), {.trainable = false}));

  Net() {
    register_module(first);
    register_module(second);
  }
  Tensor operator()(const Arg& x) const { return second(first(x)) * scale; }
};

std::vector<std::string> names_of(const std::vector<Variable>& variables, const Net& net) {
  std::vector<std::string> names;
  for (const NamedVariable& each : net.named_variables()) {
    for (const Variable& variable : variables) {
      if (variable.is(each.variable)) names.push_back(each.name);
    }
  }
  return names;
}

}  // namespace

TEST_CASE("each optimizer updates its variables as on its own") {
  const Variable a("a", Array(F{1, -2, 3})), b("b", Array(F{1, -2, 3})), c("c", Array(F{1, -2, 3}));
  const Variable d("d", Array(F{1, -2, 3}));
  const Adam adam({.learning_rate = 0.25}), alone({.learning_rate = 0.25});
  const SGD sgd({.learning_rate = 0.5, .weight_decay = 0.125}),
      sgd_alone({.learning_rate = 0.5, .weight_decay = 0.125});
  const MultiOptimizer both({{adam, a}, {sgd, {b}}});
  const auto step = function("step", [&](Tensor g) {
    both.apply({g, 2 * g}, {a, b});
    alone.apply({g}, c);
    sgd_alone.apply({2 * g}, d);
  });
  for (int i = 0; i < 4; ++i) step(F{0.5F, -0.25F, static_cast<float>(i)});
  CHECK(floats(a.value()) == floats(c.value()));
  CHECK(floats(b.value()) == floats(d.value()));

  // Its own rate is a factor of theirs, and theirs may be changed, too.
  both.learning_rate().assign(0.5);
  alone.learning_rate().assign(0.125);
  sgd.learning_rate().assign(2);
  sgd_alone.learning_rate().assign(1);
  for (int i = 0; i < 4; ++i) step(F{0.5F, -0.25F, static_cast<float>(i)});
  CHECK(floats(a.value()) == floats(c.value()));
  CHECK(floats(b.value()) == floats(d.value()));
  CHECK(adam.learning_rate().value().item<float>() == 0.25F);
  CHECK(sgd.learning_rate().value().item<float>() == 2);
  CHECK(step.traces() == 1);
}

TEST_CASE("modules are parts, whose variables come with their first call, and a part may be frozen") {
  const Net net;
  const MultiOptimizer both({{Adam(), net.first}, {SGD({.learning_rate = 0.5}), {net.second, net.scale}}});
  const auto step = function("step", {f32(batch, 3)}, [&](Tensor x) { both.minimize(reduce_mean(net(x)), net); });
  step(Array({1.F, 2.F, 3.F}, {1, 3}));
  CHECK(both.variables().size() == 1 + (3 + 2 * 2) + 1);  // rates, Adam's powers and moments
  net.first.set_trainable(false);
  const std::uint64_t frozen = hash_of(net.first);
  const std::uint64_t rest = hash_of({net.second, net.scale});
  step(Array({1.F, 2.F, 3.F}, {1, 3}));
  CHECK(hash_of(net.first) == frozen);
  CHECK(hash_of({net.second, net.scale}) != rest);
}

TEST_CASE("a clone of several optimizers has its own state, and serves the same variables") {
  const Variable w("w", Array(F{1, 2}));
  const MultiOptimizer one({{SGD({.learning_rate = 0.5, .momentum = 0.5}), w}});
  const auto step_with = [&](const MultiOptimizer& optimizer) {
    function("step", {}, [&] { optimizer.apply({ones_like(w)}, w); })();
    return floats(w.value());
  };
  CHECK(step_with(one) == F{0.5, 1.5});
  const MultiOptimizer other = clone(one);
  CHECK(step_with(one) == F{-0.25, 0.75});
  CHECK(step_with(other) == F{-1, 0});  // its velocity is still that of the first step
}

TEST_CASE("parts that cannot be are errors") {
  const Variable w("w", Array::scalar(1.F));
  const SGD sgd;
  CHECK(thrown([] { MultiOptimizer({}); }) == kAt + "multi_optimizer: expected at least one optimizer");
  CHECK(thrown([&] {
          MultiOptimizer({{sgd, w}, {Adam(), w}, {sgd, w}});
        }) ==
        kAt +
            "multi_optimizer: optimizers 0 and 2 are the same sgd: list its variables together, or use clone() to make "
            "another one");
  CHECK(thrown([&] {
          MultiOptimizer({{sgd, {}}}).build(w);
        }) == kAt + "multi_optimizer: variable \"w\" belongs to none of the 1 optimizers");
  CHECK(thrown([&] {
          MultiOptimizer({{sgd, w}, {Adam(), w}}).build(w);
        }) == kAt + "multi_optimizer: variable \"w\" belongs to two optimizers, 0 (sgd) and 1 (adam)");
}

TEST_CASE("variables are selected by patterns and predicates") {
  const Net net;
  CHECK(thrown([&] { set_trainable(net.first, "w", false); }) ==
        kAt + "set_trainable: \"w\" matches no variable: there are none");
  function("build", {f32(1, 3)}, [&](Tensor x) { return net(x); }).compile();
  const auto selected = [&](const VariableFilter& filter) { return names_of(filter.select("test", net), net); };
  using Names = std::vector<std::string>;
  CHECK(selected({}).empty());
  CHECK(VariableFilter().empty());
  CHECK(selected("*/w") == Names{"dense_0/w", "dense_1/w"});
  CHECK(selected({"*_1/*", "s*e"}) == Names{"scale", "dense_1/w", "dense_1/b"});
  CHECK(selected(std::string("dense_[0-9]/?")).size() == 4);
  CHECK(selected([](const NamedVariable& w) { return w.variable.type().shape.rank() == 0; }) ==
        Names{"scale", "steps"});
  CHECK(selected([](const NamedVariable&) { return false; }).empty());
  CHECK(thrown([&] {
          selected({"*", "dense"});
        }) == kAt +
                  "test: \"dense\" matches no variable; there are \"scale\", \"steps\", \"dense_0/w\", \"dense_0/b\", "
                  "\"dense_1/w\", \"dense_1/b\"");

  set_trainable(net, "*", false);
  CHECK(net.trainable_variables().empty());
  set_trainable(net, {"dense_1/w", "steps"}, true);  // steps never was
  CHECK(names_of(net.trainable_variables(), net) == Names{"dense_1/w"});
  CHECK(thrown([&] {
          function("f", {}, [&] { set_trainable(net, "*", true); }).graph();
        }).starts_with(kAt + "set_trainable: "));
}

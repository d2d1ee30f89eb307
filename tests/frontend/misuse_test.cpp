// Misuse of labels, models, optimizers, variables and traces: each mistake has its own message, at the user's line.
#include "tests/frontend/misuse.h"

#include <doctest/doctest.h>

#include <cmath>
#include <optional>
#include <thread>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"

using namespace sluice;

TEST_CASE("labels out of range are errors before the step, and change nothing") {
  const Variable calls("calls", Array::scalar(std::int32_t{0}), {.trainable = false});
  const auto loss = function("loss", {f32(batch, 3), u8(batch, 1)}, [&](Tensor logits, Tensor labels) {
    calls.assign_add(1);
    const Tensor rows = reshape(labels, {batch});
    return reduce_mean(sparse_softmax_cross_entropy(logits, cast(rows, i32)));  // the line that needs them
  });
  const auto wrong = [&](std::vector<std::uint8_t> labels) {
    const auto count = static_cast<std::int64_t>(labels.size());
    return thrown_in_full([&] { loss(ones({count, 3}), Array(labels, {count, 1})); });
  };
  const auto expected = [](const std::string& element) {
    return "<return thrown_in_full([&] { loss(ones({count, 3}), Array(labels, {count, 1})); });>: loss: element " +
           element +
           ", expected 0 to 2 for the 3 classes of the logits at <return "
           "reduce_mean(sparse_softmax_cross_entropy(logits, cast(rows, i32)));  // the line that needs them>";
  };
  CHECK(wrong({0, 2, 3, 255}) == expected("2 of argument 1 is the label 3"));
  CHECK(wrong({255}) == expected("0 of argument 1 is the label 255"));
  CHECK(calls.value().item<int>() == 0);
  CHECK(wrong({0, 1, 2}).empty());
  CHECK(calls.value().item<int>() == 1);

  const auto signed_labels =
      function([](Tensor logits, Tensor labels) { return reduce_mean(sparse_softmax_cross_entropy(logits, labels)); });
  CHECK(thrown([&] {
          signed_labels(ones({2, 3}), std::vector<std::int64_t>{0, -1});
        }).starts_with("@misuse_test.cpp function: element 1 of argument 1 is the label -1, expected 0 to 2"));

  // Labels that are made in the function have no range to be held against: they select no class.
  const auto made = function(
      [](Tensor logits, Tensor labels) { return reduce_mean(sparse_softmax_cross_entropy(logits, labels - 1)); });
  CHECK(made(zeros({1, 2}), std::vector<std::int64_t>{0}).item<float>() == doctest::Approx(std::log(2.F)));
}

TEST_CASE("a model without registered variables") {
  struct Forgetful : Module {
    Dense inner{2};
    Tensor operator()(const Arg& x) { return inner(x); }
  } model;
  SGD sgd;
  const auto step = [&](Tensor x) {
    const Tensor loss = reduce_sum(model(x));
    sgd.apply(gradients(loss, model.trainable_variables()), model.trainable_variables());
  };
  CHECK(traced({f32(batch, 3)}, step) ==
        here("gradient: there are no variables to differentiate with respect to; a module has those registered with "
             "register_module and register_variable, and a layer creates its own on its first call"));
  CHECK(traced({f32(batch, 3)}, [&](Tensor x) {
          return gradients(reduce_sum(x), {})[0];
        }).starts_with(here("gradient: there are no variables to differentiate with respect to")));
  CHECK(traced({f32(batch, 3)}, [&](Tensor) { sgd.apply({}, {}); }) == here("sgd: there are no variables to update"));
}

TEST_CASE("optimizers reject invalid options, at the user's line") {
  CHECK(thrown([] { Adam({.learning_rate = -1}); }) == here("adam: expected a positive f32 as learning_rate, got -1"));
  CHECK(thrown([] { SGD({.learning_rate = 0}); }) == here("sgd: expected a positive f32 as learning_rate, got 0"));
  CHECK(thrown([] { SGD({.learning_rate = NAN}); }) == here("sgd: expected a positive f32 as learning_rate, got nan"));
  CHECK(thrown([] { Adam({.learning_rate = 1e300}); }) ==
        here("adam: expected a positive f32 as learning_rate, got 1e+300"));
  CHECK(thrown([] { SGD({.momentum = -0.5}); }) == here("sgd: momentum must be at least 0, got -0.5"));
  CHECK(thrown([] { Adam({.beta_1 = 1}); }) == here("adam: beta_1 must be at least 0 and below 1, got 1"));
  CHECK(thrown([] { Adam({.beta_2 = -1}); }) == here("adam: beta_2 must be at least 0 and below 1, got -1"));
  CHECK(thrown([] { Adam({.epsilon = NAN}); }) == here("adam: epsilon must be at least 0, got nan"));
  struct Mine : Optimizer {
    Mine() : Optimizer("mine", -2) {}
    void update(const std::vector<Tensor>&, const std::vector<Variable>&) const override {}
  };
  CHECK(thrown([] { Mine(); }) == here("mine: expected a positive f32 as learning_rate, got -2"));
}

TEST_CASE("optimizers check gradients against variables") {
  Variable w("w", Array(DType::kF32, {2}));
  Adam adam;
  SGD sgd;
  CHECK(traced({f32(2)}, [&](Tensor x) {
          adam.apply({x, x}, {w});
        }) == here("adam: expected a gradient for each of 1 variables, got 2"));
  CHECK(traced({f32(3)}, [&](Tensor x) { sgd.apply({x}, {w}); }) ==
        here("sgd: variable \"w\" is f32[2], its gradient is f32[3]"));
}

TEST_CASE("an error shows the user's line, and the types and lines of both operands") {
  const std::string product = shown({f32(2, 3)}, [](Tensor x) {
    const Tensor y = transpose(x);
    return matmul(y, y);
  });
  CHECK(product ==
        R"(<return matmul(y, y);>: matmul: inner sizes differ: axis 1 of f32[3,2] is 2, axis 0 of f32[3,2] is 3
  operand 0, f32[3,2], was made at <const Tensor y = transpose(x);>
  operand 1, f32[3,2], was made at <const Tensor y = transpose(x);>)");
  const std::string sum = shown({f32(batch, 3)}, [](Tensor x) {
    const Tensor rows = reduce_sum(x, 1);
    return tanh(x) + rows;
  });
  CHECK(sum ==
        R"(<return tanh(x) + rows;>: add: shapes do not broadcast: f32[B,3] and f32[B]
  operand 0, f32[B,3], was made at <return tanh(x) + rows;>
  operand 1, f32[B], was made at <const Tensor rows = reduce_sum(x, 1);>)");
  const std::string comparison = shown({f32(3), i32(3)}, [](Tensor x, Tensor y) {
    const Tensor z = abs(y);
    return x == z;
  });
  CHECK(comparison ==
        R"(<return x == z;>: equal: operands have different element types: f32[3] and i32[3]; convert with cast
  operand 0, f32[3], was made at <const std::string comparison = shown({f32(3), i32(3)}, [](Tensor x, Tensor y) {>
  operand 1, i32[3], was made at <const Tensor z = abs(y);>)");
  const std::string joined = shown({f32(3)}, [](Tensor x) {
    const Tensor a = reshape(x, {3, 1});
    const Tensor b = reshape(x, {1, 3});
    return concat({a, b}, 0);
  });
  CHECK(joined ==
        R"(<return concat({a, b}, 0);>: concat: operands differ in more than axis 0: f32[3,1] and f32[1,3]
  operand 0, f32[3,1], was made at <const Tensor a = reshape(x, {3, 1});>
  operand 1, f32[1,3], was made at <const Tensor b = reshape(x, {1, 3});>)");
  const std::string logic = shown({f32(3)}, [](Tensor x) {
    const Tensor a = x < 0;
    const Tensor b = floor(x);
    return logical_and(a, b);
  });
  CHECK(logic ==
        R"(<return logical_and(a, b);>: logical_and: operands have different element types: bool[3] and f32[3]; )"
        R"(convert with cast
  operand 0, bool[3], was made at <const Tensor a = x < 0;>
  operand 1, f32[3], was made at <const Tensor b = floor(x);>)");
  const std::string error = shown({f32(batch, 10)}, [](Tensor x) {
    const Tensor p = softmax(x);
    const Tensor y = reduce_max(p, 1);
    return mean_squared_error(p, y);
  });
  CHECK(
      error ==
      R"(<return mean_squared_error(p, y);>: mean_squared_error: expected two tensors of one type, got f32[B,10] and )"
      R"(f32[B]
  operand 0, f32[B,10], was made at <const Tensor p = softmax(x);>
  operand 1, f32[B], was made at <const Tensor y = reduce_max(p, 1);>)");
}

TEST_CASE("wrong arguments of Dense, a loss or an optimizer are shown with the line that created them") {
  Dense dense(3);
  const std::string layer = shown({f32(4)}, [&](Tensor x) {
    const Tensor image = x * 2;
    return dense(image);
  });
  CHECK(layer ==
        R"(<return dense(image);>: dense: expected f32[batch,...,in], got f32[4]
  operand 0, f32[4], was made at <const Tensor image = x * 2;>)");
  const std::string entropy = shown({f32(batch, 10), u8(batch)}, [](Tensor x, Tensor y) {
    const Tensor logits = exp(x);
    const Tensor labels = cast(y, f32);
    return sparse_softmax_cross_entropy(logits, labels);
  });
  CHECK(entropy ==
        R"(<return sparse_softmax_cross_entropy(logits, labels);>: sparse_softmax_cross_entropy: expected float )"
        R"(logits [...,classes] and integer labels [...], got f32[B,10] and f32[B]
  operand 0, f32[B,10], was made at <const Tensor logits = exp(x);>
  operand 1, f32[B], was made at <const Tensor labels = cast(y, f32);>)");
  Variable w("w", Array(DType::kF32, {2}));
  SGD sgd;
  const std::string step = shown({f32(3)}, [&](Tensor x) {
    const Tensor slope = square(x);
    sgd.apply({slope}, {w});
  });
  CHECK(step ==
        R"(<sgd.apply({slope}, {w});>: sgd: variable "w" is f32[2], its gradient is f32[3]
  operand 0, f32[3], was made at <const Tensor slope = square(x);>)");
  const std::string assigned = shown({f32(3)}, [&](Tensor x) {
    const Tensor value = square(x);
    w.assign(value);
  });
  CHECK(assigned ==
        R"(<w.assign(value);>: assign: variable "w" is f32[2], got f32[3]
  operand 0, f32[3], was made at <const Tensor value = square(x);>)");
}

TEST_CASE("a tensor of another trace is an error") {
  std::optional<Tensor> kept;
  const auto keep = function("keep", [&](Tensor x) {
    kept = x * 2;
    return x;
  });
  keep(1.F);
  REQUIRE(kept);
  const std::string ended =
      "the tensor f32[] belongs to another trace than that of use; a tensor is valid only inside the call that created "
      "it";
  const auto use = function("use", [&](Tensor x) { return x + *kept; });
  CHECK(thrown([&] { use(1.F); }) == here("add: " + ended));
  const auto give_back = function("use", [&](Tensor) { return *kept; });
  CHECK(thrown([&] { give_back(1.F); }) == here("use: " + ended));
  Variable w("w", Array::scalar(0.F));
  const auto assign = function("use", [&](Tensor) { w.assign(*kept); });
  CHECK(thrown([&] { assign(1.F); }) == here("assign: " + ended));
  CHECK(thrown([&] { exp(*kept); }) == here("exp: used outside a function; ops are traced inside sluice::function"));

  // The outer function's tensor inside of a function that is traced on its own.
  const auto outer = function("outer", [&](Tensor x) {
    function("use", [&](Tensor y) { return x + y; })(1.F);
    return x;
  });
  CHECK(thrown([&] { outer(1.F); }) == here("add: " + ended));

  // A thread has no part in the trace of another.
  std::string in_thread;
  function("threads", [&](Tensor x) {
    std::thread([&] { in_thread = thrown([&] { negative(x); }); }).join();
    return x;
  })(1.F);
  CHECK(in_thread == here("neg: used outside a function; ops are traced inside sluice::function"));
}

TEST_CASE("ops outside a function") {
  Variable w("w", Array::scalar(1.F));
  CHECK(thrown([&] { w + 1; }) ==
        here("variable \"w\" is used as a tensor outside a function; value() returns its elements"));
  CHECK(thrown([] { range(3); }) == here("iota: used outside a function; ops are traced inside sluice::function"));
  CHECK(thrown([] { random_uniform({2}); }) ==
        here("random_uniform: used outside a function; ops are traced inside sluice::function"));
}

TEST_CASE("invalid assignments") {
  Variable w("w", Array(DType::kF32, {2}));
  CHECK(thrown([&] { w.assign(Array(DType::kF32, {3})); }) == here("assign: variable \"w\" is f32[2], got f32[3]"));
  CHECK(traced({f32(3)}, [&](Tensor x) { w.assign(x); }) == here("assign: variable \"w\" is f32[2], got f32[3]"));
  CHECK(traced({f32(1, 2)}, [&](Tensor x) { w.assign_add(x); }) ==
        here("assign: variable \"w\" is f32[2], got f32[1,2]"));
  CHECK(traced({f32(2)}, [&](Tensor) { w.assign(Array(DType::kF32, {2})); }) ==
        here("assign: variable \"w\" is assigned an array while f is traced, which would happen once and not in each "
             "call; "
             "assign constant(array), or assign it outside"));
  CHECK(traced({f32(2)}, [&](Tensor) { set_seed(1); }) ==
        "set_seed: called while a function is traced; set the seed outside");
  Variable count("count", Array(DType::kI32, {2}), {.trainable = false});
  CHECK(thrown([&] { count.assign(0.5); }) ==
        here("assign: the number 0.5 does not fit the element type i32 of its tensor"));
  CHECK(thrown([] { Variable("", Array()); }) == "variable: the name is empty");
}

TEST_CASE("unknown stages are errors") {
  CHECK(thrown([] { set_dump({.stages = {"traced", "fuze"}}); }) == "there is no stage 'fuze'; did you mean 'fuse'?");
  CHECK(thrown([] { set_dump({.folder = "/dev/null/x"}); }).starts_with("/dev/null/x: cannot create the folder: "));
}

// check in traced functions: what it says, and that no variable has changed after it has failed, on both engines.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <thread>

#include "sluice/effects.h"
#include "sluice/sluice.h"
#include "tests/frontend/printed.h"
#include "tests/frontend/thrown.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy.h"

using namespace sluice;
using test::at;
using test::kNan;
using test::kUnchanged;
using test::on_both_engines;
using test::Printed;
using test::refusal;
using test::thrown_at;

TEST_CASE("a failed check names message, place and operands, and leaves every variable as it was") {
  on_both_engines([] {
    const Variable w("w", Array({1.F, 2.F}));
    const Variable steps("steps", Array::scalar(std::int64_t{0}), {.trainable = false});
    const std::uint32_t line = __LINE__ + 5;
    const auto f = function("f", {f32(batch, 2)}, [&](Tensor x) {
      steps.assign_add(1);
      w.assign_add(reduce_sum(x, 0));
      const Tensor noise = random_uniform({2});
      check(x < 3, "x is small");
      return x + noise;
    });
    set_seed(1);
    const std::vector<Array> before{w.value(), steps.value(), random_variables()[1].value()};
    const auto call = [&] { f(Array({{1.F, 2.F}, {3.F, 0.F}, {kNan, 4.5F}})); };
    for (int attempt = 0; attempt < 2; ++attempt) {
      CHECK(thrown(call) ==
            refusal("@f: check: x is small: false at [1,0] of bool[3,2] (3 of 6 elements), since 3 < 3 is false"));
      CHECK(thrown_at(call) == line);
      CHECK(w.value() == before[0]);
      CHECK(steps.value() == before[1]);
      CHECK(random_variables()[1].value() == before[2]);
    }
    f(Array({{1.F, 2.F}}));
    CHECK(w.value() == Array({2.F, 4.F}));
    CHECK(steps.value().item<int>() == 1);
    CHECK(random_variables()[1].value().item<int>() == 1);
  });
}

TEST_CASE("what a check says about its condition") {
  on_both_engines([] {
    const auto message = [](auto condition, const Array& x) {
      const auto f = function("f", [&](Tensor t) { check(condition(t), "ok"); });
      const std::string text = thrown([&] { f(x); });
      const std::string start = "@check_test.cpp @f: check: ok: ";
      if (text.empty()) return text;
      REQUIRE(text.starts_with(start));
      REQUIRE(text.ends_with(kUnchanged));
      return text.substr(start.size(), text.size() - start.size() - kUnchanged.size());
    };
    const Array x({-1.F, 2.F, kNan});
    CHECK(message([](Tensor t) { return isfinite(t); }, x).starts_with("false at [2] of bool[3] (1 of 3 elements)"));
    CHECK(message([](Tensor t) { return reduce_sum(t) > 0; }, Array({1.F, -3.F})) == "false, since -2 > 0 is false");
    CHECK(message([](Tensor t) { return 1 <= t; }, Array({2.F, 0.5F})) ==
          "false at [1] of bool[2] (1 of 2 elements), since 1 <= 0.5 is false");
    CHECK(message([](Tensor t) { return t == reduce_sum(t, 0, {.keepdims = true}); }, Array({{5, 0}, {0, 7}})) ==
          "false at [0,1] of bool[2,2] (2 of 4 elements), since 0 == 7 is false");
    CHECK(message([](Tensor t) { return (t > 0) & (t < 9); }, Array({1, 9})) ==
          "false at [1] of bool[2] (1 of 2 elements)");
    CHECK(message([](Tensor t) { return t; }, Array({true, true, false})) ==
          "false at [2] of bool[3] (1 of 3 elements)");
    CHECK(message([](Tensor t) { return t != 4; }, Array({std::int64_t{4}})) ==
          "false at [0] of bool[1] (1 of 1 elements), since 4 != 4 is false");
    CHECK(message([](Tensor t) { return t >= 0; }, x) ==
          "false at [0] of bool[3] (2 of 3 elements), since -1 >= 0 is false");
    CHECK(message([](Tensor t) { return cast(t, bool_); }, Array({2, 0})) ==
          "false at [1] of bool[2] (1 of 2 elements), where the value is 0");
    CHECK(message([](Tensor t) { return t > 0; }, Array({1.F})).empty());
    CHECK(message([](Tensor t) { return t > 0; }, Array(DType::kF32, {0, 3})).empty());  // nothing is false
  });
}

TEST_CASE("a trainer's step prints, and a failed check ends the training with the weights as before the step") {
  on_both_engines([] {
    Printed printed;
    set_seed(3);
    MLP model{Dense(8, relu), Dense(2)};
    Adam adam({.learning_rate = 1e-2});
    const Variable limit("limit", Array::scalar(1e6F), {.trainable = false});
    Trainer trainer(model, adam, toy_batch(), [&](const Tensor& images, const Tensor& labels) -> Objective {
      const Tensor logits = model(reshape(cast(images, f32), {batch, 16}) / 255);
      const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
      print(loss, "loss");
      check(loss < limit, "the loss is below the limit");
      return {.loss = loss};
    });
    const auto all_values = [&] {
      std::vector<Array> values;
      for (const Variable& variable : model.variables()) values.push_back(variable.value());
      for (const Variable& variable : adam.variables()) values.push_back(variable.value());
      return values;
    };
    const Dataset examples = toy_examples(96);
    static_cast<void>(trainer.fit(examples, {.epochs = 2, .batch = 32}));
    const std::string text = printed.take();
    CHECK(std::count(text.begin(), text.end(), '\n') == 6);
    CHECK(text.find("loss = 0.") != std::string::npos);
    const std::vector<Array> before = all_values();
    limit.assign(Array::scalar(-1.F));
    const std::string error = thrown([&] { static_cast<void>(trainer.fit(examples, {.epochs = 1, .batch = 32})); });
    CHECK_MESSAGE(error.find("check: the loss is below the limit: false, since 0.") != std::string::npos, error);
    CHECK(all_values() == before);
  });
}

TEST_CASE("any number of threads, within a function and calling functions") {
  Printed printed;
  const int threads = num_threads();
  const auto f = function("f", {f32(batch, 64)}, [](Tensor x) {
    print(reduce_sum(x), "sum");
    check(x >= 0, "not negative");
    return matmul(x, x, {.transpose_b = true});
  });
  const Array x = ones({512, 64});
  Array bad = x.clone();
  bad.at<float>(300, 17) = -1;
  bad.at<float>(400, 3) = -1;
  std::string first;
  for (const int count : {1, 2, 3}) {
    set_num_threads(count);
    f(x);
    const std::string text = printed.take();
    if (first.empty()) first = text;
    CHECK(text == first);
    CHECK(thrown([&] { f(bad); }) ==
          refusal("@f: check: not negative: false at [300,17] of bool[512,64] (2 of 32768 elements), since -1 >= 0 is "
                  "false"));
    CHECK(printed.take().find("sum = 32764 f32[]") != std::string::npos);  // printed before the check
  }
  set_num_threads(threads);

  const Variable w("w", Array::scalar(0.F));
  std::vector<std::thread> callers;
  std::array<int, 4> refused{};
  for (std::size_t i = 0; i < refused.size(); ++i) {
    callers.emplace_back([&, i] {
      const auto own = function("own", {f32()}, [&](Tensor t) {
        print(t, "t");
        w.assign_add(1);
        check(t > 0, "positive");
      });
      for (int call = 0; call < 50; ++call) refused[i] += thrown([&] { own(call % 2); }).empty() ? 0 : 1;
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const int count : refused) CHECK(count == 25);
  CHECK(w.value()() == 100);
  const std::string text = printed.take();
  CHECK(std::count(text.begin(), text.end(), '\n') == 200);
}

TEST_CASE("with check_numerics a value that is not finite prints before the step fails") {
  on_both_engines([] {
    Printed printed;
    const Variable w("w", Array::scalar(1.F));
    const std::uint32_t line = __LINE__ + 2;
    const auto f = function("f", {f32(2)}, [&](Tensor x) {
      print(log(x), "log");
      check(x < 9, "below 9");
      w.assign_add(reduce_sum(log(x)));
      return x;
    });
    f.check_numerics();
    const std::string error = thrown([&] { f({1, -1}); });
    CHECK_MESSAGE(error.find("@f: log gives nan at [1] of f32[2]") != std::string::npos, error);
    CHECK(printed.take() == at(line, "log = [0, nan] f32[2]"));
    CHECK(thrown([&] { f({9, 1}); }).find("check: below 9: false at [0]") != std::string::npos);
    CHECK(w.value()() == 1);
    f({1, 1});
    CHECK(w.value()() == 1);

    // It judges neither what is only printed nor what a check compares, such as the infinity of isfinite.
    const auto g = function("g", {f32(2)}, [&](Tensor x) {
      print(log(x), "log");
      check(isfinite(x), "finite");
      check(log(x) <= 0, "not above 1");
      return x / x;
    });
    g.check_numerics();
    CHECK(g({0.5, 1.0}) == Array({1.F, 1.F}));
    CHECK(thrown([&] { g({0.5, 0.0}); }).find("@g: div gives nan at [1]") != std::string::npos);
    CHECK(printed.take().find("log = [-0.6931472, -inf] f32[2]") != std::string::npos);
    const auto masked = function("masked", {f32(2)}, [](Tensor x) { return exp(print(log(x), "log")); });
    masked.check_numerics();
    CHECK(masked({0, 1}) == Array({0.F, 1.F}));
  });
}

TEST_CASE("a saved function has no prints, and none with checks is saved") {
  on_both_engines([] {
    Printed printed;
    const TemporaryFolder folder;
    const Variable w("w", Array({2.F, 3.F}));
    const auto f = function("f", {f32(batch, 2).named("x")}, [&](Tensor x) {
      print(x, "x");
      return print(print(w, "w") * x, "product");
    });
    CHECK(f(Array({{1.F, 1.F}})) == Array({{2.F, 3.F}}));
    printed.take();
    save(f, folder.path() / "f");
    const LoadedModel loaded = load(folder.path() / "f");
    const std::vector<Array> got = loaded.run({Array({{1.F, 2.F}})});
    REQUIRE(got.size() == 1);
    CHECK(got[0] == Array({{2.F, 6.F}}));
    CHECK(printed.take().empty());

    const std::uint32_t line = __LINE__ + 2;
    const auto g = function("g", {f32(batch)}, [&](Tensor x) {
      check(x > 0, "positive");
      return x;
    });
    const auto wrong = [&] { save(g, folder.path() / "g"); };
    CHECK(thrown(wrong) ==
          "@check_test.cpp save: @g checks \"positive\", which a saved model cannot: leave the check "
          "out of the saved function, and check in the calling program");
    CHECK(thrown_at(wrong) == line);
    CHECK_FALSE(std::filesystem::exists(folder.path() / "g"));
  });
}

TEST_CASE("misuse of print and check is an error at its line") {
  const auto traced = [](auto body) { return thrown([&] { function("f", {f32(3)}, body).compile(); }); };
  CHECK(traced([](Tensor x) { check(x, "x"); }) == "@check_test.cpp check: expected a bool condition, got f32[3]");
  CHECK(traced([](Tensor) { print(Tensor(), "x"); }) ==
        "@check_test.cpp a Tensor is used before it is assigned; assign it first");
  Tensor kept;
  const auto keeper = function("keeper", {f32(3)}, [&](Tensor x) {
    kept = x;
    return x;
  });
  keeper.compile();
  CHECK(traced([&](Tensor) { print(kept, "x"); }).starts_with("@check_test.cpp print: the tensor f32[3] belongs to "));
  CHECK(traced([&](Tensor) { check(kept, "x"); }) == "@check_test.cpp check: expected a bool condition, got f32[3]");
  CHECK(thrown([&] { print(kept, "x"); }) ==
        "@check_test.cpp print: used outside a function; ops are traced inside sluice::function");
  CHECK(thrown([&] { check(kept, "x"); }) ==
        "@check_test.cpp check: used outside a function; ops are traced inside sluice::function");
}

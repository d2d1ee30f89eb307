// Steps that produce a NaN or an infinity: which line is named, and that no variable has changed. Each on both engines.
#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>

#include "sluice/sluice.h"
#include "tests/support/temporary_folder.h"
#include "tests/train/toy.h"

using namespace sluice;

namespace {

constexpr Engine kEngines[] = {Engine::kJit, Engine::kReference};
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Calls `test` with each engine as the default.
template <typename F>
void on_both_engines(F test) {
  for (const Engine engine : kEngines) {
    CAPTURE(static_cast<int>(engine));
    set_default_engine(engine);
    test();
  }
  set_default_engine(Engine::kJit);
}

struct Thrown {
  std::uint32_t line = 0;  ///< 0: none, or not in this file
  std::string message;
};

template <typename F>
Thrown thrown(F f) {
  try {
    f();
  } catch (const Error& error) {
    const bool here = error.location().file.ends_with("numerics_test.cpp");
    return {here ? error.location().line : 0, error.message()};
  }
  return {};
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

template <typename Function>
std::vector<Array> values_of(const Function& function) {
  std::vector<Array> values;
  for (const auto& variable : function.variables()) values.push_back(variable->value());
  return values;
}

/// Checks that a call fails at `line` with a message that has all `parts`, and changes no variable.
template <typename Function, typename... Arguments>
void check_refused(const Function& f, std::uint32_t line, std::initializer_list<std::string_view> parts,
                   const Arguments&... arguments) {
  f.compile();
  const std::vector<Array> before = values_of(f);
  REQUIRE_FALSE(before.empty());
  for (int attempt = 0; attempt < 2; ++attempt) {
    const Thrown error = thrown([&] { f(arguments...); });
    CHECK(error.line == line);
    for (const std::string_view part : parts) CHECK_MESSAGE(contains(error.message, part), error.message);
    CHECK(contains(error.message, "; all variables are as before the step"));
    CHECK(values_of(f) == before);
  }
}

}  // namespace

TEST_CASE("the first op that produces a NaN is named, with its operand, and nothing has changed") {
  on_both_engines([] {
    const Variable w("w", Array({1.F, 2.F}, {2}));
    const std::uint32_t line = __LINE__ + 3;
    const auto f = function("f", {f32(batch, 2)}, [&](Tensor x) {
      const Tensor moved = x - w;
      const Tensor y = log(moved);
      w.assign(w + reduce_sum(y, 0));
      return reduce_sum(y * 2);
    });
    f.check_numerics();
    check_refused(f, line,
                  {"@f: log gives nan at [1,0] of f32[2,2]", "\n  operand 0, f32[2,2], is -3 there; it was made at ",
                   fmt::format("numerics_test.cpp:{}", line - 1)},
                  Array({3.F, 4.F, -2.F, 5.F}, {2, 2}));
    f(Array({2.F, 3.F}, {1, 2}));  // log(1)
    CHECK(w.value() == Array({1.F, 2.F}, {2}));
  });
}

TEST_CASE("an overflow is named, not the NaN that results from it") {
  on_both_engines([] {
    const Variable w("w", Array::scalar(1.F));
    const std::uint32_t line = __LINE__ + 2;
    const auto f = function("f", {f32(batch)}, [&](Tensor x) {
      const Tensor e = exp(x);
      const Tensor share = e / reduce_sum(e, 0);
      w.assign_add(reduce_max(share));
      return share;
    });
    f.check_numerics();
    check_refused(f, line, {"exp gives inf at [1] of f32[3]", "operand 0, %arg0 f32[3], is 100 there"},
                  Array({1.F, 100.F, 200.F}, {3}));
  });
}

TEST_CASE("a division of zero by zero, a sum that overflows, a product of large matrices") {
  on_both_engines([] {
    const Variable w("w", Array::scalar(2.F));
    const std::uint32_t line = __LINE__ + 2;
    const auto divide =
        function("divide", {f32(batch), f32(batch)}, [&](Tensor x, Tensor y) { w.assign(w + reduce_sum(x / y)); });
    divide.check_numerics();
    check_refused(divide, line,
                  {"div gives nan at [1] of f32[2]", "operand 0, %arg0 f32[2], is 0 there",
                   "operand 1, %arg1 f32[2], is 0 there"},
                  Array({1.F, 0.F}, {2}), Array({1.F, 0.F}, {2}));

    const std::uint32_t sum_line = __LINE__ + 1;
    const auto sum = function("sum", {f32(batch)}, [&](Tensor x) { return reduce_sum(x) * w; });
    sum.check_numerics();
    check_refused(sum, sum_line, {"reduce_sum gives inf; all", "operand 0, %arg0 f32[2], is from 2e+38 to 3e+38"},
                  Array({2e38F, 3e38F}, {2}));

    const std::uint32_t product_line = __LINE__ + 2;
    const auto product = function("product", {f32(batch, 2)}, [&](Tensor x) {
      const Tensor squares = matmul(x, x, {.transpose_a = true});
      return squares * w;
    });
    product.check_numerics();
    check_refused(product, product_line, {"matmul gives inf at [1,1] of f32[2,2]", "is from 1 to 1e+30"},
                  Array({1.F, 1.F, 1.F, 1e30F}, {2, 2}));
  });
}

TEST_CASE("a NaN in an input is attributed to the input") {
  on_both_engines([] {
    const Variable w("weight", Array::scalar(2.F));
    const std::uint32_t line = __LINE__ + 1;
    const auto f = function("f", {f32(batch, 2, 2).named("images")}, [&](Tensor x) {
      const Tensor mean = reduce_mean(x);
      w.assign_add(mean);
      return mean;
    });
    f.check_numerics();
    check_refused(f, line, {"the input %images has nan at [1,0,1] of f32[2,2,2]"},
                  Array({0.F, 1.F, 2.F, 3.F, 4.F, kNan, 6.F, 7.F}, {2, 2, 2}));
    w.assign(Array::scalar(kInfinity));
    const Thrown error = thrown([&] { f(Array(DType::kF32, {1, 2, 2})); });
    CHECK_MESSAGE(contains(error.message, "the input variable \"weight\" has inf; all"), error.message);
  });
}

TEST_CASE("an op of a gradient is named at the line that it differentiates") {
  on_both_engines([] {
    const Variable w("w", Array({4.F, 0.F, 9.F}, {3}));
    const std::uint32_t line = __LINE__ + 2;
    const auto f = function("f", {f32(batch)}, [&](Tensor x) {
      const Tensor roots = sqrt(w);
      const Tensor loss = reduce_sum(roots) * reduce_sum(x);
      w.assign_sub(gradients(loss, {w})[0] * 0.1);
      return loss;
    });
    f.check_numerics();
    check_refused(f, line, {"@f: in the gradient of this, ", " gives inf at [1] of f32[3]"}, Array({1.F}, {1}));
  });
}

TEST_CASE("random numbers are drawn again, and all optimizer state is kept") {
  on_both_engines([] {
    set_seed(7);
    MLP model(
        Dense(40, relu), [](Tensor x) { return dropout(x, 0.5, Mode::kTrain); }, Dense(2));
    Adam adam;
    std::uint32_t line = 0;
    const auto step = function("step", {f32(batch, 16)}, [&](Tensor x) {
      const Tensor y = model(x);
      line = __LINE__ + 1;
      const Tensor loss = reduce_sum(log(y));
      adam.apply(gradients(loss, model.variables()), model.variables());
      return loss;
    });
    step.check_numerics();
    step.compile();
    check_refused(step, line, {"log gives", "operand 0, f32[3,2], is "}, [] {
      Array x(DType::kF32, {3, 16});
      for (float& each : x.data<float>()) each = 1;
      return x;
    }());
  });
}

TEST_CASE("an intended infinity that reaches no result is not an error") {
  on_both_engines([] {
    const Variable w("w", Array::scalar(1.F));
    const std::uint32_t line = __LINE__ + 4;
    const auto f = function("f", {f32(batch), f32(batch)}, [&](Tensor x, Tensor y) {
      const Tensor masked = select(x > 0, x, -kInfinity);
      const Tensor shares = exp(masked - reduce_max(masked));
      const Tensor logs = log(y);
      w.assign_add(reduce_sum(shares));
      return shares + logs;
    });
    f.check_numerics();
    CHECK(f(Array({1.F, -1.F}, {2}), Array({1.F, 1.F}, {2})) == Array({1.F, 0.F}, {2}));
    check_refused(f, line, {"log gives -inf at [1] of f32[2]"}, Array({1.F, -1.F}, {2}), Array({1.F, 0.F}, {2}));
  });
}

TEST_CASE("a denormal number counts as zero in compiled code, and so in the search") {
  const Variable w("w", Array::scalar(1.F));
  const std::uint32_t line = __LINE__ + 1;
  const auto f = function("f", {f32(batch)}, [&](Tensor x) { return log(x * 1e-20F) * w; });
  f.check_numerics();
  check_refused(f, line, {"log gives -inf at [0] of f32[1]", "operand 0, f32[1], is 0 there"}, Array({1e-20F}, {1}));
}

TEST_CASE("checks are enabled by function, by trainer, or by $SLUICE_FLAGS") {
  on_both_engines([] {
    const Array minus_one({-1.F}, {1});
    const auto f = function("f", {f32(batch)}, [](Tensor x) { return log(x); });
    CHECK_FALSE(std::isfinite(f(minus_one).item<float>()));
    f.check_numerics();
    CHECK(contains(thrown([&] { f(minus_one); }).message, "log gives nan"));

    setenv("SLUICE_FLAGS", "--check-numerics", 1);
    const auto g = function("g", {f32(batch)}, [](Tensor x) { return log(x); });
    CHECK(contains(thrown([&] { g(minus_one); }).message, "log gives nan"));
    unsetenv("SLUICE_FLAGS");
  });
}

TEST_CASE("a trainer stops before the step, and its checkpoint resumes there") {
  on_both_engines([] {
    const TemporaryFolder folder;
    const Dataset examples = toy_examples(80);
    int steps = 0;
    // The 80 examples are 5 steps; from the third on the rate overflows.
    const FitOptions options{.epochs = 1,
                             .batch = 16,
                             .schedule = [](std::int64_t step) { return step < 2 ? 1e-2 : 1e30; },
                             .callbacks = {{.on_step = [&](const StepReport&) { ++steps; }}},
                             .checkpoint = {.folder = folder.path(), .resume = true}};
    const auto train = [&] {
      Parabola model(0.1);
      Trainer trainer(model, model.sgd, toy_batch(), [&](Tensor, Tensor) { return model.objective(); },
                      {.check_numerics = true});
      const Thrown error = thrown([&] { trainer.fit(examples, options); });
      return std::pair(error, model.value());
    };
    const auto [error, value] = train();
    CHECK_MESSAGE(contains(error.message, "@train_step: "), error.message);
    CHECK(std::isfinite(value));
    const int done = steps;
    CHECK(done >= 2);
    CHECK(done < 5);
    const auto [again, same] = train();
    CHECK(again.message == error.message);
    CHECK(same == value);
    CHECK(steps == done);  // it continued at the failing step
  });
}

// Numbers at the limits of a dtype: C++ numbers in expressions, norms, random limits, Adam, losses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr float kMaxFloat = std::numeric_limits<float>::max();

/// Returns the error for `number` next to a tensor of `dtype`, or an empty string.
std::string refused(DType dtype, const Literal& number) {
  return thrown([&] { function("f", {}, [&] { return full({2}, number, dtype); }).compile(); });
}

/// The elements as numbers.
std::vector<double> numbers_of(const Array& array) {
  return visit_dtype(array.dtype(), [&]<typename T>(T) {
    const auto elements = array.data<T>();
    return std::vector<double>(elements.begin(), elements.end());
  });
}

/// Returns the gradients and the norm of clip_by_global_norm for `values`.
template <typename T>
std::pair<std::vector<double>, double> clip_values(const std::vector<T>& values, double limit) {
  const auto clip = function("clip", [&](Tensor g) {
    const auto [gradients, norm] = clip_by_global_norm({g}, limit);
    return outputs(gradients[0], norm);
  });
  const auto [gradients, norm] = clip(values);
  return {numbers_of(gradients), norm.template item<double>()};
}

}  // namespace

TEST_CASE("a C++ number that does not fit its tensor's dtype is an error at the user's line") {
  const std::vector<std::pair<DType, std::vector<Literal>>> cases{
      {DType::kU8, {300, -1, 0.5, 2.0, kNan, true, 256ULL}},
      {DType::kI32, {2147483648LL, -2147483649LL, 4294967295U, 0.5, kNan, kInf, true}},
      {DType::kI64, {9223372036854775808ULL, 18446744073709551615ULL, 1.0, kNan}},
      {DType::kF32, {16777217, -16777217, 18446744073709551615ULL, 9223372036854775807LL, 1e300, -1e39, 1e-50, true}},
      {DType::kF64, {9007199254740993LL, 18446744073709551615ULL, 9223372036854775807LL, true}},
      {DType::kBool, {1, 0.0, 2ULL}},
  };
  for (const auto& [dtype, numbers] : cases) {
    for (const Literal& number : numbers) {
      const std::string text = std::visit([](auto n) { return fmt::format("{}", n); }, number.value());
      CHECK(refused(dtype, number) ==
            fmt::format("@extremes_test.cpp full: the number {} does not fit the element type "
                        "{} of its tensor",
                        text, to_string(dtype)));
    }
  }
  const auto add = [](auto number) {
    return thrown([&] { function("f", {i64(2)}, [&](Tensor x) { return x + number; }).compile(); });
  };
  CHECK(add(18446744073709551615ULL) ==
        "@extremes_test.cpp add: the number 18446744073709551615 does not fit the element type i64 of its tensor");
  CHECK(add(std::uint64_t{5}).empty());
  const Variable w("w", Array::scalar(1.F));
  CHECK(thrown([&] { w.assign(1e39); }) ==
        "@extremes_test.cpp assign: the number 1e+39 does not fit the element type f32 of its tensor");
}

TEST_CASE("a C++ number that fits the dtype keeps its value") {
  const std::vector<std::pair<DType, std::vector<Literal>>> cases{
      {DType::kU8, {0, 255, 255ULL}},
      {DType::kI32, {2147483647, -2147483647 - 1, 2147483647ULL}},
      {DType::kF32, {16777216, 9223372036854775808ULL, 1ULL << 40, double{kMaxFloat}, 3.4028235e38F}},
      {DType::kF64, {9007199254740992LL, 9223372036854775808ULL, 1e300, 5e-324, -0.0, 0.1}},
      {DType::kBool, {true, false}},
  };
  for (const auto& [dtype, numbers] : cases) {
    for (const Literal& number : numbers) {
      CAPTURE(to_string(dtype));
      const double expected = std::visit([](auto n) { return static_cast<double>(n); }, number.value());
      CHECK(numbers_of(function("f", {}, [&] { return full({2}, number, dtype); })())[1] == expected);
    }
  }
  const auto full_of = [](const Literal& number, DType dtype) {
    return function("f", {}, [&] { return full({}, number, dtype); })();
  };
  CHECK(full_of(9223372036854775807LL, DType::kI64).item<std::int64_t>() == 9223372036854775807LL);
  CHECK(full_of(std::numeric_limits<std::int64_t>::min(), DType::kI64).item<std::int64_t>() ==
        std::numeric_limits<std::int64_t>::min());
  const auto beyond_or_nan = function("f", {f32()}, [](Tensor x) {
    return outputs(x + kInf > double{kMaxFloat}, x - kInf < -double{kMaxFloat}, x + kNan == x + kNan);
  })(1.F);
  CHECK(beyond_or_nan[0].item<bool>());
  CHECK(beyond_or_nan[1].item<bool>());
  CHECK_FALSE(beyond_or_nan[2].item<bool>());
  CHECK(full_of(3.4028235e38, DType::kF32).item<float>() == kMaxFloat);  // rounded, like every decimal
}

TEST_CASE("norms whose squares overflow or underflow") {
  const auto norm = [](auto values) {
    return function("norm", [](Tensor x) { return global_norm({x, x}); })(values).template item<double>();
  };
  CHECK(norm(std::vector{1e20F, 0.F}) == doctest::Approx(std::sqrt(2.0) * 1e20).epsilon(1e-6));
  CHECK(norm(std::vector{1e-30F, 0.F}) == doctest::Approx(std::sqrt(2.0) * 1e-30).epsilon(1e-6));
  CHECK(norm(std::vector{1e200, 1e200}) == doctest::Approx(2e200));
  CHECK(norm(std::vector{1e-200, 0.0}) == doctest::Approx(std::sqrt(2.0) * 1e-200));
  CHECK(norm(std::vector{0.F, 0.F}) == 0);
  CHECK(norm(std::vector<float>{}) == 0);
  CHECK(std::isnan(norm(std::vector{1.F, static_cast<float>(kNan)})));
  CHECK_FALSE(std::isfinite(norm(std::vector{1.F, -static_cast<float>(kInf)})));

  const auto derivative = function("derivative", [](Tensor x) {
    const Tensor first = gradients(global_norm({x}), {x})[0];
    return outputs(first, gradients(reduce_sum(first * constant(Array({1.F, 0.F}, {2}))), {x})[0]);
  });
  const auto [first, second] = derivative(std::vector{3.F, 4.F});
  CHECK(numbers_of(first)[0] == doctest::Approx(0.6));
  CHECK(numbers_of(first)[1] == doctest::Approx(0.8));
  CHECK(numbers_of(second)[0] == doctest::Approx(16.0 / 125));
  CHECK(numbers_of(second)[1] == doctest::Approx(-12.0 / 125));
}

TEST_CASE("clipping by norms whose squares overflow or underflow") {
  const auto check = [](const std::pair<std::vector<double>, double>& got, const std::vector<double>& gradients,
                        double norm) {
    CHECK(got.second == doctest::Approx(norm).epsilon(1e-6));
    for (std::size_t i = 0; i < gradients.size(); ++i)
      CHECK(got.first[i] == doctest::Approx(gradients[i]).epsilon(1e-6));
  };
  const double half = std::sqrt(0.5);
  check(clip_values<float>({1e20F, 1e20F}, 1), {half, half}, 1.41421356e20);
  check(clip_values<double>({1e200, -1e200}, 1), {half, -half}, 1.41421356e200);
  check(clip_values<float>({1e-30F, 0}, 1), {1e-30, 0}, 1e-30);
  check(clip_values<float>({3e-30F, 4e-30F}, 1e-30), {0.6e-30, 0.8e-30}, 5e-30);
  check(clip_values<float>({0, 0}, 1), {0, 0}, 0);
  const auto beyond = clip_values<float>({3e38F, 3e38F}, 1);  // the norm itself overflows f32
  CHECK(beyond.second == kInf);
  CHECK(beyond.first[0] == doctest::Approx(half));
  CHECK(clip_values<float>({0.1F, 0.2F}, 1).first == std::vector<double>{0.1F, 0.2F});  // bit for bit
  for (const double bad : {kInf, -kInf, kNan}) {
    const auto [gradients, norm] = clip_values<float>({static_cast<float>(bad), 1}, 1);
    CHECK_FALSE(std::isfinite(norm));
    CHECK(std::isnan(gradients[0]));
    CHECK(std::isnan(gradients[1]));
  }
  CHECK(thrown([] {
          clip_values<float>({1, 1}, kInf);
        }) == "@extremes_test.cpp clip_by_global_norm: expected a norm above 0, got inf");
}

TEST_CASE("uniform numbers stay below their upper limit") {
  const std::vector<std::pair<double, double>> limits{{0, 1},          {0, 1.5},        {100, 101},   {1000, 1001},
                                                      {1e7, 1e7 + 4},  {-1001, -1000},  {-1, 0},      {0.3, 0.7},
                                                      {1, 1 + 1.2e-7}, {-3e-38, 3e-38}, {-1e38, 1e38}};
  for (const auto& [low, high] : limits) {
    CAPTURE(low);
    CAPTURE(high);
    const auto lowest = static_cast<float>(low);
    const auto limit = static_cast<float>(high);
    const auto draw = function("draw", {}, [&] { return random_uniform({200000}, low, high); });
    const Array initial = initial_uniform({200000}, low, high);
    for (const Array& drawn : {draw(), initial}) {
      CHECK(std::ranges::min(drawn.data<float>()) >= lowest);
      CHECK(std::ranges::max(drawn.data<float>()) < limit);
    }
  }
  for (const auto& [low, high] : {std::pair{1e15, 1e15 + 1}, {100.0, 101.0}, {-1.0, 0.0}}) {
    CAPTURE(low);
    const auto draw = function("draw", {}, [&] { return random_uniform({20000}, low, high, DType::kF64); });
    const Array drawn = draw();
    CHECK(std::ranges::min(drawn.data<double>()) >= low);
    CHECK(std::ranges::max(drawn.data<double>()) < high);
  }
}

TEST_CASE("invalid random distributions are errors at the user's line") {
  const auto uniform = [](double low, double high, DType dtype = DType::kF32) {
    return thrown([&] { function("f", {}, [&] { return random_uniform({2}, low, high, dtype); }).compile(); });
  };
  const std::string expected =
      "@extremes_test.cpp random_uniform: expected low below high, and a difference that f32 holds, got ";
  CHECK(uniform(1, 1) == expected + "1 and 1");
  CHECK(uniform(2, 1) == expected + "2 and 1");
  CHECK(uniform(100, 100 + 1e-9) == expected + "100 and 100.000000001");
  CHECK(uniform(-3e38, 3e38) == expected + "-3e+38 and 3e+38");
  CHECK(uniform(kNan, 1) == expected + "nan and 1");
  CHECK(uniform(0, kInf) == expected + "0 and inf");
  CHECK(uniform(100, 100 + 1e-9, DType::kF64).empty());
  CHECK(thrown([] { initial_uniform({2}, 3, 3); }) ==
        "@extremes_test.cpp initial_uniform: expected low below high, and a difference that f32 holds, got 3 and 3");
  CHECK(
      thrown([] { initial_normal({2}, 0, -1); }) ==
      "@extremes_test.cpp initial_normal: expected a finite mean and a finite standard deviation of at least 0, got 0 "
      "and -1");
  CHECK(thrown([] { function("f", {}, [] { return random_normal({2}, kInf, 1); }).compile(); }) ==
        "@extremes_test.cpp random_normal: expected a finite mean and a finite standard deviation of at least 0, got "
        "inf and 1");
}

TEST_CASE("Adam stays finite after gradients whose squares overflow, and then follows its formula") {
  for (const float huge : {2e19F, -1e30F, kMaxFloat}) {
    CAPTURE(huge);
    const Variable w("w", Array::scalar(1.F));
    Adam adam({.learning_rate = 0.1});
    const auto step = function("step", {f32()}, [&](Tensor g) { adam.apply({g}, {w}); });
    double expected = 1;
    double m = 0;
    double v = 0;
    for (int t = 1; t <= 30; ++t) {
      const float g = t == 3 ? huge : 0.5F;
      step(g);
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      expected -= 0.1 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t)) * m / (std::sqrt(v) + 1e-7);
      CHECK(w.value().item<float>() == doctest::Approx(expected).epsilon(1e-5));
    }
  }
  const Variable w("w", Array::scalar(1.F));
  Adam adam;
  function("step", {f32()}, [&](Tensor g) { adam.apply({g}, {w}); })(static_cast<float>(kInf));
  CHECK(std::isnan(w.value().item<float>()));
}

TEST_CASE("Adam adds epsilon where Keras does, or PyTorch") {
  // One step from 1 with learning rate 0.1 and gradient 1e-8: Keras 3.15 yields 0.9996848, PyTorch 2.13 0.9909091.
  const auto after_a_step = [](AdamOptions options) {
    const Variable w("w", Array::scalar(1.F));
    Adam adam(options);
    function("step", {f32()}, [&](Tensor g) { adam.apply({g}, {w}); })(1e-8F);
    return w.value().item<float>();
  };
  CHECK(after_a_step({.learning_rate = 0.1}) == doctest::Approx(0.9996848).epsilon(1e-7));
  CHECK(after_a_step({.learning_rate = 0.1, .epsilon_place = AdamEpsilon::kPyTorch}) ==
        doctest::Approx(0.9909091).epsilon(1e-7));
}

TEST_CASE("losses of extreme logits, and their derivatives") {
  for (const float big : {1e30F, 1.5e38F}) {
    CAPTURE(big);
    const auto of_classes = function("of_classes", [](Tensor logits, Tensor labels) {
      const Tensor each = sparse_softmax_cross_entropy(logits, labels);
      return outputs(each, gradients(reduce_sum(each), {logits})[0], log_softmax(logits), softmax(logits));
    });
    const auto [loss, derivative, logs, shares] =
        of_classes(Array({big, -big, 0.F, big, -big, 0.F, big, -big, 0.F}, {3, 3}), std::vector<std::int64_t>{0, 1, 2});
    CHECK(numbers_of(loss) == std::vector<double>{0, 2 * big, big});
    CHECK(numbers_of(derivative) == std::vector<double>{0, 0, 0, 1, -1, 0, 1, 0, -1});
    CHECK(numbers_of(logs)[1] == -2 * big);
    CHECK(numbers_of(logs)[0] == 0);
    CHECK(numbers_of(shares) == std::vector<double>{1, 0, 0, 1, 0, 0, 1, 0, 0});

    const auto of_each = function("of_each", [](Tensor logits, Tensor labels) {
      const Tensor each = sigmoid_cross_entropy(logits, labels);
      return outputs(each, gradients(reduce_sum(each), {logits})[0]);
    });
    const auto [losses, derivatives] = of_each(std::vector{big, big, -big, -big}, std::vector{0.F, 1.F, 0.F, 1.F});
    CHECK(numbers_of(losses) == std::vector<double>{big, 0, 0, big});
    CHECK(numbers_of(derivatives) == std::vector<double>{1, 0, 0, -1});
  }
}

TEST_CASE("the loss of a confident correct logit keeps its digits") {
  const auto loss = function("loss", [](Tensor logits) { return sigmoid_cross_entropy(logits, ones_like(logits)); });
  const std::vector<double> got = numbers_of(loss(std::vector{20.F, 50.F}));
  CHECK(got[0] == doctest::Approx(2.0611536e-9).epsilon(1e-5));
  CHECK(got[1] == doctest::Approx(1.9287498e-22).epsilon(1e-5));
}

TEST_CASE("relu6 and hard_sigmoid have derivative 0 at their bounds, clip_by_value 1") {
  const auto with_derivative = [](auto f, const std::vector<float>& x) {
    const auto both = function("f", [&](Tensor t) {
      const Tensor y = f(t);
      return outputs(y, gradients(reduce_sum(y), {t})[0]);
    });
    const auto [y, derivative] = both(x);
    return std::pair(numbers_of(y), numbers_of(derivative));
  };
  using Numbers = std::vector<double>;
  const auto infinite = static_cast<float>(kInf);
  CHECK(with_derivative([](const Tensor& t) { return relu6(t); }, {-infinite, -1, 0, 1e-9F, 3, 6, 7, infinite}) ==
        std::pair(Numbers{0, 0, 0, 1e-9F, 3, 6, 6, 6}, Numbers{0, 0, 0, 1, 1, 0, 0, 0}));
  const double sixth = 1.F / 6;
  CHECK(with_derivative([](const Tensor& t) { return hard_sigmoid(t); }, {-4, -3, 0, 3, 4}) ==
        std::pair(Numbers{0, 0, 0.5, 1, 1}, Numbers{0, 0, sixth, 0, 0}));
  CHECK(with_derivative([](const Tensor& t) { return clip_by_value(t, 0, 6); }, {-1, 0, 3, 6, 7}) ==
        std::pair(Numbers{0, 0, 3, 6, 6}, Numbers{0, 1, 1, 1, 0}));
  CHECK(std::isnan(with_derivative([](const Tensor& t) { return relu6(t); }, {static_cast<float>(kNan)}).first[0]));
}

// Losses and their derivatives against the same formulas in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "sluice/frontend.h"
#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"

using namespace sluice;

namespace {

constexpr std::int64_t kBatches[] = {1, 3, 64, 128};

std::vector<double> log_softmax_of(const std::vector<double>& z, std::size_t row, std::size_t classes) {
  double sum = 0;
  for (std::size_t c = 0; c < classes; ++c) sum += std::exp(z[row * classes + c]);
  std::vector<double> result;
  for (std::size_t c = 0; c < classes; ++c) result.push_back(z[row * classes + c] - std::log(sum));
  return result;
}

}  // namespace

TEST_CASE("batches of all sizes against the formula in double") {
  constexpr std::int64_t kClasses = 7;  // fits no vector
  const auto f = function("f", {f32(batch, kClasses), i32(batch)}, [](Tensor z, Tensor labels) {
    const Tensor loss =
        sparse_categorical_crossentropy(z, labels,
                                        {.ignore_label = -1,
                                         .label_smoothing = 0.1,
                                         .class_weights = constant(Array(std::vector<float>{1, 2, 3, 0.5, 1, 0, 1}))});
    return outputs(loss, gradients(loss, {z})[0]);
  });
  const double weights[] = {1, 2, 3, 0.5, 1, 0, 1};
  for (const std::int64_t rows : kBatches) {
    CAPTURE(rows);
    const Array z = test::pattern({rows, kClasses});
    Array labels(DType::kI32, {rows});
    for (std::int64_t i = 0; i < rows; ++i)
      labels.at<std::int32_t>(i) = static_cast<std::int32_t>(i % (kClasses + 1) - (i > 0));
    const auto host = [&](const test::Doubles& in) {
      double total = 0;
      double counted = 0;
      for (std::int64_t i = 0; i < rows; ++i) {
        const std::int32_t label = labels.at<std::int32_t>(i);
        if (label < 0) continue;
        const std::vector<double> log_p = log_softmax_of(in[0], static_cast<std::size_t>(i), kClasses);
        for (std::size_t c = 0; c < kClasses; ++c) {
          const double share = (c == static_cast<std::size_t>(label) ? 0.9 : 0) + 0.1 / kClasses;
          total -= share * weights[c] * log_p[c];
        }
        counted += weights[label];
      }
      return total / counted;
    };
    const auto [loss, slope] = f(z, labels);
    const test::Doubles in{test::doubles(z)};
    CHECK(loss.item<double>() == doctest::Approx(host(in)).epsilon(1e-5));
    CHECK(test::difference(slope, test::gradient_of(host, in)[0]) < 1e-5);
  }
}

TEST_CASE("first and second derivatives") {
  constexpr std::int64_t kRows = 3;
  constexpr std::size_t kClasses = 5;
  const Array x = test::pattern({kRows, kClasses});
  const TensorSpec spec = f32(kRows, 5);
  const Variable target("target", test::pattern({kRows, kClasses}, 1));
  const auto each = [](auto loss) {
    return [=](const test::Doubles& in) {
      double sum = 0;
      for (std::size_t i = 0; i < in[0].size(); ++i) sum += loss(in[0][i], in[1][i]);
      return sum / static_cast<double>(in[0].size());
    };
  };
  const auto huber_of = [](double delta) {
    return [=](double a, double b) {
      const double e = std::abs(a - b);
      return e <= delta ? e * e / 2 : delta * (e - delta / 2);
    };
  };
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return huber(t, target, 0.8); }, each(huber_of(0.8)));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return smooth_l1(t, target, 0.8); },
      each([=](double a, double b) { return huber_of(0.8)(a, b) / 0.8; }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return mean_absolute_error(t, target); },
      each([](double a, double b) { return std::abs(a - b); }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return log_cosh(t, target); },
      each([](double a, double b) { return std::log(std::cosh(a - b)); }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return hinge(t, target); },
      each([](double a, double b) { return std::max(1 - a * b, 0.0); }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return squared_hinge(t, target); },
      each([](double a, double b) { return std::pow(std::max(1 - a * b, 0.0), 2); }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return poisson(exp(t), target); },
      each([](double a, double b) { return std::exp(a) - b * std::log(std::exp(a) + 1e-7); }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return binary_crossentropy(t, sigmoid(target), {.pos_weight = 3}); },
      each([](double a, double b) {
        const double p = 1 / (1 + std::exp(-a));
        const double y = 1 / (1 + std::exp(-b));
        return -3 * y * std::log(p) - (1 - y) * std::log(1 - p);
      }));
  const auto by_row = [](auto loss) {
    return [=](const test::Doubles& in) {
      double sum = 0;
      for (std::size_t row = 0; row < kRows; ++row) sum += loss(in, row);
      return sum / kRows;
    };
  };
  test::check_derivatives(
      spec, x, {target},
      [&](Tensor t) { return categorical_crossentropy(t, softmax(target), {.label_smoothing = 0.2}); },
      by_row([](const test::Doubles& in, std::size_t row) {
        const std::vector<double> log_p = log_softmax_of(in[0], row, kClasses);
        const std::vector<double> log_t = log_softmax_of(in[1], row, kClasses);
        double sum = 0;
        for (std::size_t c = 0; c < kClasses; ++c) sum -= (0.8 * std::exp(log_t[c]) + 0.2 / kClasses) * log_p[c];
        return sum;
      }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return kl_divergence(log_softmax(t), softmax(target)); },
      by_row([](const test::Doubles& in, std::size_t row) {
        const std::vector<double> log_p = log_softmax_of(in[0], row, kClasses);
        const std::vector<double> log_t = log_softmax_of(in[1], row, kClasses);
        double sum = 0;
        for (std::size_t c = 0; c < kClasses; ++c) sum += std::exp(log_t[c]) * (log_t[c] - log_p[c]);
        return sum;
      }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return cosine_similarity(t, target); },
      by_row([](const test::Doubles& in, std::size_t row) {
        double product = 0;
        double squares[2] = {};
        for (std::size_t c = 0; c < kClasses; ++c) {
          const double a = in[0][row * kClasses + c];
          const double b = in[1][row * kClasses + c];
          product += a * b;
          squares[0] += a * a;
          squares[1] += b * b;
        }
        return -product / std::sqrt(squares[0] * squares[1]);
      }));
  test::check_derivatives(
      spec, x, {target}, [&](Tensor t) { return categorical_hinge(t, softmax(target)); },
      by_row([](const test::Doubles& in, std::size_t row) {
        const std::vector<double> log_t = log_softmax_of(in[1], row, kClasses);
        double right = 0;
        double wrong = -1e9;
        for (std::size_t c = 0; c < kClasses; ++c) {
          const double a = in[0][row * kClasses + c];
          right += std::exp(log_t[c]) * a;
          wrong = std::max(wrong, (1 - std::exp(log_t[c])) * a);
        }
        return std::max(wrong - right + 1, 0.0);
      }));
}

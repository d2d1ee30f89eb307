#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <vector>

#include "sluice/frontend.h"

// Derivatives of a traced loss against central differences of the same loss written out in double precision.
namespace sluice::test {

/// Inputs in double: the elements of an input, then those of each variable.
using Doubles = std::vector<std::vector<double>>;
using HostLoss = std::function<double(const Doubles&)>;

inline std::vector<double> doubles(const Array& array) {
  const auto elements = array.data<float>();
  return {elements.begin(), elements.end()};
}

/// An array of distinct numbers of both signs, the same for the same sizes and `salt`.
inline Array pattern(std::vector<std::int64_t> sizes, double salt = 0) {
  Array result(DType::kF32, std::move(sizes));
  double i = salt;
  for (float& element : result.data<float>()) element = static_cast<float>(1.5 * std::sin(1.7 * ++i) + 0.25 * salt);
  return result;
}

/// Returns the largest difference from `expected`, in units of its largest element or of 1.
inline double difference(const Array& got, const std::vector<double>& expected) {
  const auto elements = got.data<float>();
  if (elements.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double most = 1;
  for (const double element : expected) most = std::max(most, std::abs(element));
  double off = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double distance = std::abs(elements[i] - expected[i]);
    off = std::isnan(distance) ? std::numeric_limits<double>::infinity() : std::max(off, distance);
  }
  return off / most;
}

/// Returns the gradient of `loss` by central differences.
inline Doubles gradient_of(const HostLoss& loss, Doubles at) {
  constexpr double kStep = 1e-4;
  Doubles result = at;
  for (std::size_t i = 0; i < at.size(); ++i) {
    for (std::size_t j = 0; j < at[i].size(); ++j) {
      const double center = at[i][j];
      at[i][j] = center + kStep;
      const double after = loss(at);
      at[i][j] = center - kStep;
      result[i][j] = (after - loss(at)) / (2 * kStep);
      at[i][j] = center;
    }
  }
  return result;
}

/// Checks value, gradients and Hessian-vector product of `loss`, a function of a tensor of the type of x and of
/// `variables`, for x and for the variables' current values. `host` is the same loss. The vector of the product is a
/// pattern. `signature` is that of x, with symbols.
template <typename Loss>
void check_derivatives(const TensorSpec& signature, const Array& x, const std::vector<Variable>& variables, Loss loss,
                       const HostLoss& host, double tolerance = 2e-3) {
  Doubles at{doubles(x)};
  std::vector<Array> direction{pattern(x.sizes(), 2)};
  for (const Variable& variable : variables) {
    at.push_back(doubles(variable.value()));
    direction.push_back(pattern(variable.value().sizes(), 3));
  }
  const auto derivatives =
      function("derivatives", {signature, signature.named("direction")}, [&](const Tensor& in, const Tensor& along) {
        Targets targets{Targets(in), Targets(variables)};
        const Tensor value = loss(in);
        std::vector<Tensor> results = gradients(value, targets);
        Tensor slope = reduce_sum(results[0] * along);
        for (std::size_t i = 1; i < results.size(); ++i)
          slope = slope + reduce_sum(results[i] * constant(direction[i]));
        for (const Tensor& product : gradients(slope, targets)) results.push_back(product);
        results.insert(results.begin(), value);
        return results;
      });
  const std::vector<Array> got = derivatives(x, direction[0]);
  CHECK(difference(got[0], {host(at)}) < tolerance);
  const Doubles gradient = gradient_of(host, at);
  // The derivative along the direction of the gradient, again by differences.
  constexpr double kStep = 1e-3;
  const auto moved = [&](double step) {
    Doubles there = at;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::vector<double> v = doubles(direction[i]);
      for (std::size_t j = 0; j < v.size(); ++j) there[i][j] += step * v[j];
    }
    return gradient_of(host, there);
  };
  const Doubles after = moved(kStep);
  const Doubles before = moved(-kStep);
  for (std::size_t i = 0; i < at.size(); ++i) {
    CAPTURE(i);
    CHECK(difference(got[1 + i], gradient[i]) < tolerance);
    std::vector<double> product(at[i].size());
    for (std::size_t j = 0; j < product.size(); ++j) product[j] = (after[i][j] - before[i][j]) / (2 * kStep);
    CHECK(difference(got[1 + at.size() + i], product) < tolerance);
  }
}

}  // namespace sluice::test

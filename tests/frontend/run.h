#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "tests/frontend/derivatives.h"

// Short forms for tests of functions of one tensor.
namespace sluice::test {

/// Traces `body` and calls it once.
template <typename Body, typename... A>
auto run(Body body, const A&... arguments) {
  return function(body)(arguments...);
}

/// The elements of an array in row-major order.
template <typename T>
std::vector<T> elements(const Array& array) {
  const auto data = array.data<T>();
  return {data.begin(), data.end()};
}

/// 0, 1, 2, ... as elements of any dtype; bools alternate.
inline Array counted(DType dtype, std::vector<std::int64_t> sizes) {
  Array array(dtype, std::move(sizes));
  visit_dtype(dtype, [&]<typename T>(T) {
    const auto data = array.data<T>();
    for (std::size_t i = 0; i < data.size(); ++i) {
      if constexpr (std::is_same_v<T, bool>) {
        data[i] = i % 2 == 1;
      } else {
        data[i] = static_cast<T>(i);
      }
    }
  });
  return array;
}

/// The gradient of sum(f(x) * dy) with respect to x; dy is all ones if it is not given.
template <typename F>
Array gradient_of(F f, const Array& x, const std::vector<float>& dy = {}) {
  return function([&](Tensor in) {
    const Tensor y = f(in);
    const Tensor up =
        dy.empty() ? ones_like(y) : reshape(constant(Array(dy, {static_cast<std::int64_t>(dy.size())})), y.shape());
    return gradients(reduce_sum(y * up), in)[0];
  })(x);
}

/// Checks the first and second derivatives of f at x, through a loss with distinct weights. `host` is f on the elements
/// of x; its result has `count` elements.
template <typename F>
void check_derivatives_of(F f, const Array& x, std::size_t count,
                          const std::function<std::vector<double>(const std::vector<double>&)>& host) {
  const Array weights = pattern({static_cast<std::int64_t>(count)}, 1);
  const TensorSpec signature(x.dtype(), x.type().shape);
  check_derivatives(
      signature, x, {}, [&](const Tensor& in) { return reduce_sum(tanh(reshape(f(in), {-1})) * constant(weights)); },
      [&](const Doubles& at) {
        const std::vector<double> y = host(at[0]);
        double sum = 0;
        for (std::size_t i = 0; i < count; ++i) sum += std::tanh(y[i]) * weights.data<float>()[i];
        return sum;
      });
}

inline constexpr DType kAllDTypes[] = {DType::kF32, DType::kF64, DType::kI32, DType::kI64, DType::kU8, DType::kBool};

}  // namespace sluice::test

#include "tests/oracles/functions.h"

#include <cmath>
#include <numbers>

namespace sluice::oracles {

Tensor softplus(const Arg& x) {
  const Tensor positive = x > 0;
  return select(positive, x, 0) + log1p(exp(select(positive, -x, x)));
}

namespace {

/// sin(x + quarter * pi / 2): polynomials for sine and cosine up to pi / 4 after Cody-Waite reduction.
Tensor sine_of(const Tensor& x, double quarter) {
  const Tensor n = floor(x * (2 / std::numbers::pi) + 0.5);
  const Tensor r = ((x - n * 1.5703125) - n * 4.837512969970703125e-4) - n * 7.54978995489188216e-8;
  const Tensor s = square(r);
  const Tensor sin_r = r + r * s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 + s * (1.0 / 362880))));
  const Tensor cos_r = 1 + s * (-1.0 / 2 + s * (1.0 / 24 + s * (-1.0 / 720 + s * (1.0 / 40320))));
  const Tensor m = n + quarter;
  const Tensor quadrant = m - 4 * floor(m / 4);
  const Tensor odd = (quadrant == 1) | (quadrant == 3);
  const Tensor value = select(odd, cos_r, sin_r);
  return select(quadrant >= 2, -value, value);
}

}  // namespace

Tensor sine(const Arg& x) { return sine_of(x, 0); }
Tensor cosine(const Arg& x) { return sine_of(x, 1); }

// Halves the angle three times, then uses the series.
Tensor arctangent(const Arg& x) {
  // For |x| above 1 uses pi / 2 - atan(1 / x), so that the square does not overflow.
  const Tensor large = abs(x) > 1;
  const Tensor inside = select(large, 1 / select(large, x, 1), x);
  Tensor y = inside;
  for (int i = 0; i < 2; ++i) y = y / (1 + sqrt(1 + square(y)));
  const Tensor s = square(y);
  const Tensor series = y * (1 + s * (-1.0 / 3 + s * (1.0 / 5 + s * (-1.0 / 7 + s * (1.0 / 9 - s / 11)))));
  const Tensor angle = 4 * series;
  return select(large, sign(x) * (std::numbers::pi / 2) - angle, angle);
}

Tensor round_to_even(const Arg& x) {
  const Tensor up = floor(x + 0.5);
  const Tensor tie_to_odd = (up - x == 0.5) & (up - 2 * floor(up / 2) == 1);
  return select(tie_to_odd, up - 1, up);
}

Tensor leaky_relu(const Arg& x, double alpha) { return select(x > 0, x, x * alpha); }

Tensor clip_inside(const Arg& x, double low, double high) {
  return select((x > low) & (x < high), x, select(x >= high, high, stop_gradient(zeros_like(x) + low)));
}

Tensor gelu_tanh(const Arg& x) {
  const double scale = std::sqrt(2 / std::numbers::pi);
  return x * 0.5 * (1 + tanh(scale * (x + 0.044715 * x * square(x))));
}

Tensor masked(const Tensor& mask, const Arg& x) { return select(mask, x, 0); }

}  // namespace sluice::oracles

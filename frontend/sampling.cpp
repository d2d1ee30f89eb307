#include "sluice/sampling.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <utility>

#include "sluice/array_ops.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/random.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"
#include "sluice/sorting.h"

namespace sluice {

namespace {

/// The steps of a uniform number in [0, 1).
constexpr double kSteps = 16777216;

/// Returns whether the integer `dtype` holds `value`.
bool holds(DType dtype, std::int64_t value) {
  if (dtype == DType::kI32) return std::in_range<std::int32_t>(value);
  return dtype == DType::kI64 || std::in_range<std::uint8_t>(value);
}

/// Returns the polynomial of r with these coefficients, from the highest power down.
Tensor polynomial(const Tensor& r, std::initializer_list<double> coefficients) {
  Tensor sum = r * *coefficients.begin();
  for (auto each = coefficients.begin() + 1; each != coefficients.end(); ++each) {
    if (each != coefficients.begin() + 1) sum = sum * r;
    sum = sum + *each;
  }
  return sum;
}

/// Returns the number that a standard normal one is below with probability q + 0.5, for |q| <= 0.49999999986: PPND16 of
/// AS 241, of which more extreme q would need a third part.
Tensor standard_normal_quantile(const Tensor& q) {
  const Tensor center = 0.180625 - square(q);
  const Tensor in_center =
      q *
      polynomial(center, {2.5090809287301226727e+3, 3.3430575583588128105e+4, 6.7265770927008700853e+4,
                          4.5921953931549871457e+4, 1.3731693765509461125e+4, 1.9715909503065514427e+3,
                          1.3314166789178437745e+2, 3.3871328727963666080e+0}) /
      polynomial(center, {5.2264952788528545610e+3, 2.8729085735721942674e+4, 3.9307895800092710610e+4,
                          2.1213794301586595867e+4, 5.3941960214247511077e+3, 6.8718700749205790830e+2,
                          4.2313330701600911252e+1, 1.0});
  const Tensor side = sqrt(-log(0.5 - abs(q))) - 1.6;
  const Tensor in_tail =
      sign(q) *
      polynomial(side, {7.7454501427834140764e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
                        1.27045825245236838258e+0, 3.64784832476320460504e+0, 5.76949722146069140550e+0,
                        4.63033784615654529590e+0, 1.42343711074968357734e+0}) /
      polynomial(side, {1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
                        1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940e+0,
                        2.05319162663775882187e+0, 1.0});
  return select(abs(q) <= 0.425, in_center, in_tail);
}

}  // namespace

Tensor random_bernoulli(const Shape& shape, double p, DType dtype, std::source_location where) {
  const Scope scope(where);
  if (!(p >= 0 && p <= 1)) fail_at_user(fmt::format("random_bernoulli: expected a probability of 0 to 1, got {}", p));
  const double steps = std::clamp(std::round(p * kSteps), p > 0 ? 1.0 : 0.0, p < 1 ? kSteps - 1 : kSteps);
  return cast(random_uniform(shape) < steps / kSteps, dtype);
}

Tensor random_int(const Shape& shape, std::int64_t low, std::int64_t high, DType dtype, std::source_location where) {
  const Scope scope(where);
  if (!is_integer(dtype)) {
    fail_at_user(
        fmt::format("random_int: expected an integer dtype, got {}; random_uniform draws floats", to_string(dtype)));
  }
  if (low >= high) fail_at_user(fmt::format("random_int: expected low below high, got {} and {}", low, high));
  const std::uint64_t count = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  if (count > std::uint64_t{1} << 32)
    fail_at_user(fmt::format("random_int: expected at most 2^32 numbers between low and high, got {}", count));
  if (!holds(dtype, low) || !holds(dtype, high - 1)) {
    fail_at_user(
        fmt::format("random_int: {} does not hold the numbers from {} to {}", to_string(dtype), low, high - 1));
  }
  constexpr std::uint64_t kOneDraw = 256;  // up to here, 24 random bits make all about equally likely
  Tensor unit = random_uniform(shape, 0, 1, DType::kF64);
  if (count > kOneDraw) unit = unit + random_uniform(shape, 0, 1, DType::kF64) * (1 / kSteps);
  return cast(cast(unit * static_cast<double>(count), DType::kI64) + low, dtype);
}

Tensor truncated_normal(const Shape& shape, double mean, double standard_deviation, DType dtype,
                        std::source_location where) {
  const Scope scope(where);
  if (!std::isfinite(mean) || !(standard_deviation >= 0) || !std::isfinite(standard_deviation)) {
    fail_at_user(
        fmt::format("truncated_normal: expected a finite mean and a finite standard deviation of at least 0, "
                    "got {} and {}",
                    mean, standard_deviation));
  }
  constexpr double kInside = 0.95449973610364158560;  // erf(sqrt(2)): the part within two standard deviations
  const Tensor q = (random_uniform(shape, 0, 1, dtype) - 0.5) * kInside;
  const Tensor standard = clip_by_value(standard_normal_quantile(q), -2, 2);
  const Tensor scaled = standard_deviation == 1 ? standard : standard * standard_deviation;
  return mean == 0 ? scaled : scaled + mean;
}

Tensor categorical(const Arg& logits, Dim count) {
  const Scope scope(logits.where());
  if (!is_float(logits.dtype()) || logits.rank() == 0) {
    fail_at_user(fmt::format("categorical: expected float logits [...,classes], got {}", to_string(logits.type())),
                 {&logits.tensor(), 1});
  }
  if (!count.batch && count.size < 0)
    fail_at_user(fmt::format("categorical: expected a count of at least 0, got {}", count.size));
  const int classes = logits.rank() - 1;
  if (logits.shape()[classes] == Dim(0)) {
    fail_at_user(fmt::format("categorical: {} has no classes to draw from", to_string(logits.type())),
                 {&logits.tensor(), 1});
  }
  Shape shape;
  for (int axis = 0; axis < classes; ++axis) shape.push_back(logits.shape()[axis]);
  shape.push_back(count);
  shape.push_back(logits.shape()[classes]);
  // Never 0, so the noise is finite, and -inf plus noise is -inf.
  const Tensor unit = maximum(random_uniform(shape, 0, 1, logits.dtype()), 0.5 / kSteps);
  const Tensor noise = -log(-log(unit));
  return argmax(expand_dims(logits, -2) + noise, -1);
}

Tensor random_permutation(Dim size, std::source_location where) {
  const Scope scope(where);
  if (!size.batch && size.size < 0)
    fail_at_user(fmt::format("random_permutation: expected a size of at least 0, got {}", size.size));
  // Two numbers of 24 bits each: equal keys would stay in their order.
  const auto bits = [&] { return cast(random_uniform({size}) * 0x1p24, DType::kI64); };
  const Tensor upper = bits();
  return argsort(upper * (std::int64_t{1} << 24) + bits());
}

Tensor shuffle(const Arg& x) {
  const Scope scope(x.where());
  if (x.rank() == 0) fail_at_user("shuffle: expected a tensor with rows, got a scalar", {&x.tensor(), 1});
  return gather(x, random_permutation(x.shape()[0]));
}

}  // namespace sluice

// Activations at the points where other frameworks have gone wrong: far out in both tails, at 0, at infinities.
#include "sluice/activations.h"

#include "tests/frontend/engine.h"
#include "tests/frontend/values.h"

using namespace sluice;
using sluice::test::agree;
using sluice::test::kInf;
using sluice::test::kNaN;
using sluice::test::slopes_of;
using sluice::test::values_of;

TEST_CASE("softplus neither overflows nor loses its left tail") {
  const auto f = [](const Tensor& x) { return softplus(x); };
  CHECK(agree(values_of(f, {100, 1e4F, -20, 0, kInf, -kInf, kNaN}),
              {100, 1e4, 2.0611536181902037e-9, 0.6931471805599453, kInf, 0, kNaN}));
  CHECK(agree(slopes_of(f, {100, 1e4F, -20, 0}), {1, 1, 2.0611536e-9, 0.5}));
  CHECK(agree(values_of([](const Tensor& x) { return log_sigmoid(x); }, {-1e4F, 20, 0}),
              {-1e4, -2.0611536181902037e-9, -0.6931471805599453}));
}

TEST_CASE("silu, hard_silu and mish are -0 at -inf") {
  const auto f = [](const Tensor& x) { return silu(x); };
  CHECK(agree(values_of(f, {-20, -1e4F, -kInf, 1, kInf, kNaN}),
              {-4.122307e-8, -0.0, -0.0, 0.7310585786300049, kInf, kNaN}));
  CHECK(agree(slopes_of(f, {-20, -1e4F, 0}), {-3.916192e-8, 0, 0.5}, 1e-6));
  CHECK(agree(values_of([](const Tensor& x) { return hard_silu(x); }, {-4, -kInf, 1, 4}), {-0.0, -0.0, 4 / 6.0, 4}));
  CHECK(agree(values_of([](const Tensor& x) { return mish(x); }, {-kInf, 1, -5}),
              {-0.0, 0.8650983882673103, -0.03357623771456573}));
}

TEST_CASE("exact gelu keeps its left tail, both forms are flat far out") {
  const auto exact = [](const Tensor& x) { return gelu(x); };
  CHECK(agree(values_of(exact, {-6, -3, 1, 0, -kInf, kInf}),
              {-5.919525870162418e-9, -0.004049694066999554, 0.8413447460685429, 0, -0.0, kInf}, 5e-6));
  CHECK(agree(slopes_of(exact, {-6, 1e20F, 0}), {-3.5468e-8, 1, 0.5}, 1e-4));
  const auto by_tanh = [](const Tensor& x) { return gelu(x, Gelu::kTanh); };
  CHECK(agree(values_of(by_tanh, {1, -kInf, 1e20F}), {0.8411919906082768, -0.0, 1e20}));
  CHECK(agree(slopes_of(by_tanh, {1e20F, -1e20F, 0}), {1, 0, 0.5}));
}

TEST_CASE("elu, selu, leaky_relu and softsign") {
  CHECK(agree(values_of([](const Tensor& x) { return elu(x, 2); }, {-1, 0, 3, -kInf, 1e4F}),
              {-1.2642411176571153, 0, 3, -2, 1e4}));
  CHECK(agree(slopes_of([](const Tensor& x) { return elu(x, 2); }, {-1, 0, 1e4F}), {0.7357588823428847, 2, 1}));
  CHECK(agree(values_of([](const Tensor& x) { return selu(x); }, {-1, 1}), {-1.1113307378125625, 1.0507009873554805}));
  CHECK(agree(values_of([](const Tensor& x) { return leaky_relu(x); }, {-2, -0.0F, 2}), {-0.4, -0.0, 2}));
  CHECK(agree(slopes_of([](const Tensor& x) { return leaky_relu(x, 0.01); }, {-2, 0, 2}), {0.01, 0.01, 1}));
  CHECK(agree(values_of([](const Tensor& x) { return softsign(x); }, {-3, 0, 1}), {-0.75, 0, 0.5}));
  CHECK(agree(slopes_of([](const Tensor& x) { return softsign(x); }, {-3, 0, 1}), {0.0625, 1, 0.25}));
}

TEST_CASE("activations take f64, and empty arrays") {
  const Array x(std::vector<double>{-40, -1, 2}, {3});
  const Array y = function([](Tensor in) { return gelu(in) + silu(in) + mish(in) + selu(in) + softplus(in); })(x);
  CHECK(y.dtype() == DType::kF64);
  CHECK(std::isfinite(y.at<double>(0)));
  const Array none = function([](Tensor in) { return gelu(in); })(Array(std::vector<float>{}, {0, 3}));
  CHECK(none.sizes() == std::vector<std::int64_t>{0, 3});
}

// The values that each function of the DSL computes.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"

using namespace sluice;

namespace {

using F = std::vector<float>;
using I = std::vector<std::int64_t>;
using B = std::vector<std::uint8_t>;

template <typename T>
std::vector<T> values(const Array& array) {
  const auto data = array.data<T>();
  return {data.begin(), data.end()};
}

F floats(const Array& array) { return values<float>(array); }
I integers(const Array& array) { return values<std::int64_t>(array); }
B bools(const Array& array) {
  B out;
  for (const bool b : array.data<bool>()) out.push_back(b ? 1 : 0);
  return out;
}

/// Runs `body` once.
template <typename Body, typename... A>
auto run(Body body, const A&... arguments) {
  return function(body)(arguments...);
}

const Array kX(F{1, 2, 3, 4, 5, 6}, {2, 3});

}  // namespace

TEST_CASE("arithmetic takes numbers on both sides and broadcasts") {
  CHECK(floats(run([](Tensor x) { return x + 1; }, kX)) == F{2, 3, 4, 5, 6, 7});
  CHECK(floats(run([](Tensor x) { return 1 - x; }, kX)) == F{0, -1, -2, -3, -4, -5});
  CHECK(floats(run([](Tensor x) { return 0.5 * x; }, kX)) == F{0.5, 1, 1.5, 2, 2.5, 3});
  CHECK(floats(run([](Tensor x) { return 6.F / x; }, kX)) == F{6, 3, 2, 1.5, 6.F / 5, 1});
  CHECK(floats(run([](Tensor x) { return -x; }, kX)) == F{-1, -2, -3, -4, -5, -6});
  const Array row(F{10, 20, 30}, {3});
  const Array column(F{100, 200}, {2, 1});
  CHECK(floats(run([](Tensor x, Tensor y) { return x + y; }, kX, row)) == F{11, 22, 33, 14, 25, 36});
  CHECK(floats(run([](Tensor x, Tensor y) { return x + y; }, kX, column)) == F{101, 102, 103, 204, 205, 206});
  const Array outer = run([](Tensor x, Tensor y) { return x * y; }, row, column);
  CHECK(outer.sizes() == I{2, 3});
  CHECK(floats(outer) == F{1000, 2000, 3000, 2000, 4000, 6000});
  CHECK(integers(run([](Tensor x) { return truncatediv(x, 2) - 1; }, Array(I{7, -7}, {2}))) == I{2, -4});
  CHECK(values<std::uint8_t>(run([](Tensor x) { return x + 250; }, Array(B{10}, {1}))) == B{4});
}

TEST_CASE("named binary functions match the operators") {
  CHECK(floats(run([](Tensor x) { return add(x, 1); }, kX)) == F{2, 3, 4, 5, 6, 7});
  CHECK(floats(run([](Tensor x) { return subtract(x, 1); }, kX)) == F{0, 1, 2, 3, 4, 5});
  CHECK(floats(run([](Tensor x) { return multiply(x, 2); }, kX)) == F{2, 4, 6, 8, 10, 12});
  CHECK(floats(run([](Tensor x) { return divide(x, 2); }, kX)) == F{0.5, 1, 1.5, 2, 2.5, 3});
  CHECK(floats(run([](Tensor x) { return pow(x, 2); }, kX)) == F{1, 4, 9, 16, 25, 36});
  CHECK(floats(run([](Tensor x) { return maximum(x, 3); }, kX)) == F{3, 3, 3, 4, 5, 6});
  CHECK(floats(run([](Tensor x) { return minimum(3, x); }, kX)) == F{1, 2, 3, 3, 3, 3});
  CHECK(floats(run([](Tensor x) { return clip_by_value(x, 2, 5); }, kX)) == F{2, 2, 3, 4, 5, 5});
}

TEST_CASE("comparisons and logic give bool tensors") {
  CHECK(bools(run([](Tensor x) { return x == 2; }, kX)) == B{0, 1, 0, 0, 0, 0});
  CHECK(bools(run([](Tensor x) { return x != 2; }, kX)) == B{1, 0, 1, 1, 1, 1});
  CHECK(bools(run([](Tensor x) { return x < 2; }, kX)) == B{1, 0, 0, 0, 0, 0});
  CHECK(bools(run([](Tensor x) { return x <= 2; }, kX)) == B{1, 1, 0, 0, 0, 0});
  CHECK(bools(run([](Tensor x) { return 2 > x; }, kX)) == B{1, 0, 0, 0, 0, 0});
  CHECK(bools(run([](Tensor x) { return x >= 6; }, kX)) == B{0, 0, 0, 0, 0, 1});
  CHECK(bools(run([](Tensor x) { return (x > 1) & (x < 4); }, kX)) == B{0, 1, 1, 0, 0, 0});
  CHECK(bools(run([](Tensor x) { return (x < 2) | (x > 5); }, kX)) == B{1, 0, 0, 0, 0, 1});
  CHECK(bools(run([](Tensor x) { return ~(x < 2); }, kX)) == B{0, 1, 1, 1, 1, 1});
  CHECK(bools(run([](Tensor x) { return logical_and(x > 1, true); }, kX)) == B{0, 1, 1, 1, 1, 1});
  CHECK(bools(run([](Tensor x) { return logical_or(less(x, 2), greater_equal(x, 6)); }, kX)) == B{1, 0, 0, 0, 0, 1});
  CHECK(bools(run([](Tensor x) { return logical_not(not_equal(x, 3)); }, kX)) == B{0, 0, 1, 0, 0, 0});
  CHECK(bools(run([](Tensor x) { return equal(x, 3) | less_equal(x, 1) | greater(x, 5); }, kX)) == B{1, 0, 1, 0, 0, 1});
  CHECK(floats(run([](Tensor x) { return select(x > 3, x, 0); }, kX)) == F{0, 0, 0, 4, 5, 6});
  CHECK(floats(run([](Tensor x) { return where(x > 3, 1, -x); }, kX)) == F{-1, -2, -3, 1, 1, 1});
}

TEST_CASE("unary functions") {
  const Array x(F{-1.5F, 0, 2.25F}, {3});
  CHECK(floats(run([](Tensor t) { return abs(t); }, x)) == F{1.5, 0, 2.25});
  CHECK(floats(run([](Tensor t) { return negative(t); }, x)) == F{1.5, -0.F, -2.25});
  CHECK(floats(run([](Tensor t) { return relu(t); }, x)) == F{0, 0, 2.25});
  CHECK(floats(run([](Tensor t) { return sign(t); }, x)) == F{-1, 0, 1});
  CHECK(floats(run([](Tensor t) { return floor(t); }, x)) == F{-2, 0, 2});
  CHECK(floats(run([](Tensor t) { return square(t); }, x)) == F{2.25, 0, 5.0625});
  CHECK(floats(run([](Tensor t) { return identity(stop_gradient(t)); }, x)) == F{-1.5, 0, 2.25});
  const Array y(F{0.25F, 1, 4}, {3});
  CHECK(floats(run([](Tensor t) { return sqrt(t); }, y)) == F{0.5, 1, 2});
  CHECK(floats(run([](Tensor t) { return rsqrt(t); }, y)) == F{2, 1, 0.5});
  const auto near = [](const Array& array, F expected) {
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(floats(array)[i] == doctest::Approx(expected[i]));
  };
  near(run([](Tensor t) { return exp(t); }, y), {std::exp(0.25F), std::exp(1.F), std::exp(4.F)});
  near(run([](Tensor t) { return log(t); }, y), {std::log(0.25F), 0, std::log(4.F)});
  near(run([](Tensor t) { return expm1(t); }, Array(F{1e-7F, 1, -20}, {3})), {1e-7F, std::expm1(1.F), -1});
  near(run([](Tensor t) { return log1p(t); }, Array(F{1e-7F, 1, 1e7F}, {3})),
       {1e-7F, std::log1p(1.F), std::log1p(1e7F)});
  near(run([](Tensor t) { return tanh(t); }, y), {std::tanh(0.25F), std::tanh(1.F), std::tanh(4.F)});
  near(run([](Tensor t) { return sigmoid(t); }, Array(F{0, 1}, {2})), {0.5F, 1 / (1 + std::exp(-1.F))});
  CHECK(values<std::int32_t>(run([](Tensor t) { return cast(t, i32); }, x)) == std::vector<std::int32_t>{-1, 0, 2});
}

TEST_CASE("shapes") {
  CHECK(run([](Tensor x) { return reshape(x, {3, -1}); }, kX).sizes() == I{3, 2});
  CHECK(run([](Tensor x) { return reshape(x, {-1}); }, kX).sizes() == I{6});
  CHECK(floats(run([](Tensor x) { return transpose(x); }, kX)) == F{1, 4, 2, 5, 3, 6});
  const Array cube = run([](Tensor x) { return transpose(reshape(x, {1, 2, 3}), {-1, 0, 1}); }, kX);
  CHECK(cube.sizes() == I{3, 1, 2});
  CHECK(floats(cube) == F{1, 4, 2, 5, 3, 6});
  CHECK(floats(run([](Tensor x) { return broadcast_to(x, {2, 2}); }, Array(F{1, 2}, {2}))) == F{1, 2, 1, 2});
  CHECK(floats(run([](Tensor x) { return concat({x, x * 2}, 0); }, Array(F{1, 2}, {2}))) == F{1, 2, 2, 4});
  CHECK(floats(run([](Tensor x) { return concat({x, x}, -1); }, Array(F{1, 2}, {2, 1}))) == F{1, 1, 2, 2});
  CHECK(floats(run([](Tensor x) { return slice(x, {0, 1}, {-1, 2}); }, kX)) == F{2, 3, 5, 6});
  CHECK(floats(run([](Tensor x) { return slice(x, {1, 1}, {1, -1}); }, kX)) == F{5, 6});
  CHECK(floats(run([](Tensor x) { return pad(x, {{1, 0}, {0, 1}}); }, Array(F{1, 2}, {1, 2}))) == F{0, 0, 0, 1, 2, 0});
}

TEST_CASE("products, rows and constants") {
  const Array b(F{1, 0, 0, 1, 1, 1}, {3, 2});
  CHECK(floats(run([](Tensor x, Tensor y) { return matmul(x, y); }, kX, b)) == F{4, 5, 10, 11});
  CHECK(floats(run([](Tensor x, Tensor y) { return matmul(y, x, {.transpose_a = true, .transpose_b = true}); }, kX,
                   b)) == F{4, 10, 5, 11});
  CHECK(floats(run([](Tensor x) { return one_hot(x, 3); }, Array(I{2, 0, 7}, {3}))) == F{0, 0, 1, 1, 0, 0, 0, 0, 0});
  CHECK(floats(run([](Tensor x, Tensor i) { return gather(x, i); }, kX, Array(I{1, 0, 1}, {3}))) ==
        F{4, 5, 6, 1, 2, 3, 4, 5, 6});
  CHECK(floats(run([](Tensor x, Tensor i, Tensor r) { return scatter_add(x, i, r); }, kX, Array(I{1}, {1}),
                   Array(F{10, 20, 30}, {1, 3}))) == F{1, 2, 3, 14, 25, 36});
  CHECK(floats(run([](Tensor x) { return x + constant(Array(F{1, 2, 3}, {3})); }, kX)) == F{2, 4, 6, 5, 7, 9});
  CHECK(floats(run([] { return full({2}, 0.5); })) == F{0.5, 0.5});
  CHECK(integers(run([] { return full({2}, 3, i64); })) == I{3, 3});
  CHECK(integers(run([] { return range(4); })) == I{0, 1, 2, 3});
  CHECK(floats(run([] { return iota({2, 2}, 0, f32); })) == F{0, 0, 1, 1});
  CHECK(floats(run([](Tensor x) { return zeros_like(x) + ones_like(x); }, kX)) == F{1, 1, 1, 1, 1, 1});
  CHECK(bools(run([](Tensor x) { return ones_like(x > 0); }, kX)) == B{1, 1, 1, 1, 1, 1});
}

TEST_CASE("reductions fold all axes or the ones named") {
  CHECK(run([](Tensor x) { return reduce_sum(x); }, kX).item<float>() == 21);
  CHECK(floats(run([](Tensor x) { return reduce_sum(x, 0); }, kX)) == F{5, 7, 9});
  CHECK(floats(run([](Tensor x) { return reduce_max(x, -1); }, kX)) == F{3, 6});
  CHECK(floats(run([](Tensor x) { return reduce_min(x, {1, 0}); }, kX)) == F{1});
  CHECK(run([](Tensor x) { return reduce_sum(x, 1, {.keepdims = true}); }, kX).sizes() == I{2, 1});
  CHECK(floats(run([](Tensor x) { return reduce_mean(x, 1); }, kX)) == F{2, 5});
  CHECK(floats(run([](Tensor x) { return reduce_variance(x, 0); }, kX)) == F{2.25, 2.25, 2.25});
  CHECK(integers(run([](Tensor x) { return argmax(x, -1); }, kX)) == I{2, 2});
}

TEST_CASE("the symbolic batch is a number inside") {
  const auto f = function("f", {f32(batch, 2)}, [](Tensor x) {
    return outputs(reduce_mean(x), reduce_mean(x, 0), batch_size(), range(batch), reshape(x, {-1}),
                   reshape(x, {batch, -1}));
  });
  for (const std::int64_t size : {1, 3}) {
    Array x(DType::kF32, {size, 2});
    for (std::size_t i = 0; i < x.data<float>().size(); ++i) x.data<float>()[i] = static_cast<float>(i);
    const auto [mean, columns, count, rows, flat, same] = f(x);
    const auto n = static_cast<float>(size);
    CHECK(mean.item<float>() == doctest::Approx((2 * n - 1) / 2));
    CHECK(floats(columns) == F{n - 1, n});
    CHECK(count.item<std::int64_t>() == size);
    CHECK(rows.sizes() == I{size});
    CHECK(flat.sizes() == I{2 * size});
    CHECK(same.sizes() == I{size, 2});
  }
  CHECK(f.traces() == 1);
}

TEST_CASE("softmax and log_softmax handle large numbers") {
  const Array logits(F{1000, 1000, -1000, 0, 0, 0}, {2, 3});
  CHECK(floats(run([](Tensor x) { return softmax(x); }, logits)) == F{0.5, 0.5, 0, 1.F / 3, 1.F / 3, 1.F / 3});
  const F logs = floats(run([](Tensor x) { return log_softmax(x); }, logits));
  CHECK(logs[0] == doctest::Approx(-std::log(2.F)));
  CHECK(logs[2] == doctest::Approx(-2000 - std::log(2.F)));
  const F losses =
      floats(run([](Tensor x, Tensor y) { return sparse_softmax_cross_entropy(x, y); }, logits, Array(B{2, 1}, {2})));
  CHECK(losses[0] == doctest::Approx(2000 + std::log(2.F)));
  CHECK(losses[1] == doctest::Approx(std::log(3.F)));
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const Array masked(F{0, 0, -kInfinity}, {1, 3});
  CHECK(floats(run([](Tensor x, Tensor y) { return sparse_softmax_cross_entropy(x, y); }, masked,
                   Array(I{1}, {1})))[0] == doctest::Approx(std::log(2.F)));
  CHECK(floats(run([](Tensor x) { return softmax(x, 0); }, Array(F{0, 0}, {2, 1}))) == F{0.5, 0.5});
}

TEST_CASE("sigmoid cross-entropy handles large logits, and its derivative is sigmoid minus label") {
  const auto f = function("f", [](Tensor x, Tensor z) {
    const Tensor loss = sigmoid_cross_entropy(x, z);
    return outputs(loss, gradients(reduce_sum(loss), {x})[0]);
  });
  const F logits{0, 0, 0, 2, 2, -3, 1000, 1000, -1000, -1000};
  const F labels{0, 1, 0.25F, 1, 0, 0.5F, 1, 0, 0, 1};
  const auto [loss, slope] = f(logits, labels);
  for (std::size_t i = 0; i < 6; ++i) {
    const double p = 1 / (1 + std::exp(-static_cast<double>(logits[i])));
    const double z = labels[i];
    CHECK(floats(loss)[i] == doctest::Approx(-z * std::log(p) - (1 - z) * std::log(1 - p)));
    CHECK(floats(slope)[i] == doctest::Approx(p - z));
  }
  const F large = floats(loss);
  CHECK(F(large.begin() + 6, large.end()) == F{0, 1000, 0, 1000});
  const F slopes = floats(slope);
  CHECK(F(slopes.begin() + 6, slopes.end()) == F{0, 1, 0, -1});
}

TEST_CASE("arrays of zeros and ones") {
  CHECK(ones({2, 1}) == Array{{1.F, 1.F}, {2, 1}});
  CHECK(ones({}, i64) == Array::scalar(std::int64_t{1}));
  CHECK(ones({2}, bool_) == Array{{true, true}, {2}});
  CHECK(zeros({3}, f64) == Array(DType::kF64, {3}));
}

TEST_CASE("linspace includes both ends") {
  CHECK(floats(linspace(-2, 2, 5)) == F{-2, -1, 0, 1, 2});
  CHECK(floats(linspace(0.1, 0.7, 4)) == F{0.1F, 0.3F, 0.5F, 0.7F});
  CHECK(floats(linspace(3, 1, 3)) == F{3, 2, 1});
  CHECK(floats(linspace(5, 7, 1)) == F{5});
}

TEST_CASE("losses") {
  const Array y(F{1, 2, 3, 4, 5, 9}, {2, 3});
  CHECK(run([](Tensor a, Tensor b) { return mean_squared_error(a, b); }, kX, y).item<float>() == 1.5F);
  CHECK(run([](Tensor a) { return l2_loss(a); }, kX).item<float>() == 45.5F);
}

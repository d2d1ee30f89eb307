#include <cmath>
#include <numbers>

#include "ir/philox.h"
#include "tests/reference/run_op.h"

namespace sluice::ir {
namespace {

using i64 = std::int64_t;

Array draw(Op op, i64 key, i64 counter, DType dtype, const Shape& shape) {
  return run_op(op, {Array::scalar(key), Array::scalar(counter)}, {{Attr::kDType, dtype}, {Attr::kShape, shape}});
}

// The words are the published known answers of Random123's philox4x32-10, truncated to their upper 24 bits.
TEST_CASE("random_uniform returns the published words") {
  CHECK_SAME(draw(Op::kRandomUniform, 0, 0, DType::kF32, {4}),
             row({0x6627e8p-24F, 0xe169c5p-24F, 0xbc57acp-24F, 0x9b00dbp-24F}));
  CHECK_SAME(draw(Op::kRandomUniform, 0, 0, DType::kF64, {2, 1}), Array({0x6627e8p-24, 0xe169c5p-24}, {2, 1}));
}

TEST_CASE("random_uniform: key, counter and index use separate words") {
  const i64 key = 0x299f31d0a4093822;
  const i64 counter = 0x0370734413198a2e;
  const auto words = philox4x32_10({2, 0, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0});
  const Array drawn = draw(Op::kRandomUniform, key, counter, DType::kF32, {5, 2});
  CHECK(drawn.data<float>()[8] == static_cast<float>(words[0] >> 8) * 0x1p-24F);
  CHECK(drawn.data<float>()[9] == static_cast<float>(words[1] >> 8) * 0x1p-24F);
  const auto last = philox4x32_10({0, 0, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff});
  CHECK(draw(Op::kRandomUniform, -1, -1, DType::kF64, {}).item<double>() ==
        static_cast<double>(last[0] >> 8) * 0x1p-24);
}

TEST_CASE("random_normal is Box and Muller of the same words") {
  const Array drawn = draw(Op::kRandomNormal, 0, 0, DType::kF64, {4});
  const double radius0 = std::sqrt(-2 * std::log((0x6627e8 + 1) * 0x1p-24));
  const double radius1 = std::sqrt(-2 * std::log((0xbc57ac + 1) * 0x1p-24));
  const double angle0 = 2 * std::numbers::pi * 0xe169c5p-24;
  const double angle1 = 2 * std::numbers::pi * 0x9b00dbp-24;
  const double expected[] = {radius0 * std::cos(angle0), radius0 * std::sin(angle0), radius1 * std::cos(angle1),
                             radius1 * std::sin(angle1)};
  for (std::size_t i = 0; i < 4; ++i) CHECK(drawn.data<double>()[i] == doctest::Approx(expected[i]).epsilon(1e-14));
  const Array in_float = draw(Op::kRandomNormal, 0, 0, DType::kF32, {4});
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(std::abs(in_float.data<float>()[i] - drawn.data<double>()[i]) < 2e-6);
  }
}

TEST_CASE("the elements are a prefix whatever the shape") {
  const Array many = draw(Op::kRandomNormal, 5, 6, DType::kF32, {3, 7});
  const Array few = draw(Op::kRandomNormal, 5, 6, DType::kF32, {6});
  for (std::size_t i = 0; i < 6; ++i) CHECK(few.data<float>()[i] == many.data<float>()[i]);
}

struct Moments {
  double mean = 0;
  double variance = 0;
};

Moments moments(const Array& x) {
  const auto count = static_cast<double>(x.element_count());
  Moments result;
  for (const float v : x.data<float>()) result.mean += static_cast<double>(v) / count;
  for (const float v : x.data<float>()) result.variance += std::pow(static_cast<double>(v) - result.mean, 2) / count;
  return result;
}

TEST_CASE("moments are those of the distributions") {
  // The mean of n = 100,000 draws deviates by sigma / sqrt(n), 0.0009 and 0.0032; four times that is allowed.
  const Moments uniform = moments(draw(Op::kRandomUniform, 42, 7, DType::kF32, {100000}));
  CHECK(std::abs(uniform.mean - 0.5) < 0.004);
  CHECK(std::abs(uniform.variance - 1.0 / 12) < 0.001);
  const Moments normal = moments(draw(Op::kRandomNormal, 42, 7, DType::kF32, {100000}));
  CHECK(std::abs(normal.mean) < 0.013);
  CHECK(std::abs(normal.variance - 1) < 0.02);
}

}  // namespace
}  // namespace sluice::ir

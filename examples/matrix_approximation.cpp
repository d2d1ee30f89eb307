// Approximates a picture by fewer numbers: TensorFlow's guide "Matrix approximation with Core APIs"
// (https://www.tensorflow.org/guide/core/matrix_core) uses a singular value decomposition; this uses gradient descent.
// By Eckart and Young (1936) no matrix of rank r is closer to A than the truncated decomposition, so the result can be
// compared with the optimum.
#include <fmt/format.h>
#include <sluice/picture.h>
#include <sluice/sluice.h>
#include <sluice/terminal.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "guide_options.h"

using namespace sluice;

namespace {

constexpr std::int64_t kRows = 32;
constexpr std::int64_t kColumns = 48;
constexpr int kWaves = 16;  ///< the rank of the picture

/// Returns the picture's singular values, descending: 1, 0.75, 0.5625, ...
double singular_value(int i) { return std::pow(0.75, i); }

/// Returns element `at` of the cosine of `frequency` over `size` points. Cosines of different frequencies are
/// orthonormal.
double wave(int frequency, std::int64_t at, std::int64_t size) {
  const double length = std::sqrt((frequency == 0 ? 1.0 : 2.0) / static_cast<double>(size));
  return length * std::cos(std::numbers::pi * frequency * (static_cast<double>(at) + 0.5) / static_cast<double>(size));
}

/// Returns a pattern of crossing waves with the singular values above.
Array make_picture() {
  Array picture(DType::kF32, {kRows, kColumns});
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t column = 0; column < kColumns; ++column) {
      double sum = 0;
      for (int i = 0; i < kWaves; ++i) {
        sum += singular_value(i) * wave(i, row, kRows) * wave(3 * i % kWaves, column, kColumns);
      }
      picture.data<float>()[static_cast<std::size_t>(row * kColumns + column)] = static_cast<float>(sum);
    }
  }
  return picture;
}

void show(const std::string& title, const Array& picture) {
  const auto values = picture.data<float>();
  const float most = std::abs(*std::ranges::max_element(values, {}, [](float x) { return std::abs(x); }));
  Array pixels(DType::kU8, picture.sizes());
  for (std::size_t i = 0; i < values.size(); ++i) {
    pixels.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(std::lround(127.5F * (1 + values[i] / most)));
  }
  fmt::print("{}\n{}\n", title, picture_text(pixels, style_of_terminal(STDOUT_FILENO)));
}

/// The product of two matrices f32[32,rank] and f32[48,rank], the second one transposed.
struct Approximation {
  Array product;
  double squared_error = 0;  ///< the squared Frobenius norm of the difference
  std::vector<Variable> factors;
};

Approximation approximate(const Array& picture, std::int64_t rank) {
  const Variable u("u", glorot_uniform(kRows, rank));
  const Variable v("v", glorot_uniform(kColumns, rank));
  const std::vector<Variable> factors{u, v};
  const auto product = [&] { return matmul(u, v, {.transpose_b = true}); };
  SGD sgd({.learning_rate = 0.4});
  const auto train_step = function("train_step", [&](Tensor a) {
    const Tensor loss = l2_loss(a - product());
    sgd.minimize(loss, factors);
    return loss;
  });
  constexpr int kSteps = 1000;
  for (int step = 0; step < kSteps; ++step) train_step(picture);
  const auto evaluate = function("evaluate", [&](Tensor a) {
    const Tensor nearest = product();
    return outputs(nearest, reduce_sum(square(a - nearest)));
  });
  const auto [nearest, squared_error] = evaluate(picture);
  return {nearest, squared_error.item<double>(), factors};
}

void compress_picture(const GuideOptions& options) {
  set_seed(options.seed);
  const Array picture = make_picture();
  double squared_norm = 0;
  for (int i = 0; i < kWaves; ++i) squared_norm += std::pow(singular_value(i), 2);
  fmt::print("Original size of the picture: {}\n", picture.element_count());
  show("", picture);

  std::vector<Variable> learned;
  for (const int rank : {1, 2, 4, 8}) {
    const Approximation found = approximate(picture, rank);
    double left_out = 0;
    for (int i = rank; i < kWaves; ++i) left_out += std::pow(singular_value(i), 2);
    const std::int64_t size = rank * (kRows + kColumns);
    fmt::print("Rank {}: size {}, proportion of the original size {:.3f}\n", rank, size,
               static_cast<double>(size) / static_cast<double>(picture.element_count()));
    fmt::print("  Squared Frobenius norm of the error:      {:.6f}\n", found.squared_error);
    fmt::print("  Sum of squared singular values left out:  {:.6f}\n", left_out);
    fmt::print("  Energy kept, of the squared norm:         {:.3f}\n", 1 - found.squared_error / squared_norm);
    if (rank > 2) show("", found.product);
    learned.insert(learned.end(), found.factors.begin(), found.factors.end());
  }
  if (options.hash) fmt::print("Weights hash: {:016x}\n", hash_of(learned));
}

}  // namespace

int main(int argc, char** argv) {
  return guide_main(argc, argv,
                    {.name = "matrix_approximation", .description = "Approximates a picture by matrices of low rank."},
                    compress_picture);
}

#include "bench/products.h"

#include <utility>

#include "ir/random_arrays.h"
#include "sluice/sluice.h"

namespace sluice::bench {

namespace {

Array random_matrix(int rows, int columns, std::uint64_t seed) {
  return random_array({DType::kF32, Shape{rows, columns}}, 1, seed);
}

}  // namespace

Product::Product(ProductKind kind, int batch_size, int in, int out)
    : kind_(kind),
      batch_(batch_size),
      in_(in),
      out_(out),
      operations_(2.0 * batch_size * in * out),
      inputs_(random_matrix(batch_size, in, 1)),
      gradients_(random_matrix(batch_size, out, 2)),
      weights_(random_matrix(in, out, 3)) {}

std::function<void()> Product::sluice() const {
  const Variable w("w", weights_);
  if (kind_ == ProductKind::kForward) {
    return [f = function("forward", {f32(batch, in_)}, [w](Tensor x) { return matmul(x, w); }), x = inputs_] { f(x); };
  }
  if (kind_ == ProductKind::kInputGradient) {
    return [f = function("input_gradient", {f32(batch, out_)},
                         [w](Tensor dy) { return matmul(dy, w, {.transpose_b = true}); }),
            dy = gradients_] { f(dy); };
  }
  return [f = function("weight_gradient", {f32(batch, in_), f32(batch, out_)},
                       [](Tensor x, Tensor dy) { return matmul(x, dy, {.transpose_a = true}); }),
          x = inputs_, dy = gradients_] { f(x, dy); };
}

std::function<void()> Product::sluice_with_adam() const {
  SLUICE_CHECK(kind_ == ProductKind::kWeightGradient, "Adam updates weights by their gradients");
  return [f = function("weight_gradient_adam", {f32(batch, in_), f32(batch, out_)},
                       [w = Variable("w", weights_), adam = Adam()](Tensor x, Tensor dy) mutable {
                         adam.apply({matmul(x, dy, {.transpose_a = true})}, {w});
                       }),
          x = inputs_, dy = gradients_] { f(x, dy); };
}

ProductOptions Product::peer_options(int threads, Array& result) const {
  const Operand x{inputs_.data<float>().data(), in_};
  const Operand dy{gradients_.data<float>().data(), out_};
  const Operand w{weights_.data<float>().data(), out_};
  const auto transposed = [](Operand operand) {
    operand.transposed = true;
    return operand;
  };
  ProductOptions options{batch_, out_, in_, x, w, true, nullptr, threads};
  if (kind_ == ProductKind::kWeightGradient) options = {in_, out_, batch_, transposed(x), dy, false, nullptr, threads};
  if (kind_ == ProductKind::kInputGradient) options = {batch_, in_, out_, dy, transposed(w), true, nullptr, threads};
  result = Array(DType::kF32, {options.m, options.n});
  options.result = result.data<float>().data();
  return options;
}

std::function<void()> batched_products(BatchedKind kind, int batch_size, int m, int k, int n) {
  const auto operand = [&](int rows, int columns, std::uint64_t seed) {
    return random_array({DType::kF32, Shape{batch_size, rows, columns}}, 1, seed);
  };
  const Array a = operand(m, k, 1);
  const Array b = operand(k, n, 2);
  if (kind == BatchedKind::kForward) {
    return
        [f = function("forward", {f32(batch, m, k), f32(batch, k, n)}, [](Tensor x, Tensor y) { return matmul(x, y); }),
         a, b] { f(a, b); };
  }
  const TensorSpec given = f32(batch, m, n);
  const Array up = operand(m, n, 3);
  const auto gradients_of = [](const Tensor& x, const Tensor& y, const Tensor& g) {
    return std::pair(matmul(g, y, {.transpose_b = true}), matmul(x, g, {.transpose_a = true}));
  };
  if (kind == BatchedKind::kGradients) {
    return [f = function("gradients", {f32(batch, m, k), f32(batch, k, n), given},
                         [=](Tensor x, Tensor y, Tensor g) {
                           const auto [dx, dy] = gradients_of(x, y, g);
                           return outputs(dx, dy);
                         }),
            a, b, up] { f(a, b, up); };
  }
  return [f = function("all", {f32(batch, m, k), f32(batch, k, n), given},
                       [=](Tensor x, Tensor y, Tensor g) {
                         const auto [dx, dy] = gradients_of(x, y, g);
                         return outputs(matmul(x, y), dx, dy);
                       }),
          a, b, up] { f(a, b, up); };
}

}  // namespace sluice::bench

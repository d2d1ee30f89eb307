#pragma once

#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#include "bench/pause.h"

// The parts of a hand-written training step that are not products.
namespace sluice::bench {

/// Zeros, aligned to a cache line.
class Floats {
 public:
  Floats() = default;
  explicit Floats(std::size_t count) {
    constexpr std::size_t kAlignment = 64;
    const std::size_t bytes = (count * sizeof(float) / kAlignment + 4) * kAlignment;
    data_.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
    if (data_ == nullptr) throw std::bad_alloc();
    std::memset(data_.get(), 0, bytes);
  }
  float* get() const { return data_.get(); }

 private:
  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  std::unique_ptr<float, Free> data_;
};

/// Flushes denormals to zero in this thread from here on, as in a program linked with -ffast-math.
inline void flush_denormals() {
#if defined(__SSE2__)
  _mm_setcsr(_mm_getcsr() | 0x8040U);
#endif
}

class SpinBarrier {
 public:
  explicit SpinBarrier(int threads) : threads_(threads) {}
  void wait() {
    const int generation = generation_.load();
    if (arrived_.fetch_add(1) + 1 == threads_) {
      arrived_ = 0;
      generation_ = generation + 1;
      return;
    }
    while (generation_.load() == generation) pause();
  }

 private:
  int threads_;
  std::atomic<int> arrived_{0};
  std::atomic<int> generation_{0};
};

/// A thread's part of [0, count).
struct Slice {
  Slice(int count, int thread, int threads)
      : begin(count * thread / threads), end(count * (thread + 1) / threads), size(end - begin) {}
  int begin;
  int end;
  int size;
};

/// rows[i] += bias, optionally followed by relu.
inline void add_bias(float* rows, const float* bias, int count, int width, bool relu) {
  for (int i = 0; i < count; ++i) {
    float* const row = rows + static_cast<std::size_t>(i) * static_cast<std::size_t>(width);
#pragma omp simd
    for (int j = 0; j < width; ++j) {
      const float sum = row[j] + bias[j];
      row[j] = relu && sum < 0 ? 0 : sum;
    }
  }
}

/// Propagates a gradient through relu, whose result is `activation`.
inline void mask_gradient(float* gradient, const float* activation, std::size_t count) {
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) gradient[i] = activation[i] > 0 ? gradient[i] : 0;
}

/// sums[j] = the sum of column j of the rows, for the columns of a slice.
inline void sum_columns(const float* rows, int count, int width, const Slice& columns, float* sums) {
  for (int j = columns.begin; j < columns.end; ++j) sums[j] = 0;
  for (int i = 0; i < count; ++i) {
    const float* const row = rows + static_cast<std::size_t>(i) * static_cast<std::size_t>(width);
#pragma omp simd
    for (int j = columns.begin; j < columns.end; ++j) sums[j] += row[j];
  }
}

/// Adam's bias corrections at a step (Kingma and Ba, 2015, end of section 2), learning rate 1e-3, epsilon 1e-7.
struct AdamStep {
  explicit AdamStep(long step) {
    const double correction = std::sqrt(1 - std::pow(0.999, step));
    rate = static_cast<float>(1e-3 * correction / (1 - std::pow(0.9, step)));
    epsilon = static_cast<float>(1e-7 * correction);
  }
  float rate;
  float epsilon;
};

inline void adam(float* __restrict weights, float* __restrict first, float* __restrict second,
                 const float* __restrict gradients, std::size_t count, const AdamStep& step) {
  const float rate = step.rate;
  const float epsilon = step.epsilon;
#pragma omp simd
  for (std::size_t i = 0; i < count; ++i) {
    const float gradient = gradients[i];
    const float m = 0.9f * first[i] + 0.1f * gradient;
    const float v = 0.999f * second[i] + 0.001f * gradient * gradient;
    first[i] = m;
    second[i] = v;
    weights[i] -= rate * m / (std::sqrt(v) + epsilon);
  }
}

/// Softmax cross-entropy of `count` rows of 10 logits: returns the sum of their losses, and writes the gradient of the
/// mean over `batch` rows.
inline double softmax_cross_entropy(const float* logits, const std::uint8_t* labels, int count, int batch,
                                    float* gradients) {
  constexpr int kClasses = 10;
  double loss = 0;
  for (int i = 0; i < count; ++i) {
    const float* const row = logits + i * kClasses;
    float largest = row[0];
    for (int j = 1; j < kClasses; ++j) largest = row[j] > largest ? row[j] : largest;
    float sum = 0;
    float exponentials[kClasses];
    for (int j = 0; j < kClasses; ++j) {
      exponentials[j] = std::exp(row[j] - largest);
      sum += exponentials[j];
    }
    loss += static_cast<double>(std::log(sum) - (row[labels[i]] - largest));
    for (int j = 0; j < kClasses; ++j) {
      const float target = j == labels[i] ? 1 : 0;
      gradients[i * kClasses + j] = (exponentials[j] / sum - target) / static_cast<float>(batch);
    }
  }
  return loss;
}

}  // namespace sluice::bench

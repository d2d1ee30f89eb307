#pragma once

#include <cstdint>
#include <source_location>

#include "sluice/tensor.h"

// Random tensors of other distributions than those of sluice/random.h, from the same state: set_seed restarts them,
// each call of a function continues where the last one stopped, and the numbers are the same for any number of threads.
// No derivative passes through them. Shapes may have B. All throw Error at the user's line for arguments that describe
// no distribution.
namespace sluice {

/// Elements that are true (or 1) with probability p, which is rounded to a multiple of 2^-24 but not to 0 or 1, and
/// false (or 0) otherwise; of any dtype. Where p is a tensor, use random_uniform(p.shape()) < p. Throws Error unless
/// 0 <= p <= 1.
Tensor random_bernoulli(const Shape& shape, double p, DType dtype = DType::kBool,
                        std::source_location where = std::source_location::current());

/// Integers in [low, high), equally likely up to a relative error of 2^-16. Throws Error unless low < high, there are
/// at most 2^32 of them, and the integer dtype holds them all.
Tensor random_int(const Shape& shape, std::int64_t low, std::int64_t high, DType dtype = DType::kI32,
                  std::source_location where = std::source_location::current());

/// Normally distributed floats, of which those more than two standard deviations from the mean are drawn again, as in
/// TensorFlow: their own standard deviation is 0.8796 of the given one. From one uniform number each, by the inverse of
/// the distribution function: Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988).
Tensor truncated_normal(const Shape& shape, double mean = 0, double standard_deviation = 1, DType dtype = DType::kF32,
                        std::source_location where = std::source_location::current());

/// `count` classes for each row of float `logits` [..., classes], drawn with the probabilities softmax(logits), with
/// replacement: i64[..., count]. A class whose logit is -inf is never drawn; a row with a NaN, or of nothing but -inf,
/// has no distribution, and what is drawn is unspecified. By the maximum of logits plus Gumbel noise: Maddison, Tarlow
/// and Minka, "A* sampling" (2014); computes count * classes numbers per row.
Tensor categorical(const Arg& logits, Dim count);

/// The numbers 0, ..., size - 1 in random order, i64[size]: the order of random numbers of 48 bits. ShuffledDataset
/// shuffles data without a graph.
Tensor random_permutation(Dim size, std::source_location where = std::source_location::current());

/// x with its rows, the elements of axis 0, in random order; of any dtype.
/// Derivatives with respect to x pass.
Tensor shuffle(const Arg& x);

}  // namespace sluice

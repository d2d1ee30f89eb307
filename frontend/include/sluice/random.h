#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <vector>

#include "sluice/array.h"
#include "sluice/tensor.h"
#include "sluice/variable.h"

// Random numbers are Philox4x32-10 of (key, counter): the same on every machine and for any number of threads. The key
// is the seed. The counter is state: each call of a function continues where the last one stopped, and two calls of
// random_uniform or dropout in one function never draw the same numbers.
namespace sluice {

/// Sets the seed (initially 0) and restarts both initial weights and random ops. Throws Error while a function is
/// traced.
void set_seed(std::int64_t seed);
/// Returns the state of random ops, the key i64[] and the counter i64[], for saving and restoring it.
std::vector<Variable> random_variables();

// The limits of uniform numbers are first rounded to the dtype. Throw Error at the user's line if there is no number
// between the limits, or if the mean or standard deviation is invalid.

/// Floats in [low, high), of `shape`, which may have B.
Tensor random_uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = DType::kF32,
                      std::source_location where = std::source_location::current());
/// Normally distributed floats, of `shape`, which may have B.
Tensor random_normal(const Shape& shape, double mean = 0, double standard_deviation = 1, DType dtype = DType::kF32,
                     std::source_location where = std::source_location::current());

// Arrays of random f32 for initial values of variables, drawn on the host, each from its own stream since set_seed.

/// Uniform in [low, high), of shape `sizes`.
Array initial_uniform(std::vector<std::int64_t> sizes, double low, double high,
                      std::source_location where = std::source_location::current());
/// Normally distributed, of shape `sizes`.
Array initial_normal(std::vector<std::int64_t> sizes, double mean, double standard_deviation,
                     std::source_location where = std::source_location::current());

/// How to initialize weights f32[in,out]: one of the functions below, or a lambda.
using Initializer = std::function<Array(std::int64_t in, std::int64_t out)>;

/// Initial weights f32[in,out], uniform within the limits of Glorot and Bengio (2010): +-sqrt(6 / (in + out)).
Array glorot_uniform(std::int64_t in, std::int64_t out);
/// The same, normal with the standard deviation of He et al. (2015) for relu: sqrt(2 / in).
Array he_normal(std::int64_t in, std::int64_t out);
/// The same, with orthonormal rows or, if there are more rows than columns, columns: Saxe et al. (2013).
Array orthogonal(std::int64_t in, std::int64_t out);

}  // namespace sluice

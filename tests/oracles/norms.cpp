// Normalizations over some axes; channels are last.
#include <fmt/format.h>

#include <numeric>

#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

struct Moments {
  Tensor centered;
  Tensor mean;
  Tensor variance;
};

Moments moments(const Tensor& x, const std::vector<std::int64_t>& axes) {
  const Tensor mean = reduce_mean(x, axes, {.keepdims = true});
  const Tensor centered = x - mean;
  return {centered, mean, reduce_mean(square(centered), axes, {.keepdims = true})};
}

/// Returns gamma or beta, with the sizes of `axes`, shaped to broadcast with x.
Tensor along(const Tensor& weight, const Tensor& x, const std::vector<std::int64_t>& axes) {
  std::vector<Dim> dims(static_cast<std::size_t>(x.rank()), Dim(1));
  for (const std::int64_t axis : axes) dims[static_cast<std::size_t>(axis)] = x.shape()[static_cast<int>(axis)];
  return reshape(weight, Shape(dims));
}

Tensor scaled(const Tensor& normal, const Tensors& in, const std::vector<std::int64_t>& axes) {
  Tensor result = normal;
  if (const Tensor* gamma = in.find("gamma")) result = result * along(*gamma, result, axes);
  if (const Tensor* beta = in.find("beta")) result = result + along(*beta, result, axes);
  return result;
}

std::vector<std::int64_t> axes_of(const Oracle& oracle, const Tensor& x) {
  std::vector<std::int64_t> axes = oracle.attributes.integers("axes", oracle.attributes.integers("axis", {-1}));
  for (std::int64_t& axis : axes) axis += axis < 0 ? x.rank() : 0;
  return axes;
}

/// All axes but the last.
std::vector<std::int64_t> before_channels(const Tensor& x) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(x.rank() - 1));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

Program layer_norm(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const std::vector<std::int64_t> axes = axes_of(oracle, in["x"]);
    const Moments m = moments(in["x"], axes);
    return scaled(m.centered * rsqrt(m.variance + oracle.attributes.number("epsilon")), in, axes);
  });
}

Program rms_norm(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const Tensor& x = in["x"];
    const std::vector<std::int64_t> axes = axes_of(oracle, x);
    const Tensor size = reduce_mean(square(x), axes, {.keepdims = true});
    return scaled(x * rsqrt(size + oracle.attributes.number("epsilon")), in, axes);
  });
}

Program batch_norm_train(const Oracle& oracle) {
  return function_of(oracle, [&](const Tensors& in) -> Results {
    const Tensor& x = in["x"];
    const Moments m = moments(x, before_channels(x));
    const std::vector<std::int64_t> channels{x.rank() - 1};
    const Tensor y = scaled(m.centered * rsqrt(m.variance + oracle.attributes.number("epsilon")), in, channels);
    Results results{{"out.0", y}};
    if (oracle.has("out.1")) results.emplace_back("out.1", reshape(m.mean, {-1}));
    if (oracle.has("out.2")) results.emplace_back("out.2", reshape(m.variance, {-1}));
    return results;
  });
}

Program batch_norm_evaluate(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const Tensor& x = in["x"];
    const Tensor normal = (x - in["mean"]) * rsqrt(in["variance"] + oracle.attributes.number("epsilon"));
    return scaled(normal, in, {x.rank() - 1});
  });
}

Program group_norm(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    const Tensor& x = in["x"];
    const auto groups = static_cast<std::int64_t>(oracle.attributes.number("groups"));
    const std::int64_t channels = x.shape()[x.rank() - 1].size;
    std::vector<Dim> dims(x.shape().begin(), x.shape().end() - 1);
    dims.emplace_back(groups);
    dims.emplace_back(channels / groups);
    const Tensor grouped = reshape(x, Shape(dims));
    std::vector<std::int64_t> axes;  // all but the batch and the groups
    for (int axis = 1; axis < grouped.rank(); ++axis) {
      if (axis != grouped.rank() - 2) axes.push_back(axis);
    }
    const Moments m = moments(grouped, axes);
    const Tensor normal = m.centered * rsqrt(m.variance + oracle.attributes.number("epsilon"));
    return scaled(reshape(normal, x.shape()), in, {x.rank() - 1});
  });
}

}  // namespace

void add_norms(Builders& builders) {
  builders["layer_norm"] = layer_norm;
  builders["rms_norm"] = rms_norm;
  builders["batch_norm_train"] = batch_norm_train;
  builders["batch_norm_evaluate"] = batch_norm_evaluate;
  builders["group_norm"] = group_norm;
}

}  // namespace sluice::oracles

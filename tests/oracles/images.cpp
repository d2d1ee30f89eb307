// Convolutions, pooling and upsampling.
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

/// "SAME", "VALID", or cells before and after each axis.
Padding padding_of(const Oracle& oracle) {
  const auto pairs = oracle.attributes.pairs("padding");
  if (!pairs.empty()) return pairs;
  const std::string name = oracle.attributes.text("padding");
  if (name != "SAME" && name != "VALID") throw CannotSay("padding: " + name);
  return name == "SAME" ? Padding::same() : Padding::valid();
}

PerAxis strides_of(const Oracle& oracle) { return oracle.attributes.integers("strides", {1}); }
PerAxis dilations_of(const Oracle& oracle) { return oracle.attributes.integers("dilations", {1}); }

Program convolution(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    return conv2d(in["x"], in["w"],
                  {.strides = strides_of(oracle),
                   .padding = padding_of(oracle),
                   .dilations = dilations_of(oracle),
                   .groups = static_cast<std::int64_t>(oracle.attributes.number("groups", 1))});
  });
}

Program convolution_of_sequences(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    return conv1d(in["x"], in["w"],
                  {.strides = oracle.attributes.integers("stride", {1}),
                   .padding = padding_of(oracle),
                   .dilations = oracle.attributes.integers("dilation", {1})});
  });
}

Program depthwise(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    return depthwise_conv2d(
        in["x"], in["w"],
        {.strides = strides_of(oracle), .padding = padding_of(oracle), .dilations = dilations_of(oracle)});
  });
}

Program transposed(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) {
    std::vector<Dim> size;
    for (const std::int64_t number : oracle.attributes.integers("output")) size.emplace_back(number);
    return conv2d_transpose(in["x"], in["w"],
                            {.strides = strides_of(oracle),
                             .padding = padding_of(oracle),
                             .dilations = dilations_of(oracle),
                             .output_size = size});
  });
}

/// PyTorch's output_padding is part of the size: (n - 1) * stride - low - high + extent + output_padding.
Program transposed_of_torch(const Oracle& oracle) {
  if (oracle.attributes.text("filter") != "[KH,KW,out,in]") throw CannotSay("another order of the filter's axes");
  return function_of_one(oracle, [&](const Tensors& in) {
    const PerAxis strides = strides_of(oracle);
    const PerAxis dilations = dilations_of(oracle);
    const auto more = oracle.attributes.integers("output_padding", {0, 0});
    const auto padding = oracle.attributes.pairs("padding");
    std::vector<Dim> size;
    for (std::size_t i = 0; i < 2; ++i) {
      const std::int64_t extent = (in["w"].shape()[static_cast<int>(i)].size - 1) * dilations.numbers()[i] + 1;
      const std::int64_t steps = (in["x"].shape()[static_cast<int>(i) + 1].size - 1) * strides.numbers()[i];
      size.emplace_back(steps - padding[i].first - padding[i].second + extent + more[i]);
    }
    return conv2d_transpose(
        in["x"], in["w"],
        {.strides = strides, .padding = Padding(padding), .dilations = dilations, .output_size = size});
  });
}

using Pool = Tensor (*)(const Arg&, const PerAxis&, const PoolOptions&);

Tensor pooled(const Oracle& oracle, Pool pool, const Tensor& x) {
  return pool(x, oracle.attributes.integers("size"),
              {.strides = oracle.attributes.integers("strides"), .padding = padding_of(oracle)});
}

Program maximum(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) { return pooled(oracle, max_pool2d, in["x"]); });
}

Program average(const Oracle& oracle) {
  return function_of_one(oracle, [&](const Tensors& in) { return pooled(oracle, avg_pool2d, in["x"]); });
}

Program both_padded(const Oracle& oracle) {
  expect_words(oracle, "average", "without padded positions");
  return function_of(oracle, [&](const Tensors& in) -> Results {
    return {{"out.0", pooled(oracle, max_pool2d, in["x"])}, {"out.1", pooled(oracle, avg_pool2d, in["x"])}};
  });
}

Program upsampled(const Oracle& oracle) {
  const std::string mode = oracle.attributes.text("mode");
  if (mode != "nearest" && mode != "bilinear") throw CannotSay("mode: " + mode);
  return function_of_one(oracle, [&](const Tensors& in) {
    return upsample2d(in["x"], static_cast<std::int64_t>(oracle.attributes.number("scale")),
                      mode == "nearest" ? Resize::kNearest : Resize::kBilinear);
  });
}

}  // namespace

void add_images(Builders& builders) {
  builders["conv2d"] = convolution;
  builders["conv2d_groups"] = convolution;
  builders["conv1d"] = convolution_of_sequences;
  builders["depthwise_conv2d"] = depthwise;
  builders["conv2d_transpose"] = transposed;
  builders["conv2d_transpose_explicit"] = transposed_of_torch;
  builders["max_pool2d"] = maximum;
  builders["avg_pool2d"] = average;
  builders["pool2d_padded"] = both_padded;
  builders["upsample2d"] = upsampled;
}

}  // namespace sluice::oracles

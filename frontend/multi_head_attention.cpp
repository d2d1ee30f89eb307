#include <fmt/format.h>

#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "sluice/attention.h"
#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/random.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

constexpr std::string_view kMultiHead = "multi_head_attention";

/// Returns the shape with `dim` inserted before its last `after` axes.
Shape with_axis(const Shape& shape, int after, Dim dim) {
  std::vector<Dim> dims = shape.dims();
  dims.insert(dims.end() - after, dim);
  return Shape(std::move(dims));
}

Shape without_last(const Shape& shape, int axes) { return Shape(std::vector<Dim>(shape.begin(), shape.end() - axes)); }

/// Returns x with the third and the second axis from the end exchanged.
Tensor exchange_heads_and_positions(const Tensor& x) {
  std::vector<std::int64_t> permutation(static_cast<std::size_t>(x.rank()));
  std::iota(permutation.begin(), permutation.end(), 0);
  std::swap(permutation[permutation.size() - 3], permutation[permutation.size() - 2]);
  return transpose(x, permutation);
}

void check_sequences(const Arg& query, const Tensor& key, const Arg& value) {
  const auto fits = [&](const Tensor& x) {
    return x.dtype() == DType::kF32 && x.rank() >= 2 && !x.shape()[x.rank() - 1].batch;
  };
  const std::array<Tensor, 3> operands{query.tensor(), value.tensor(), key};
  const auto fail_for = [&](std::string_view expected) {
    fail_at_user(fmt::format("{}: expected {}, got the query {}, the value {} and the key {}", kMultiHead, expected,
                             to_string(query.type()), to_string(value.type()), to_string(key.type())),
                 operands);
  };
  if (!fits(query) || !fits(key) || !fits(value)) fail_for("f32[...,positions,width]");
  const Shape batch_axes = without_last(query.shape(), 2);
  if (without_last(key.shape(), 2) != batch_axes || without_last(value.shape(), 2) != batch_axes)
    fail_for("the same axes before the last two");
  if (without_last(key.shape(), 1) != without_last(value.shape(), 1))
    fail_for("as many keys as values, the axis before the last");
}

}  // namespace

MultiHeadAttention::MultiHeadAttention(std::int64_t heads, std::int64_t head_width, MultiHeadAttentionOptions options,
                                       std::source_location where)
    : Module(kMultiHead), heads_(heads), head_width_(head_width), options_(options) {
  const Scope scope(where);
  if (heads < 1 || head_width < 1) {
    fail_at_user(fmt::format("{}: expected at least one head of a width of at least 1, got {} of width {}", kMultiHead,
                             heads, head_width));
  }
  if (options.value_width < 0 || options.output_width < 0) {
    fail_at_user(fmt::format("{}: expected widths of at least 0, got a value width of {} and an output width of {}",
                             kMultiHead, options.value_width, options.output_width));
  }
  if (!(options.dropout >= 0 && options.dropout < 1)) {
    fail_at_user(fmt::format("{}: expected a dropout of at least 0 and below 1, got {}", kMultiHead, options.dropout));
  }
}

Variable MultiHeadAttention::kernel(std::string_view name, const Tensor& x, std::int64_t d0, std::int64_t d1,
                                    std::int64_t d2) const {
  const Variable variable = lazy_variable(fmt::format("{}/kernel", name), [&] {
    const double limit = std::sqrt(6.0 / static_cast<double>(d0 * (d1 + d2)));
    return initial_uniform({d0, d1, d2}, -limit, limit);
  });
  const Shape expected{d0, d1, d2};
  if (variable.type().shape == expected) return variable;
  fail_at_user(fmt::format("{}: \"{}\" is {} from the first call, but {} needs {}", kMultiHead, variable.name(),
                           to_string(variable.type()), to_string(x.type()), to_string(expected)),
               {&x, 1});
}

Variable MultiHeadAttention::bias(std::string_view name, std::vector<std::int64_t> sizes) const {
  return lazy_variable(fmt::format("{}/bias", name), [&] { return Array(DType::kF32, std::move(sizes)); });
}

Tensor MultiHeadAttention::project(const Tensor& x, std::string_view name, std::int64_t width) const {
  const std::int64_t in = x.shape()[x.rank() - 1].size;
  Tensor y = matmul(x, reshape(kernel(name, x, in, heads_, width), {in, heads_ * width}));
  if (options_.use_bias) y = y + reshape(bias(name, {heads_, width}), {heads_ * width});
  Shape shape = without_last(x.shape(), 1);
  shape.push_back(heads_);
  shape.push_back(width);
  return exchange_heads_and_positions(reshape(y, shape));
}

Tensor MultiHeadAttention::combine(const Tensor& x, std::int64_t out) const {
  constexpr std::string_view kName = "attention_output";
  const Tensor by_position = exchange_heads_and_positions(x);
  const std::int64_t width = x.shape()[x.rank() - 1].size;
  Shape shape = without_last(by_position.shape(), 2);
  shape.push_back(heads_ * width);
  const Tensor rows = reshape(by_position, shape);
  const Tensor y = matmul(rows, reshape(kernel(kName, x, heads_, width, out), {heads_ * width, out}));
  return options_.use_bias ? y + bias(kName, {out}) : y;
}

Tensor MultiHeadAttention::mask_of(const Arg& query, const Tensor& key, const AttentionCall& call) const {
  Tensor all;
  const auto add = [&](const Tensor& mask) { all = all.empty() ? mask : all & mask; };
  const auto add_padding = [&](const Tensor& mask, const Tensor& of, std::string_view name, int after) {
    if (mask.empty()) return;
    const Type expected{DType::kBool, without_last(of.shape(), 1)};
    if (mask.type() != expected) {
      fail_at_user(fmt::format("{}: expected a {} mask of {}, got {}", kMultiHead, name, to_string(expected),
                               to_string(mask.type())),
                   {&mask, 1});
    }
    add(reshape(mask, with_axis(with_axis(mask.shape(), 1, 1), after, 1)));
  };
  add_padding(call.query_mask, query, "query", 0);
  add_padding(call.key_mask, key, "key", 1);
  if (call.mask.empty()) return all;
  const Tensor& mask = call.mask;
  const bool has_heads = mask.rank() == query.rank() + 1;
  if (mask.dtype() != DType::kBool || mask.rank() > query.rank() + 1) {
    Shape expected = without_last(query.shape(), 1);
    expected.push_back(key.shape()[key.rank() - 2]);
    fail_at_user(fmt::format("{}: expected a mask of bools that broadcasts to {}, got {}", kMultiHead,
                             to_string(expected), to_string(mask.type())),
                 {&mask, 1});
  }
  add(has_heads || mask.rank() < 3 ? mask : reshape(mask, with_axis(mask.shape(), 2, 1)));
  return all;
}

Tensor MultiHeadAttention::attend(const Arg& query, const Arg& value, const AttentionCall& call) const {
  const Scope scope(query.where());
  const Tensor key = call.key.empty() ? value.tensor() : call.key;
  check_sequences(query, key, value);
  if (options_.dropout > 0 && !call.mode) {
    fail_at_user(
        fmt::format("{}: it has dropout, so it needs a Mode: call it with Mode::kTrain in a training step, "
                    "and with Mode::kEvaluate elsewhere",
                    kMultiHead));
  }
  const std::int64_t value_width = options_.value_width > 0 ? options_.value_width : head_width_;
  const std::int64_t out = options_.output_width > 0 ? options_.output_width : query.shape()[query.rank() - 1].size;
  const Tensor q = project(query, "query", head_width_);
  const Tensor k = project(key, "key", head_width_);
  const Tensor v = project(value, "value", value_width);
  const bool trains = call.mode == Mode::kTrain;
  const Tensor mixed = scaled_dot_product_attention(
      q, k, v,
      {.mask = mask_of(query, key, call), .causal = options_.causal, .dropout = trains ? options_.dropout : 0});
  return combine(mixed, out);
}

}  // namespace sluice

#include "sluice/layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/random.h"
#include "sluice/shape_ops.h"

namespace sluice {

void detail::build(const std::vector<TensorSpec>& inputs, const std::source_location& where,
                   const std::function<bool(const std::vector<Tensor>&)>& call) {
  const Scope scope(where);
  const auto traced = function(
      "build", inputs,
      [&](const std::vector<Tensor>& tensors) {
        if (!call(tensors)) fail_at_user(fmt::format("build: the model is not called with {} tensors", tensors.size()));
      },
      where);
  static_cast<void>(traced.graph());
}

Dense::Dense(std::int64_t out, Activation activation, Initializer weights)
    : Module("dense"), out_(out), activation_(std::move(activation)), weights_(std::move(weights)) {
  if (out < 1) fail("dense: expected an output size of at least 1, got {}", out);
  if (!activation_) fail("dense: the activation is empty; pass identity for none");
  if (!weights_) fail("dense: the initializer of the weights is empty");
}

Tensor Dense::operator()(const Arg& x) const {
  const Scope scope(x.where());
  const bool fits = x.dtype() == DType::kF32 && x.rank() >= 2 && !x.shape()[x.rank() - 1].batch;
  if (!fits) {
    const char* const advice = x.dtype() != DType::kF32 ? "; cast(x, f32) converts it"
                               : x.rank() >= 2          ? "; the last axis must be a number, the size of the weights"
                                                        : "";
    fail_at_user(fmt::format("dense: expected f32[batch,...,in], got {}{}", to_string(x.type()), advice),
                 {&x.tensor(), 1});
  }
  const std::int64_t in = x.shape()[x.rank() - 1].size;
  const Variable w = lazy_variable("w", [&] {
    Array initial = weights_(in, out_);
    const Type expected{DType::kF32, {Dim(in), Dim(out_)}};
    if (initial.type() == expected) return initial;
    fail_at_user(
        fmt::format("dense: the initial weights are {}, expected {}", to_string(initial.type()), to_string(expected)));
  });
  const Variable b = lazy_variable("b", [&] { return Array(DType::kF32, {out_}); });
  if (w.type().shape[0] != Dim(in)) {
    fail_at_user(fmt::format("dense: \"{}\" is {}, so the input has {} columns, got {}", w.name(), to_string(w.type()),
                             to_string(w.type().shape[0]), to_string(x.type())),
                 {&x.tensor(), 1});
  }
  const Tensor product = matmul(x, w);
  return activation_(product + b);
}

Tensor detail::LayerChain::call(const Arg& x, std::optional<Mode> mode) const {
  const Scope scope(x.where());
  Tensor result = x;
  for (const CalledLayer& layer : *layers_) result = layer(result, mode);
  return result;
}

void detail::LayerChain::fail_without_mode(std::string_view kind) {
  fail_at_user(
      fmt::format("{}: a layer behaves differently in training, so it needs a Mode: call model(x, Mode::kTrain) in a "
                  "training step, and model(x, Mode::kEvaluate) elsewhere, as in an ExportModule",
                  kind));
}

Tensor Residual::with_shortcut(const Arg& x, std::optional<Mode> mode) const {
  const Scope scope(x.where());
  const Tensor result = call(x, mode);
  if (result.type() != x.type()) {
    fail_at_user(fmt::format("residual: expected its layers to return {}, the type of their input, got {}",
                             to_string(x.type()), to_string(result.type())),
                 std::array{x.tensor(), result});
  }
  return x + result;
}

namespace {

/// Returns the shape of one example of x: x without its first axis. Throws Error, naming `layer`, if there is none.
Shape example_shape(std::string_view layer, const Arg& x) {
  if (x.rank() == 0) {
    fail_at_user(fmt::format("{}: expected a tensor of [batch,...], got {}", layer, to_string(x.type())),
                 {&x.tensor(), 1});
  }
  return Shape(std::vector<Dim>(x.shape().begin() + 1, x.shape().end()));
}

}  // namespace

Tensor Flatten::operator()(const Arg& x) const {
  const Scope scope(x.where());
  const Dim features = example_shape("flatten", x).element_count();
  return reshape(x, {x.shape()[0], features});
}

Reshape::Reshape(Shape target, std::source_location where) : target_(std::move(target)) {
  const Scope scope(where);
  int inferred = 0;
  for (const Dim dim : target_) {
    if (!dim.batch && dim.size < -1) {
      fail_at_user(fmt::format("reshape: expected sizes of at least 0, or -1, got {}", to_string(target_)));
    }
    if (dim == Dim(-1)) ++inferred;
  }
  if (inferred > 1) fail_at_user(fmt::format("reshape: {} has more than one -1", to_string(target_)));
}

Tensor Reshape::operator()(const Arg& x) const {
  const Scope scope(x.where());
  const Dim elements = example_shape("reshape", x).element_count();
  Shape shape{x.shape()[0]};
  Dim known = 1;
  for (const Dim dim : target_) {
    shape.push_back(dim);
    if (dim != Dim(-1)) known = known * dim;
  }
  const auto inferred = std::find(shape.begin() + 1, shape.end(), Dim(-1));
  const bool infers = inferred != shape.end();
  const std::optional<Dim> left = infers && known != Dim(0) ? divide(elements, known) : std::nullopt;
  if (infers ? !left : elements != known) {
    fail_at_user(fmt::format("reshape: expected examples that fill {}, got {}, whose examples have {} elements",
                             to_string(target_), to_string(x.type()), to_string(elements)),
                 {&x.tensor(), 1});
  }
  if (infers) shape[static_cast<int>(inferred - shape.begin())] = *left;
  return reshape(x, shape);
}

}  // namespace sluice

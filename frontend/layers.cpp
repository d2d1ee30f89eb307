#include "sluice/layers.h"

#include <fmt/format.h>

#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/random.h"

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
    const char* const advice = x.dtype() != DType::kF32 ? "; cast(x, f32) converts it" : "";
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

Tensor Sequential::call(const Arg& x, std::optional<Mode> mode) const {
  const Scope scope(x.where());
  Tensor result = x;
  for (const CalledLayer& layer : *layers_) result = layer(result, mode);
  return result;
}

void Sequential::fail_without_mode() {
  fail_at_user(
      "sequential: a layer behaves differently in training, so it needs a Mode: call model(x, Mode::kTrain) in a "
      "training step, and model(x, Mode::kEvaluate) elsewhere, as in an ExportModule");
}

}  // namespace sluice

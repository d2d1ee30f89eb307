#include "sluice/nn.h"

#include <fmt/format.h>

#include <array>

#include "frontend/axes.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/random.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

/// Returns x minus its maximum along `axis`, which changes neither softmax nor its derivative.
Tensor shifted(std::string_view op, const Tensor& x, int axis) {
  if (!is_float(x.dtype())) fail_at_user(fmt::format("{}: expected floats, got {}", op, to_string(x.type())));
  const int from_first = detail::normalize_axis(op, axis, x.type());
  return x - stop_gradient(reduce_max(x, from_first, {.keepdims = true}));
}

}  // namespace

Tensor softmax(const Arg& x, int axis) {
  const Scope scope(x.where());
  const Tensor e = exp(shifted("softmax", x, axis));
  return e / reduce_sum(e, axis, {.keepdims = true});
}

Tensor log_softmax(const Arg& x, int axis) {
  const Scope scope(x.where());
  const Tensor shift = shifted("log_softmax", x, axis);
  return shift - log(reduce_sum(exp(shift), axis, {.keepdims = true}));
}

Tensor sparse_softmax_cross_entropy(const Arg& logits, const Arg& labels) {
  const Scope scope(logits.where());
  constexpr std::string_view kName = "sparse_softmax_cross_entropy";
  Shape rows;
  for (int axis = 0; axis + 1 < logits.rank(); ++axis) rows.push_back(logits.shape()[axis]);
  const bool fits =
      logits.rank() > 0 && is_float(logits.dtype()) && is_integer(labels.dtype()) && labels.shape() == rows;
  if (!fits || logits.shape()[logits.rank() - 1].batch) {
    fail_at_user(fmt::format("{}: expected float logits [...,classes] and integer labels [...], got {} and {}", kName,
                             to_string(logits.type()), to_string(labels.type())),
                 std::array{logits.tensor(), labels.tensor()});
  }
  const std::int64_t classes = logits.shape()[logits.rank() - 1].size;
  Trace::required(kName).expect_indices(labels, classes, "label", "classes of the logits");
  const Tensor shift = shifted(kName, logits, -1);
  const Tensor at_label = one_hot(labels, classes, DType::kBool);
  // Selects instead of multiplying: 0 * -inf would be NaN.
  const Tensor of_label = reduce_sum(select(at_label, shift, 0), -1);
  return log(reduce_sum(exp(shift), -1)) - of_label;
}

// With x for the logits: -z log(p) - (1 - z) log(1 - p) = max(x, 0) - x z + log1p(exp(-|x|)). Uses selects because the
// derivatives of max and abs at 0 do not add up to sigmoid(0) - z.
Tensor sigmoid_cross_entropy(const Arg& logits, const Arg& labels) {
  const Scope scope(logits.where());
  if (!is_float(logits.dtype()) || logits.type() != labels.type()) {
    fail_at_user(fmt::format("sigmoid_cross_entropy: expected logits and labels of one type of floats, got {} and {}",
                             to_string(logits.type()), to_string(labels.type())),
                 std::array{logits.tensor(), labels.tensor()});
  }
  const Tensor positive = logits >= 0;
  const Tensor minus_size = select(positive, -logits, logits);
  return select(positive, logits, 0) - logits * labels + log1p(exp(minus_size));
}

Tensor mean_squared_error(const Arg& prediction, const Arg& target) {
  const Scope scope(prediction.where());
  if (prediction.type() != target.type()) {
    fail_at_user(fmt::format("mean_squared_error: expected two tensors of one type, got {} and {}",
                             to_string(prediction.type()), to_string(target.type())),
                 std::array{prediction.tensor(), target.tensor()});
  }
  return reduce_mean(square(prediction - target));
}

Tensor l2_loss(const Arg& x) {
  const Scope scope(x.where());
  if (!is_float(x.dtype())) fail_at_user(fmt::format("l2_loss: expected floats, got {}", to_string(x.type())));
  return reduce_sum(square(x)) / 2;
}

Tensor dropout(const Arg& x, double rate, Mode mode) {
  const Scope scope(x.where());
  if (!(rate >= 0 && rate < 1))
    fail_at_user(fmt::format("dropout: expected a rate of at least 0 and below 1, got {}", rate));
  if (!is_float(x.dtype())) fail_at_user(fmt::format("dropout: expected floats, got {}", to_string(x.type())));
  if (mode == Mode::kEvaluate || rate == 0) return x;
  const Tensor keep = random_uniform(x.shape(), 0, 1, x.dtype()) >= rate;
  return select(keep, x * (1 / (1 - rate)), 0);
}

}  // namespace sluice

#include "sluice/losses.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include "frontend/axes.h"
#include "sluice/array.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/nn.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

/// Throws Error unless both are floats of one type, with an axis for each row if `rows`.
void check_pair(std::string_view name, const Arg& prediction, const Arg& target, bool rows = false) {
  const bool fits = is_float(prediction.dtype()) && prediction.type() == target.type();
  if (fits && (!rows || prediction.rank() > 0)) return;
  fail_at_user(
      fmt::format("{}: expected predictions and targets of one type of floats{}, got {} and {}", name,
                  rows ? " with at least one axis" : "", to_string(prediction.type()), to_string(target.type())),
      std::array{prediction.tensor(), target.tensor()});
}

void check_smoothing(std::string_view name, double smoothing) {
  if (smoothing >= 0 && smoothing <= 1) return;
  fail_at_user(fmt::format("{}: expected a label_smoothing from 0 to 1, got {}", name, smoothing));
}

void check_finite_above(std::string_view name, std::string_view option, double value) {
  if (value > 0 && std::isfinite(value)) return;
  fail_at_user(fmt::format("{}: expected a finite {} above 0, got {}", name, option, value));
}

/// Returns the number of classes, the last axis of `logits`.
std::int64_t classes_of(std::string_view name, const Arg& logits) {
  const Dim classes = logits.shape()[logits.rank() - 1];
  if (!classes.batch) return classes.size;
  fail_at_user(fmt::format("{}: expected a number of classes, axis {}, got {}", name, logits.rank() - 1,
                           to_string(logits.type())),
               {&logits.tensor(), 1});
}

Tensor reduced(const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::kNone) return losses;
  const Dim count = losses.shape().element_count();
  if (reduction == Reduction::kMean && count.always_at_least(1)) return reduce_mean(losses);
  const Tensor sum = reduce_sum(losses);
  if (reduction == Reduction::kSum) return sum;
  return sum / maximum(cast(detail::number_of(count), losses.dtype()), 1);
}

/// Returns sum / divisor, or 0 where the divisor is 0.
Tensor divide_no_nan(const Tensor& sum, const Tensor& divisor) {
  const Tensor none = divisor == 0;
  return select(none, 0, sum / select(none, 1, divisor));
}

/// Returns -weight * log_p without the NaN of 0 * -inf, in the value and in both derivatives.
Tensor weighted_surprise(const Tensor& weight, const Tensor& log_p) {
  const Tensor impossible = (weight == 0) & (log_p == kMinusInfinity);
  return weight * select(impossible, 0, -log_p);
}

}  // namespace

Tensor categorical_crossentropy(const Arg& logits, const Arg& target, CategoricalCrossentropyOptions options) {
  const Scope scope(logits.where());
  constexpr std::string_view kName = "categorical_crossentropy";
  check_pair(kName, logits, target, true);
  check_smoothing(kName, options.label_smoothing);
  const auto classes = static_cast<double>(classes_of(kName, logits));
  Tensor t = target;
  if (options.label_smoothing > 0) t = t * (1 - options.label_smoothing) + options.label_smoothing / classes;
  return reduced(reduce_sum(weighted_surprise(t, log_softmax(logits)), -1), options.reduction);
}

namespace {

/// Throws Error unless `ignore_label` is a value of the labels' dtype: no label could be equal to another.
void check_ignore_label(std::string_view name, std::int64_t ignore_label, const Arg& labels) {
  const bool fits = visit_dtype(labels.dtype(), [&]<typename T>(T) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) return std::in_range<T>(ignore_label);
    return false;
  });
  if (fits) return;
  fail_at_user(fmt::format("{}: ignore_label {} is no value of the labels' element type {}; cast the labels", name,
                           ignore_label, to_string(labels.dtype())),
               {&labels.tensor(), 1});
}

}  // namespace

Tensor sparse_categorical_crossentropy(const Arg& logits, const Arg& labels,
                                       SparseCategoricalCrossentropyOptions options) {
  const Scope scope(logits.where());
  constexpr std::string_view kName = "sparse_categorical_crossentropy";
  Shape rows;
  for (int axis = 0; axis + 1 < logits.rank(); ++axis) rows.push_back(logits.shape()[axis]);
  if (logits.rank() == 0 || !is_float(logits.dtype()) || !is_integer(labels.dtype()) || labels.shape() != rows) {
    fail_at_user(fmt::format("{}: expected float logits [...,classes] and integer labels [...], got {} and {}", kName,
                             to_string(logits.type()), to_string(labels.type())),
                 std::array{logits.tensor(), labels.tensor()});
  }
  const std::int64_t classes = classes_of(kName, logits);
  const double smoothing = options.label_smoothing;
  check_smoothing(kName, smoothing);
  const Tensor& weights = options.class_weights;
  if (!weights.empty() && weights.type() != Type{logits.dtype(), {Dim(classes)}}) {
    fail_at_user(fmt::format("{}: expected class_weights {}, got {}", kName,
                             to_string(Type{logits.dtype(), {Dim(classes)}}), to_string(weights.type())),
                 {&weights, 1});
  }
  if (options.ignore_label) check_ignore_label(kName, *options.ignore_label, labels);
  Trace::required(kName).expect_indices(labels, classes, "label", "classes of the logits", options.ignore_label);

  Tensor kept;  // empty: all rows
  Tensor label = labels;
  Tensor scores = logits;
  if (options.ignore_label) {
    kept = labels != *options.ignore_label;
    label = select(kept, labels, 0);  // the ignored label may not be a class
    Shape column = rows;
    column.push_back(1);
    scores = select(reshape(kept, column), logits, 0);  // a NaN there would reach its gradient as 0 * NaN
  }
  const Tensor at_label = one_hot(label, classes, DType::kBool);
  const Tensor log_p = log_softmax(scores);
  const Tensor surprise = weights.empty() ? -log_p : weighted_surprise(weights, log_p);
  // Selects instead of multiplying: 0 * inf would be NaN.
  Tensor losses = reduce_sum(select(at_label, surprise, 0), -1);
  if (smoothing > 0) {
    const Tensor of_all = reduce_sum(surprise, -1) * (smoothing / static_cast<double>(classes));
    losses = smoothing < 1 ? losses * (1 - smoothing) + of_all : of_all;
  }
  if (!kept.empty()) losses = select(kept, losses, 0);
  if (options.reduction != Reduction::kMean || (kept.empty() && weights.empty()))
    return reduced(losses, options.reduction);
  Tensor counted = weights.empty() ? ones_like(losses) : reduce_sum(select(at_label, weights, 0), -1);
  if (!kept.empty()) counted = select(kept, counted, 0);
  return divide_no_nan(reduce_sum(losses), reduce_sum(counted));
}

// With x for the logits, z for the labels and w for pos_weight: w z softplus(-x) + (1 - z) softplus(x), whose two
// softplus share log1p(exp(-|x|)). Selects, because the derivatives of max and abs at 0 do not add up to that of
// softplus.
Tensor binary_crossentropy(const Arg& logits, const Arg& labels, BinaryCrossentropyOptions options) {
  const Scope scope(logits.where());
  constexpr std::string_view kName = "binary_crossentropy";
  check_pair(kName, logits, labels);
  check_smoothing(kName, options.label_smoothing);
  Tensor z = labels;
  if (options.label_smoothing > 0) z = z * (1 - options.label_smoothing) + options.label_smoothing / 2;
  const Literal* const number = options.pos_weight.literal();
  const bool unweighted =
      number != nullptr && std::visit([](auto value) { return static_cast<double>(value) == 1; }, number->value());
  if (unweighted) return reduced(sigmoid_cross_entropy(logits, z), options.reduction);
  const Tensor positive = z * options.pos_weight;
  if (positive.shape() != logits.shape()) {
    fail_at_user(fmt::format("{}: expected a pos_weight that broadcasts to {}, got {}", kName, to_string(logits.type()),
                             to_string(options.pos_weight.tensor()->type())),
                 {options.pos_weight.tensor(), 1});
  }
  const Tensor negative = 1 - z;
  const Tensor above = logits >= 0;
  const Tensor tail = log1p(exp(select(above, -logits, logits)));
  const Tensor losses = select(above, negative * logits, -(positive * logits)) + (positive + negative) * tail;
  return reduced(losses, options.reduction);
}

Tensor mean_absolute_error(const Arg& prediction, const Arg& target, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("mean_absolute_error", prediction, target);
  return reduced(abs(prediction - target), reduction);
}

Tensor huber(const Arg& prediction, const Arg& target, double delta, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("huber", prediction, target);
  check_finite_above("huber", "delta", delta);
  const Tensor error = prediction - target;
  const Tensor size = abs(error);
  const Tensor inside = size <= delta;
  // The square of an error that is not inside may overflow.
  const Tensor squared = 0.5 * square(select(inside, error, 0));
  return reduced(select(inside, squared, delta * (size - 0.5 * delta)), reduction);
}

Tensor smooth_l1(const Arg& prediction, const Arg& target, double beta, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("smooth_l1", prediction, target);
  if (beta == 0) return reduced(abs(prediction - target), reduction);
  check_finite_above("smooth_l1", "beta", beta);
  const Tensor error = prediction - target;
  const Tensor size = abs(error);
  const Tensor inside = size <= beta;
  const Tensor squared = square(select(inside, error, 0)) * (0.5 / beta);
  return reduced(select(inside, squared, size - 0.5 * beta), reduction);
}

// log(cosh(e)) = |e| + log((1 + exp(-2 |e|)) / 2); expm1 keeps the digits of small differences.
Tensor log_cosh(const Arg& prediction, const Arg& target, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("log_cosh", prediction, target);
  const Tensor size = abs(prediction - target);
  return reduced(size + log1p(expm1(-2 * size) / 2), reduction);
}

Tensor poisson(const Arg& prediction, const Arg& target, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("poisson", prediction, target);
  constexpr double kEpsilon = 1e-7;  // Keras's
  return reduced(prediction - target * log(prediction + kEpsilon), reduction);
}

Tensor kl_divergence(const Arg& log_prediction, const Arg& target, Reduction reduction) {
  const Scope scope(log_prediction.where());
  check_pair("kl_divergence", log_prediction, target, true);
  const Tensor none = target == 0;
  // Operands of the terms that are not taken are replaced as well: 0 * inf in their derivatives would be NaN.
  const Tensor difference = log(select(none, 1, target)) - select(none, 0, log_prediction);
  return reduced(reduce_sum(select(none, 0, target * difference), -1), reduction);
}

namespace {

/// Returns x divided by its norm along `axis`, or by 1e-7 if the norm is smaller.
Tensor unit_vectors(const Tensor& x, int axis) {
  constexpr double kLeastSquare = 1e-14;
  if (x.shape()[axis] == Dim(0)) return x;
  // The squares of large elements would overflow. Neither the result nor its derivative depends on the scale.
  const Tensor scale = stop_gradient(maximum(reduce_max(abs(x), axis, {.keepdims = true}), 1));
  const Tensor scaled = x / scale;
  return scaled * rsqrt(maximum(reduce_sum(square(scaled), axis, {.keepdims = true}), kLeastSquare));
}

/// Targets of hinge losses, with -1 for 0.
Tensor signs_of(const Tensor& target) { return select(target == 0, -1, target); }

}  // namespace

Tensor cosine_similarity(const Arg& prediction, const Arg& target, int axis, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("cosine_similarity", prediction, target, true);
  const int from_first = detail::normalize_axis("cosine_similarity", axis, prediction.type());
  const Tensor product = unit_vectors(prediction, from_first) * unit_vectors(target, from_first);
  // Rounding may lead beyond 1.
  return reduced(clip_by_value(-reduce_sum(product, from_first), -1, 1), reduction);
}

Tensor hinge(const Arg& prediction, const Arg& target, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("hinge", prediction, target);
  return reduced(relu(1 - signs_of(target) * prediction), reduction);
}

Tensor squared_hinge(const Arg& prediction, const Arg& target, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("squared_hinge", prediction, target);
  return reduced(square(relu(1 - signs_of(target) * prediction)), reduction);
}

Tensor categorical_hinge(const Arg& prediction, const Arg& target, Reduction reduction) {
  const Scope scope(prediction.where());
  check_pair("categorical_hinge", prediction, target, true);
  const Tensor right = reduce_sum(target * prediction, -1);
  const Tensor wrong = reduce_max((1 - target) * prediction, -1);
  return reduced(relu(wrong - right + 1), reduction);
}

}  // namespace sluice

#include "sluice/metrics.h"

#include <fmt/format.h>

#include <array>
#include <limits>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

/// Returns which part of `hits` is true, f32[].
Tensor part_of(const Tensor& hits) {
  const Dim count = hits.shape().element_count();
  const Tensor sum = reduce_sum(cast(hits, DType::kF32));
  const Tensor all = cast(detail::number_of(count), DType::kF32);
  return sum / (count.always_at_least(1) ? all : maximum(all, 1));
}

/// The rows of a classifier's scores with their labels.
struct Classified {
  std::int64_t classes;
  Tensor labels;    ///< i64, of the shape of the rows
  Tensor in_range;  ///< bool, of the same shape
};

/// Throws Error unless the operands are scores [...,classes], with a number of classes, and integer labels [...].
Classified classified(std::string_view name, const Arg& scores, const Arg& labels) {
  Shape rows;
  for (int axis = 0; axis + 1 < scores.rank(); ++axis) rows.push_back(scores.shape()[axis]);
  const bool fits = scores.rank() > 0 && is_float(scores.dtype()) && is_integer(labels.dtype()) &&
                    labels.shape() == rows && !scores.shape()[scores.rank() - 1].batch;
  if (!fits) {
    fail_at_user(fmt::format("{}: expected float scores [...,classes] and integer labels [...], got {} and {}", name,
                             to_string(scores.type()), to_string(labels.type())),
                 std::array{scores.tensor(), labels.tensor()});
  }
  const std::int64_t classes = scores.shape()[scores.rank() - 1].size;
  Trace::required(name).expect_indices(labels, classes, "label", "classes of the scores");
  const Tensor wide = cast(labels, DType::kI64);
  return {classes, wide, (wide >= 0) & (wide < classes)};
}

void check_binary(std::string_view name, const Arg& predictions, const Arg& labels) {
  if (is_float(predictions.dtype()) && predictions.shape() == labels.shape()) return;
  fail_at_user(fmt::format("{}: expected float predictions and labels of one shape, got {} and {}", name,
                           to_string(predictions.type()), to_string(labels.type())),
               std::array{predictions.tensor(), labels.tensor()});
}

}  // namespace

Tensor accuracy(const Arg& scores, const Arg& labels) {
  const Scope scope(scores.where());
  const Classified rows = classified("accuracy", scores, labels);
  return part_of(argmax(scores, -1) == rows.labels);
}

Tensor top_k_accuracy(const Arg& scores, const Arg& labels, std::int64_t k) {
  const Scope scope(scores.where());
  const Classified rows = classified("top_k_accuracy", scores, labels);
  if (k < 1 || k > rows.classes)
    fail_at_user(fmt::format("top_k_accuracy: expected a k from 1 to {}, got {}", rows.classes, k));
  const Tensor at_label = one_hot(rows.labels, rows.classes, DType::kBool);
  Shape column = rows.labels.shape();
  column.push_back(1);
  // A maximum, unlike a sum, is the score itself, bit for bit.
  const Tensor alone = select(at_label, scores, -std::numeric_limits<double>::infinity());
  const Tensor of_label = reshape(reduce_max(alone, -1), column);
  // Counts NaN as higher, and everything as higher than NaN.
  const Tensor higher = reduce_sum(cast(~(scores <= of_label), DType::kI64), -1);
  return part_of((higher < k) & rows.in_range);
}

Tensor binary_accuracy(const Arg& predictions, const Arg& labels, double threshold) {
  const Scope scope(predictions.where());
  check_binary("binary_accuracy", predictions, labels);
  const Tensor positive = predictions > threshold;
  if (labels.dtype() == DType::kBool) return part_of(positive == labels);
  return part_of(select(positive, labels == 1, labels == 0));
}

Tensor confusion_matrix(const Arg& scores, const Arg& labels) {
  const Scope scope(scores.where());
  const Classified rows = classified("confusion_matrix", scores, labels);
  const Shape all{rows.labels.shape().element_count()};
  const Tensor cells = select(rows.in_range, rows.labels, 0) * rows.classes + argmax(scores, -1);
  const Tensor table = full({rows.classes * rows.classes}, 0, DType::kI64);
  const Tensor counted = scatter_add(table, reshape(cells, all), reshape(cast(rows.in_range, DType::kI64), all));
  return reshape(counted, {rows.classes, rows.classes});
}

Tensor binary_counts(const Arg& predictions, const Arg& labels, const std::vector<double>& thresholds) {
  const Scope scope(predictions.where());
  check_binary("binary_counts", predictions, labels);
  if (thresholds.empty()) fail_at_user("binary_counts: expected at least one threshold");
  const Dim elements = predictions.shape().element_count();
  const auto count = static_cast<std::int64_t>(thresholds.size());
  const Tensor positive = reshape(cast(labels, DType::kBool), {elements, 1});
  const Tensor bounds = cast(constant(Array(thresholds)), predictions.dtype());
  const Tensor predicted = reshape(predictions, {elements, 1}) > reshape(bounds, {1, count});
  const auto number_of = [](const Tensor& hits) { return reduce_sum(cast(hits, DType::kI64), 0); };
  const Tensor true_positives = number_of(predicted & positive);
  const Tensor false_positives = number_of(predicted & ~positive);
  const Tensor positives = number_of(positive);  // [1]
  const Tensor negatives = number_of(~positive);
  const std::vector<Tensor> columns{true_positives, false_positives, negatives - false_positives,
                                    positives - true_positives};
  std::vector<Tensor> shaped;
  for (const Tensor& column : columns) shaped.push_back(reshape(column, {count, 1}));
  return concat(shaped, 1);
}

}  // namespace sluice

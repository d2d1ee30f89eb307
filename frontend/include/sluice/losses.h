#pragma once

#include <cstdint>
#include <optional>

#include "sluice/tensor.h"

// Losses by Keras's names. Predictions come first, as in the losses of sluice/nn.h; those of classifiers are logits,
// which Keras calls from_logits=True. Predictions and targets are floats of one type: no loss broadcasts, because a
// [B,1] against a [B] would become a [B,B]. All throw Error at the user's line for other operands and for options
// outside their limits.
namespace sluice {

/// How a loss is reduced. Each function says whether it computes a loss for each row or for each element.
enum class Reduction : std::uint8_t {
  kMean,  ///< the mean of the losses, a scalar: Keras's "sum_over_batch_size"; 0 if there are none
  kSum,   ///< their sum, a scalar
  kNone,  ///< the losses themselves
};

struct CategoricalCrossentropyOptions {
  double label_smoothing = 0;  ///< from 0 to 1: the part of the target that is spread evenly over all classes
  Reduction reduction = Reduction::kMean;
};

/// For each row of `logits` [..., classes], -sum(target * log(softmax(logits))): softmax cross-entropy with targets
/// that are probabilities of the classes. With label smoothing s, the target becomes (1 - s) * target + s / classes. A
/// class whose target is 0 contributes nothing, even if its logit is -inf.
Tensor categorical_crossentropy(const Arg& logits, const Arg& target, CategoricalCrossentropyOptions options = {});

struct SparseCategoricalCrossentropyOptions {
  /// Rows with this label are left out: their losses and gradients are 0, and a mean does not count them. Need not be a
  /// class.
  std::optional<std::int64_t> ignore_label = {};
  double label_smoothing = 0;  ///< as in categorical_crossentropy
  /// A weight for each class, of the logits' dtype: [classes]; empty: 1. As in PyTorch, smoothing weights each class by
  /// its own weight, and a mean divides by the sum of the weights of the labels. Keras divides by the number of rows.
  Tensor class_weights = {};
  Reduction reduction = Reduction::kMean;
};

/// For each row of `logits` [..., classes], the negative logarithm of softmax at its integer label. `labels` has the
/// shape of the rows. The mean over no rows is 0, and so is one whose weights add up to 0. A label that is neither a
/// class nor the ignored one selects no class; if the labels are an argument of the function, a call with such a label
/// throws Error before it runs.
Tensor sparse_categorical_crossentropy(const Arg& logits, const Arg& labels,
                                       SparseCategoricalCrossentropyOptions options = {});

struct BinaryCrossentropyOptions {
  double label_smoothing = 0;  ///< from 0 to 1: moves each label toward 1/2
  /// Multiplies the losses of positive labels: a number, or a tensor that broadcasts to the logits.
  TensorOrNumber pos_weight = 1;
  Reduction reduction = Reduction::kMean;
};

/// For each element, -w z log(p) - (1 - z) log(1 - p), where p is sigmoid(logits), z in [0, 1] is that of `labels`, and
/// w is pos_weight. Does not overflow for any finite logit. With label smoothing s, z becomes (1 - s) * z + s / 2.
Tensor binary_crossentropy(const Arg& logits, const Arg& labels, BinaryCrossentropyOptions options = {});

/// For each element, |prediction - target|. The derivative is 0 where they are equal.
Tensor mean_absolute_error(const Arg& prediction, const Arg& target, Reduction reduction = Reduction::kMean);
/// For each element with e = prediction - target: e^2 / 2 where |e| <= delta, else delta * (|e| - delta / 2). `delta`
/// is finite and above 0.
Tensor huber(const Arg& prediction, const Arg& target, double delta = 1, Reduction reduction = Reduction::kMean);
/// huber(prediction, target, beta) / beta, as in PyTorch: its slope far from the target is 1. With beta = 0 it is
/// |prediction - target|.
Tensor smooth_l1(const Arg& prediction, const Arg& target, double beta = 1, Reduction reduction = Reduction::kMean);
/// For each element, log(cosh(prediction - target)); does not overflow for any finite difference.
Tensor log_cosh(const Arg& prediction, const Arg& target, Reduction reduction = Reduction::kMean);
/// For each element, prediction - target * log(prediction + 1e-7), the negative log-likelihood of a Poisson
/// distribution with mean `prediction` up to a constant. The mean must not be negative.
Tensor poisson(const Arg& prediction, const Arg& target, Reduction reduction = Reduction::kMean);

/// For each row along the last axis, sum(target * (log(target) - log_prediction)), the divergence of the distribution
/// `log_prediction` from `target`. Takes the logarithms of the predicted probabilities, such as log_softmax(logits), as
/// in PyTorch; Keras takes the probabilities. Terms with target 0 are 0, and so are their derivatives, even where
/// log_prediction is -inf.
Tensor kl_divergence(const Arg& log_prediction, const Arg& target, Reduction reduction = Reduction::kMean);
/// For each vector along `axis`, minus the cosine of the angle between both: -1 in the same direction, 0 if they are
/// perpendicular, 1 in opposite directions. Minus, as in Keras's loss; PyTorch's cosine_similarity is the negative of
/// this. Norms below 1e-7 count as 1e-7, as in Keras, so the value for a zero vector is 0.
Tensor cosine_similarity(const Arg& prediction, const Arg& target, int axis = -1,
                         Reduction reduction = Reduction::kMean);

/// For each element, max(1 - target * prediction, 0). Targets are -1 and 1; 0 counts as -1.
Tensor hinge(const Arg& prediction, const Arg& target, Reduction reduction = Reduction::kMean);
/// The square of the hinge loss of each element.
Tensor squared_hinge(const Arg& prediction, const Arg& target, Reduction reduction = Reduction::kMean);
/// For each row along the last axis, max(highest prediction of a wrong class - prediction of the right class + 1, 0);
/// `target` is one-hot: max(max((1 - target) * prediction) - sum(target * prediction) + 1, 0).
Tensor categorical_hinge(const Arg& prediction, const Arg& target, Reduction reduction = Reduction::kMean);

}  // namespace sluice

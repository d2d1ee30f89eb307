#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sluice/tensor.h"
#include "sluice/variable.h"

// Neural-network functions as compositions of ops, numerically stable.
namespace sluice {

/// exp(x) / sum(exp(x)) along `axis`, by default the last; does not overflow for any finite x.
Tensor softmax(const Arg& x, int axis);
inline Tensor softmax(const Arg& x) { return softmax(x, -1); }
/// log(softmax(x)) along `axis`, without the cancellation of taking the logarithm.
Tensor log_softmax(const Arg& x, int axis);
inline Tensor log_softmax(const Arg& x) { return log_softmax(x, -1); }
/// For each row of `logits` [..., classes], the negative logarithm of softmax at its integer label. `labels` has the
/// shape of the rows. A label out of range selects no class; if the labels are an argument of the function, a call with
/// such a label throws Error before it runs.
Tensor sparse_softmax_cross_entropy(const Arg& logits, const Arg& labels);
/// For each element, -z log(p) - (1 - z) log(1 - p), where p is sigmoid(logits) and z in [0, 1] is that of `labels`.
/// Both are floats of one type; does not overflow for any finite logit.
Tensor sigmoid_cross_entropy(const Arg& logits, const Arg& labels);
/// The mean over all elements of (prediction - target)^2, a scalar.
Tensor mean_squared_error(const Arg& prediction, const Arg& target);
/// sum(x^2) / 2, a scalar.
Tensor l2_loss(const Arg& x);

enum class Mode : std::uint8_t { kEvaluate, kTrain };
/// In training, sets each element to 0 with probability `rate` and divides the others by 1 - rate; in evaluation,
/// returns x itself. Throws Error unless 0 <= rate < 1.
Tensor dropout(const Arg& x, double rate, Mode mode);

}  // namespace sluice
